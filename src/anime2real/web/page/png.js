// The marks of a generated picture in a PNG: XMP in an iTXt chunk, and Software in a tEXt chunk.

import { crc } from "./crc.js";

const SIGNATURE = 8;
const AFTER_HEADER = SIGNATURE + 25; // and IHDR
const TEXTS = new Set(["iTXt", "tEXt"]);

function chunk(kind, text) {
  const body = new TextEncoder().encode(kind + text);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length - 4);
  out.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return out;
}

const inserted = (blob, chunks) =>
  new Blob([blob.slice(0, AFTER_HEADER), ...chunks, blob.slice(AFTER_HEADER)], { type: "image/png" });

/** A PNG with these marks. */
export const marked = async (blob, { xmp, software }) =>
  inserted(blob, [chunk("iTXt", `XML:com.adobe.xmp\0\0\0\0\0${xmp}`), chunk("tEXt", `Software\0${software}`)]);

/** A PNG with the texts of another one, among them its marks. */
export async function markedAs(blob, other) {
  const bytes = new Uint8Array(await other.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const texts = [];
  for (let at = SIGNATURE; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (TEXTS.has(kind)) texts.push(bytes.slice(at, at + 12 + length));
    at += 12 + length;
  }
  return inserted(blob, texts);
}
