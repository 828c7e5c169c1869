// Whether a picture moves: the page translates its first frame alone, and says so.

export const FIRST_ALONE = "animated: only the first frame is used; anime2real translate, without --layout, takes all";

const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));
const start = (bytes, letters) => text(bytes, 0, letters.length) === letters;

/** Whether the bytes (Uint8Array) of a GIF, PNG or WebP hold several frames. */
export function isAnimated(bytes) {
  if (start(bytes, "GIF8")) return framesOfGif(bytes) > 1;
  if (start(bytes, "\x89PNG")) return framesOfPng(bytes) > 1;
  return text(bytes, 8, 8) === "WEBPVP8X" && (bytes[20] & 2) !== 0; // the flag of animations
}

/** The frames that a PNG's acTL chunk tells, which stands before the first IDAT; 1 without. */
function framesOfPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = text(bytes, at + 4, 4);
    if (kind === "acTL") return view.getUint32(at + 8);
    if (kind === "IDAT") break;
  }
  return 1;
}

/** The frames of a GIF, counted up to two. */
function framesOfGif(bytes) {
  const colours = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const afterBlocks = (at) => {
    while (bytes[at] > 0) at += bytes[at] + 1;
    return at + 1;
  };
  let frames = 0;
  for (let at = 13 + colours(bytes[10]); at < bytes.length && frames < 2; ) {
    if (bytes[at] === 0x21) at = afterBlocks(at + 2); // an extension
    else if (bytes[at] === 0x2c) {
      frames += 1;
      at = afterBlocks(at + 10 + colours(bytes[at + 9]) + 1);
    } else break;
  }
  return frames;
}
