// A translated head put back into its picture, along its outline, in the light and the grain around it, as paste_head
// of src/anime2real/face/paste_back.py does it.

import { crop as cut, extent, reduce, sample } from "./align.js";
import { blended } from "./blend.js";
import { blend } from "./fill.js";
import { apply, compose, inverse, moving, scaleOf, scaling } from "./geometry.js";
import { resize, round } from "./pixels.js";
import { quantile } from "./planes.js";

const FEATHER = 1 / 8;
const MIDDLE = { rows: [7, 12], columns: [6, 10] };
const BRIGHT = 210;
const DARKEST = 0.3;
const LEAST = 4;
const SHARPER = 0.11;
const SMALLER = [1.2, 1.8];
const NOISE = 256;
const ROWS = 96;
const MOST_GRAIN = 10;
const AROUND = 3;

/**
 * A copy of a picture with the head of a crop replaced by its translation.
 * square, result: as it was cut out, and its translation; toUnit: from px of the picture to the crop's unit square;
 * masks: where both show the head.
 */
export function pasteHead(picture, square, result, toUnit, masks) {
  const side = square.width;
  const dim = dimming(picture);
  const dimmed = { ...result, data: result.data.map((value) => round(value * dim)) };
  const { made, opacity } = blended(square, dimmed, ...wholeHeads(masks, side));
  const cover = { width: side, height: side, data: new Uint8Array(3 * side * side) };
  const seen = [side, side, 0, 0];
  const ramp = Float32Array.from({ length: side }, (_, at) => fading(at, side));
  for (let row = 0, k = 0; row < side; row++) {
    for (let column = 0; column < side; column++, k++) {
      const share = Math.round(255 * Math.min(opacity[k], ramp[row], ramp[column]));
      if (share < LEAST) continue;
      cover.data.fill(share, 3 * k, 3 * k + 3);
      seen[0] = Math.min(seen[0], column);
      seen[1] = Math.min(seen[1], row);
      seen[2] = Math.max(seen[2], column + 1);
      seen[3] = Math.max(seen[3], row + 1);
    }
  }
  if (seen[2] <= seen[0]) return { ...picture, data: new Uint8Array(picture.data) };
  for (const at of [0, 1]) {
    seen[at] = Math.max(0, seen[at] - AROUND);
    seen[at + 2] = Math.min(side, seen[at + 2] + AROUND);
  }
  const place = compose(compose(toUnit, scaling(side)), moving(-seen[0], -seen[1]));
  const size = [seen[2] - seen[0], seen[3] - seen[1]];
  const [left, top, right, bottom] = extent(inverse(place), size, picture, 1);
  const back = compose(moving(left, top), place);
  const across = [right - left, bottom - top];
  const warped = warp(cut(made, ...seen), back, across, true);
  const shares = warp(cut(cover, ...seen), back, across, false);
  const grained = withGrain(warped, cut(picture, left, top, right, bottom), shares);
  const data = new Uint8Array(picture.data);
  for (let row = 0, from = 0; row < across[1]; row++) {
    let to = ((row + top) * picture.width + left) * 3;
    for (let k = 0; k < across[0] * 3; k++, from++, to++)
      if (shares.data[from]) data[to] = blend(grained.data[from], data[to], shares.data[from]);
  }
  return { ...picture, data };
}

/** The masks, or those of everything, where eyes, nose and mouth are left out of one. */
function wholeHeads(masks, side) {
  const [rows, columns] = [MIDDLE.rows, MIDDLE.columns].map((ends) => ends.map((end) => Math.trunc((side * end) / 16)));
  const unsure = masks.some((mask) => {
    let sum = 0;
    for (let row = rows[0]; row < rows[1]; row++)
      for (let column = columns[0]; column < columns[1]; column++) sum += mask[row * side + column];
    return sum < 0.5 * (rows[1] - rows[0]) * (columns[1] - columns[0]);
  });
  return unsure ? masks.map((mask) => mask.map(() => 1)) : masks;
}

/** The share of its light that a result keeps in a picture: networks draw all faces as if by day. */
function dimming(picture) {
  const { data } = resize(picture, 64, 64, "box");
  const light = Float32Array.from({ length: 64 * 64 }, (_, k) => {
    const [red, green, blue] = data.subarray(3 * k, 3 * k + 3);
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  });
  return Math.min(1, Math.max(DARKEST, quantile(light, 0.99) / BRIGHT));
}

/** 1 in the middle of a side, 0 at its ends, smooth between. */
function fading(place, side) {
  const step = Math.min(1, Math.min(place, side - 1 - place) / (side * FEATHER));
  return step * step * (3 - 2 * step);
}

