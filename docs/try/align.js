// Crops, cut out of a picture as align of src/anime2real/face/geometry.py does it. A picture is as in pixels.js.

import { fillQuietly } from "./fill.js";
import { apply, compose, inverse, moving, scaleOf, scaling } from "./geometry.js";
import { resize } from "./pixels.js";

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * The crop (side, side) that a similarity from px to the unit square cuts out.
 * beyond: "quiet" continues the picture by its mirror image, which soon fades into soft colours, "mirror" by that image
 * alone, "edge" by its edge.
 */
export function align(picture, toUnit, side, beyond = "quiet") {
  const place = compose(toUnit, scaling(side));
  const scale = scaleOf(place);
  const [left, top, right, bottom] = extent(inverse(place), [side, side], picture, 4 / Math.min(1, scale));
  let part = crop(picture, left, top, right, bottom);
  let back = compose(inverse(place), moving(-left, -top));
  const factor = Math.trunc(1 / scale);
  if (factor > 1) {
    part = reduce(part, factor);
    back = compose(back, scaling(1 / factor));
  }
  const square = sample(part, back, [side, side], beyond);
  const inside = corners(inverse(toUnit), [1, 1]).every(
    ([x, y]) => x >= 0 && y >= 0 && x <= picture.width && y <= picture.height,
  );
  return beyond !== "quiet" || inside ? square : fillQuietly(square, (n) => outside(toUnit, picture, n));
}

/** How far the middle of a pixel of a crop, n a side, lies beyond the picture, in shares of the crop's side. */
function outside(toUnit, { width, height }, n) {
  const [back, scale] = [inverse(toUnit), scaleOf(toUnit)];
  return (row, column) => {
    const [x, y] = apply(back, [(column + 0.5) / n, (row + 0.5) / n]);
    return scale * Math.max(-x, x - width, -y, y - height);
  };
}

const corners = (toPicture, [width, height]) =>
  [
    [0, 0],
    [width, 0],
    [0, height],
    [width, height],
  ].map((point) => apply(toPicture, point));

/** Left, top, right and bottom, whole px, of what a crop of a width and a height covers of a picture, with a margin. */
export function extent(toPicture, crop, { width, height }, margin) {
  const points = corners(toPicture, crop);
  const [low, high] = [[], []];
  [width, height].forEach((size, axis) => {
    const values = points.map((point) => point[axis]);
    low[axis] = Math.min(Math.max(0, Math.floor(Math.min(...values) - margin)), size - 1);
    high[axis] = Math.max(Math.min(size, Math.ceil(Math.max(...values) + margin)), low[axis] + 1);
  });
  return [...low, ...high];
}

/** The part of a picture from left and top to right and bottom, px. */
export function crop({ width, data }, left, top, right, bottom) {
  const part = {
    width: right - left,
    height: bottom - top,
    data: new Uint8Array((right - left) * (bottom - top) * 3),
  };
  for (let y = top; y < bottom; y++) {
    part.data.set(data.subarray((y * width + left) * 3, (y * width + right) * 3), (y - top) * part.width * 3);
  }
  return part;
}

/**
 * Pillow's `Image.reduce`: the mean of each block; the blocks at the right and the bottom may be smaller.
 * Pillow multiplies by a whole multiple of 2^-24 in place of dividing, so most halves are rounded down.
 */
export function reduce({ width, height, data }, factor) {
  const small = { width: Math.ceil(width / factor), height: Math.ceil(height / factor), data: null };
  small.data = new Uint8Array(small.width * small.height * 3);
  for (let y = 0, to = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      const [right, bottom] = [Math.min(width, (x + 1) * factor), Math.min(height, (y + 1) * factor)];
      const sums = [0, 0, 0];
      for (let v = y * factor; v < bottom; v++) {
        for (let u = x * factor, at = (v * width + u) * 3; u < right; u++)
          for (let c = 0; c < 3; c++) sums[c] += data[at++];
      }
      const count = (right - x * factor) * (bottom - y * factor);
      const multiplier = Math.floor(Math.fround(2 ** 24 / count));
      for (const sum of sums) small.data[to++] = Math.floor(((sum + Math.floor(count / 2)) * multiplier) / 2 ** 24);
    }
  }
  return small;
}

/** A square picture, made smaller by whole blocks where it can be, as in Python. */
export function smaller(picture, side) {
  const blocks = picture.width > side && picture.width % side === 0;
  return blocks ? reduce(picture, picture.width / side) : resize(picture, side, side, "box");
}

/** Pillow's bicubic `Image.transform` (a = −1, truncated, not rounded); `beyond` says how the picture continues. */
export function sample({ width, height, data }, toPart, [outWidth, outHeight], beyond) {
  const out = new Uint8Array(outWidth * outHeight * 3);
  const mirrored = (at, size) => {
    const period = ((at % (2 * size)) + 2 * size) % (2 * size);
    return period < size ? period : 2 * size - 1 - period;
  };
  const inside = beyond === "edge" ? (at, size) => clamp(at, 0, size - 1) : mirrored;
  const [columns, lines] = [new Int32Array(4), new Int32Array(4)];
  const along = [0, 0, 0, 0];
  for (let row = 0, to = 0; row < outHeight; row++) {
    for (let column = 0; column < outWidth; column++) {
      const [px, py] = apply(toPart, [column + 0.5, row + 0.5]);
      const [x, y] = [Math.floor(px - 0.5), Math.floor(py - 0.5)];
      const [dx, dy] = [px - 0.5 - x, py - 0.5 - y];
      for (let k = 0; k < 4; k++) {
        columns[k] = inside(x - 1 + k, width) * 3;
        lines[k] = inside(y - 1 + k, height) * width * 3;
      }
      for (let channel = 0; channel < 3; channel++) {
        for (let k = 0; k < 4; k++) {
          const line = lines[k] + channel;
          along[k] = cubic(
            data[line + columns[0]],
            data[line + columns[1]],
            data[line + columns[2]],
            data[line + columns[3]],
            dx,
          );
        }
        out[to++] = clamp(cubic(along[0], along[1], along[2], along[3], dy), 0, 255);
      }
    }
  }
  return { width: outWidth, height: outHeight, data: out };
}

/** The cubic between b and c at a share `at` of the way, in Pillow's order, on which the last bit depends. */
function cubic(a, b, c, d, at) {
  return b + at * (c - a + at * (2 * (a - b) + c - d + at * (b - a - c + d)));
}
