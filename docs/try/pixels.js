// Pixels, resampled as Pillow does it, so that the networks get the same inputs here as in Python.
// A picture is {width, height, data}: RGB, 8 bits a channel, rows from the top.

import { apply, compose, inverse, moving, scaleOf, scaling } from "./geometry.js";

const BLANK = { width: 0, height: 0, data: new Uint8Array(0) };
const KERNELS = {
  box: { reach: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bicubic: {
    reach: 2,
    at: (x) => {
      const d = Math.abs(x);
      return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
};

const FIXED_POINT = 2 ** 22;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** An opaque canvas's RGBA to a picture. */
export function fromCanvas({ width, height, data }) {
  const out = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    out[to++] = data[from];
    out[to++] = data[from + 1];
    out[to++] = data[from + 2];
  }
  return { width, height, data: out };
}

export function toCanvas({ width, height, data }) {
  const out = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; to += 4) {
    out[to] = data[from++];
    out[to + 1] = data[from++];
    out[to + 2] = data[from++];
  }
  return new ImageData(out, width, height);
}

/** To the nearest whole number, halves to the even one, as Python rounds. */
export function round(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

/** Pillow's `Image.resize`: along the rows first, with a kernel that is as much wider as the picture gets smaller. */
export function resize(picture, width, height, name) {
  if (width === picture.width && height === picture.height) return picture;
  return resizeAxis(resizeAxis(picture, width, KERNELS[name], true), height, KERNELS[name], false);
}

function resizeAxis(picture, size, kernel, horizontal) {
  const { width, height, data } = picture;
  const length = horizontal ? width : height;
  if (length === size) return picture;
  const [outWidth, outHeight] = horizontal ? [size, height] : [width, size];
  const out = new Uint8ClampedArray(outWidth * outHeight * 3);
  const ratio = length / size;
  const stretch = Math.max(1, ratio);
  const [step, line] = horizontal ? [3, width * 3] : [width * 3, 3];
  const [outStep, outLine] = horizontal ? [3, outWidth * 3] : [outWidth * 3, 3];
  const lines = horizontal ? height : width;
  for (let place = 0; place < size; place++) {
    const centre = (place + 0.5) * ratio;
    const first = Math.max(0, Math.trunc(centre - kernel.reach * stretch + 0.5));
    const last = Math.min(length, Math.trunc(centre + kernel.reach * stretch + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_, k) =>
      kernel.at((k + first - centre + 0.5) / stretch),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // Pillow's weights are whole multiples of 2^-22, rounded away from zero at halves.
    weights.forEach((weight, k) => {
      weights[k] = Math.sign(weight) * Math.floor(Math.abs(weight / total) * FIXED_POINT + 0.5);
    });
    for (let row = 0; row < lines; row++) {
      let [red, green, blue] = [FIXED_POINT / 2, FIXED_POINT / 2, FIXED_POINT / 2];
      for (let k = 0, at = row * line + first * step; k < weights.length; k++, at += step) {
        red += data[at] * weights[k];
        green += data[at + 1] * weights[k];
        blue += data[at + 2] * weights[k];
      }
      const to = row * outLine + place * outStep;
      out[to] = Math.floor(red / FIXED_POINT);
      out[to + 1] = Math.floor(green / FIXED_POINT);
      out[to + 2] = Math.floor(blue / FIXED_POINT);
    }
  }
  return { width: outWidth, height: outHeight, data: new Uint8Array(out.buffer) };
}

/**
 * The crop (side, side) that a similarity from px to the unit square cuts out.
 * beyond: "mirror" continues the picture by its mirror image, "edge" by its edge.
 */
export function align(picture, toUnit, side, beyond = "mirror") {
  const place = compose(toUnit, scaling(side));
  const scale = scaleOf(place);
  const [left, top, right, bottom] = extent(inverse(place), side, picture, 4 / Math.min(1, scale));
  let part = crop(picture, left, top, right, bottom);
  let back = compose(inverse(place), moving(-left, -top));
  const factor = Math.trunc(1 / scale);
  if (factor > 1) {
    part = reduce(part, factor);
    back = compose(back, scaling(1 / factor));
  }
  return sample(part, back, side, beyond);
}

const corners = (toPicture, side) =>
  [
    [0, 0],
    [side, 0],
    [0, side],
    [side, side],
  ].map((point) => apply(toPicture, point));

function extent(toPicture, side, { width, height }, margin) {
  const points = corners(toPicture, side);
  const [low, high] = [[], []];
  [width, height].forEach((size, axis) => {
    const values = points.map((point) => point[axis]);
    low[axis] = Math.min(Math.max(0, Math.floor(Math.min(...values) - margin)), size - 1);
    high[axis] = Math.max(Math.min(size, Math.ceil(Math.max(...values) + margin)), low[axis] + 1);
  });
  return [...low, ...high];
}

function crop({ width, data }, left, top, right, bottom) {
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
function reduce({ width, height, data }, factor) {
  const small = { ...BLANK, width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
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

/** Pillow's bicubic `Image.transform` (a = −1, truncated, not rounded); `beyond` says how the picture continues. */
function sample({ width, height, data }, toPart, side, beyond) {
  const out = new Uint8Array(side * side * 3);
  const mirrored = (at, size) => {
    const period = ((at % (2 * size)) + 2 * size) % (2 * size);
    return period < size ? period : 2 * size - 1 - period;
  };
  const inside = beyond === "edge" ? (at, size) => clamp(at, 0, size - 1) : mirrored;
  const [columns, lines] = [new Int32Array(4), new Int32Array(4)];
  const along = [0, 0, 0, 0];
  for (let row = 0, to = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
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
  return { width: side, height: side, data: out };
}

/** The cubic between b and c at a share `at` of the way, in Pillow's order, on which the last bit depends. */
function cubic(a, b, c, d, at) {
  return b + at * (c - a + at * (2 * (a - b) + c - d + at * (b - a - c + d)));
}

/** N pictures of one size to (N, 3, H, W) in [-1, 1]. */
export function toFloat(pictures) {
  const count = pictures[0].width * pictures[0].height;
  const out = new Float32Array(pictures.length * 3 * count);
  pictures.forEach(({ data }, n) => {
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < count; k++) out[(n * 3 + c) * count + k] = Math.fround(data[k * 3 + c] / 127.5) - 1;
  });
  return out;
}

/** (1, 3, S, S) in [-1, 1] to a picture; null if a number is not finite. */
export function toPicture(values, side) {
  const count = side * side;
  const out = new Uint8ClampedArray(count * 3);
  for (let c = 0; c < 3; c++) {
    for (let k = 0; k < count; k++) {
      const value = values[c * count + k];
      if (!Number.isFinite(value)) return null;
      out[k * 3 + c] = Math.fround(Math.fround(value + 1) * 127.5); // numpy's float32, whose ties fall elsewhere
    }
  }
  return { width: side, height: side, data: new Uint8Array(out.buffer) };
}