/** A part whose pixels give nothing to their neighbours that resampling linearly would take; its edges stay. */
function sharpened(part, scale) {
  const { width, height, data } = part;
  const share = SHARPER * Math.min(1, Math.max(0, (SMALLER[1] - scale) / (SMALLER[1] - SMALLER[0])));
  const out = new Uint8ClampedArray(data);
  for (let row = 1; row < height - 1; row++)
    for (let at = (row * width + 1) * 3; at < (row * width + width - 1) * 3; at++) {
      const four = data[at - 3] + data[at + 3] + data[at - 3 * width] + data[at + 3 * width];
      out[at] = Math.floor((1 + 4 * share) * data[at] - share * four + 0.5);
    }
  return { ...part, data: new Uint8Array(out.buffer) };
}

/** A part resampled linearly, nothing beyond it: `warped` in Python; Pillow's `Image.transform`, if `half` is 0. */
function bilinear({ width, height, data }, back, [outWidth, outHeight], half = 0.5) {
  const out = new Uint8Array(outWidth * outHeight * 3);
  for (let row = 0, to = 0; row < outHeight; row++) {
    for (let column = 0; column < outWidth; column++, to += 3) {
      const [px, py] = apply(back, [column + 0.5, row + 0.5]);
      if (px < 0 || py < 0 || px >= width || py >= height) continue;
      const x = Math.floor(px - 0.5);
      const y = Math.floor(py - 0.5);
      const [dx, dy] = [px - 0.5 - x, py - 0.5 - y];
      const [left, right] = [Math.max(0, x) * 3, Math.min(width - 1, x + 1) * 3];
      const [upper, lower] = [Math.max(0, y) * width * 3, Math.min(height - 1, y + 1) * width * 3];
      for (let c = 0; c < 3; c++) {
        const above = data[upper + left + c] + (data[upper + right + c] - data[upper + left + c]) * dx;
        const below = data[lower + left + c] + (data[lower + right + c] - data[lower + left + c]) * dx;
        out[to + c] = above + (below - above) * dy + half;
      }
    }
  }
  return { width: outWidth, height: outHeight, data: out };
}

/** A part of a crop as it lies in the picture: resampled to many times its size, it would show its pixels. */
function warp(part, back, size, isColour) {
  const reduced = Math.trunc(scaleOf(back));
  if (reduced >= 2) {
    [part, back] = [reduce(part, reduced), compose(back, scaling(1 / reduced))];
    return isColour ? sample(part, back, size, "edge") : bilinear(part, back, size, 0);
  }
  const enlarged = Math.trunc(1 / scaleOf(back));
  if (enlarged >= 2) {
    part = resize(part, part.width * enlarged, part.height * enlarged, "lanczos");
    back = compose(back, scaling(enlarged));
  }
  return bilinear(isColour ? sharpened(part, scaleOf(back)) : part, back, size);
}

/** The result with as much grain as there is around it, the same each time. */
function withGrain(result, around, shares) {
  const [outside, inside] = [(share) => share < 12, (share) => share > 242];
  const cover = shares.data.filter((_, at) => at % 3 === 0);
  if (cover.filter(outside).length < 500 || cover.filter(inside).length < 500) return result;
  const [wanted, there] = [grainOf(around, cover, outside), grainOf(result, cover, inside)];
  const more = Math.min(MOST_GRAIN, Math.sqrt(Math.max(0, wanted ** 2 - there ** 2)));
  if (!(more >= 0.7)) return result;
  const [noise, data] = [normalNoise(), new Uint8ClampedArray(result.data.length)];
  for (let row = 0, at = 0; row < result.height; row++)
    for (let column = 0; column < result.width; column++)
      for (let c = 0; c < 3; c++, at++)
        data[at] = result.data[at] + more * noise[(row % NOISE) * NOISE + (column % NOISE)];
  return { ...result, data: new Uint8Array(data.buffer) };
}

/** The standard deviation of a picture's grain, read off its flat places (Immerkær, 1996), with the median. */
export function grainOf({ width, height, data }, cover, where) {
  const step = Math.max(1, Math.floor(height / ROWS));
  const lit = (row, column) => {
    const at = (row * width + column) * 3;
    return data[at] + data[at + 1] + data[at + 2];
  };
  const found = [];
  for (let row = 1; row < height - 1; row += step) {
    const down = (column) => lit(row - 1, column) - 2 * lit(row, column) + lit(row + 1, column);
    for (let column = 1; column < width - 1; column++)
      if (where(cover[row * width + column]))
        found.push(Math.abs(down(column - 1) - 2 * down(column) + down(column + 1)));
  }
  return quantile(found, 0.5) / 0.6745 / 6 / 3;
}

/** NOISE × NOISE of the normal distribution, always the same: xorshift (Marsaglia, 2003), and Box and Muller's way. */
function normalNoise() {
  let state = 2463534242;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 1) / 2 ** 32;
  };
  return Float32Array.from(
    { length: NOISE * NOISE },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
