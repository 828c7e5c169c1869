// Pictures in the browser: made smaller where they are beyond the server's limits, and laid side by side.

import { Failure } from "./failure.js";
import { markedAs } from "./png.js";

const QUALITY = 0.92;
const SHARE = 0.9; // of the limit, for what a JPEG may have more than was thought
const GAP = 8;

const megabytes = (count) => (count / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 });

/**
 * A picture within the limits, and a note if it had to be made smaller.
 * What the browser cannot read goes as it is: the server says what is wrong with it.
 */
export async function fitting(file, { max_bytes: most, max_pixels: pixels }) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!bitmap) {
    if (file.size <= most) return { file };
    const line = `The picture has ${megabytes(file.size)} MB, more than the ${megabytes(most)} MB allowed, and this browser cannot read it: make it smaller.`;
    throw new Failure(line);
  }
  const { width, height } = bitmap;
  if (file.size <= most && width * height <= pixels) {
    bitmap.close();
    return { file };
  }
  let scale = Math.min(1, Math.sqrt((pixels * SHARE) / (width * height)));
  for (;;) {
    const [w, h] = [width, height].map((length) => Math.max(1, Math.round(length * scale)));
    const blob = await drawn(w, h, (context) => context.drawImage(bitmap, 0, 0, w, h), "image/jpeg");
    if (blob.size <= most) {
      bitmap.close();
      const note = `made smaller in the browser, from ${width}×${height} to ${w}×${h} pixels`;
      return { file: new File([blob], file.name ?? "picture.jpg", { type: "image/jpeg" }), note };
    }
    scale *= 0.7;
  }
}

/** Two pictures side by side, of one height, as a PNG with the marks of the second. */
export async function pairOf(before, after) {
  const options = { imageOrientation: "from-image" };
  const [one, two] = await Promise.all([before, after].map((blob) => createImageBitmap(blob, options)));
  const height = Math.max(one.height, two.height);
  const widths = [one, two].map((bitmap) => Math.round((bitmap.width * height) / bitmap.height));
  const place = (context) => {
    context.drawImage(one, 0, 0, widths[0], height);
    context.drawImage(two, widths[0] + GAP, 0, widths[1], height);
  };
  return markedAs(await drawn(widths[0] + GAP + widths[1], height, place, "image/png"), after);
}

/** A square of a picture around a box, as a small canvas; null where the picture cannot be drawn. */
export function thumbnail(image, [left, top, right, bottom], [width], side) {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const scale = image.naturalWidth / width;
  const parts = [left, top, right - left, bottom - top].map((v) => v * scale);
  canvas.getContext("2d").drawImage(image, ...parts, 0, 0, side, side);
  return canvas;
}

async function drawn(width, height, draw, type) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Failure("The picture is too large for this browser: make it smaller.");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // transparency is laid on white
  context.fillRect(0, 0, width, height);
  draw(context);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
  if (!blob) throw new Failure("The picture is too large for this browser: make it smaller.");
  return blob;
}
