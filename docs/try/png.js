// Puts the marks of a generated picture into a PNG: XMP in an iTXt chunk, and Software in a tEXt chunk.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
const AFTER_HEADER = 8 + 25; // the signature and IHDR

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(kind, text) {
  const body = new TextEncoder().encode(kind + text);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length - 4);
  out.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return out;
}

/** A PNG with the marks of the manifest. */
export async function marked(blob, { xmp, software }) {
  const [head, tail] = [blob.slice(0, AFTER_HEADER), blob.slice(AFTER_HEADER)];
  const texts = [chunk("iTXt", `XML:com.adobe.xmp\0\0\0\0\0${xmp}`), chunk("tEXt", `Software\0${software}`)];
  return new Blob([head, ...texts, tail], { type: "image/png" });
}
