// What a crop shows beyond the edge of its picture: its mirror image, fading into soft colours, as in
// src/anime2real/face/fill.py.

import { resize } from "./pixels.js";

const FADE = 0.03;
const CELLS = 32;
const LEAST = 1e-6;

/**
 * A crop whose surroundings are quiet; what lies inside the picture stays as it is.
 * crop: square, continued by the mirror image of its picture; beyond: for n pixels a side, a function that says how far
 * the middle of the one in a row and a column lies beyond the picture, in shares of the crop's side; at most 0 inside.
 */
export function fillQuietly(crop, beyond) {
  const side = crop.width;
  const cells = Float32Array.from(resize(crop, CELLS, CELLS, "box").data);
  const [ofCell, ofPixel] = [beyond(CELLS), beyond(side)];
  const known = Float32Array.from({ length: CELLS * CELLS }, (_, k) =>
    ofCell(Math.floor(k / CELLS), k % CELLS) <= 0 ? 1 : LEAST,
  );
  const soft = Uint8Array.from(spread(cells, known, CELLS), (colour) => colour + 0.5);
  const colours = resize({ width: CELLS, height: CELLS, data: soft }, side, side, "bicubic").data;
  const data = new Uint8Array(crop.data);
  for (let row = 0, at = 0; row < side; row++) {
    for (let column = 0; column < side; column++, at += 3) {
      const share = Math.floor((1 - Math.min(1, Math.max(0, ofPixel(row, column) / FADE))) * 255 + 0.5);
      if (share < 255) for (let c = at; c < at + 3; c++) data[c] = blend(data[c], colours[c], share);
    }
  }
  return { width: side, height: side, data };
}

/** Pillow's `Image.composite`. */
export function blend(one, other, share) {
  const sum = one * share + other * (255 - share) + 128;
  return ((sum >> 8) + sum) >> 8;
}

/** Pull-push filling: n × n colours where known is 1; where it is less, those of coarser grids show. */
export function spread(colours, known, n) {
  if (n === 1) return colours;
  const half = n / 2;
  const [means, weights] = [new Float32Array(half * half * 3), new Float32Array(half * half)];
  for (let row = 0, to = 0; row < half; row++) {
    for (let column = 0; column < half; column++, to++) {
      const first = 2 * (row * n + column);
      const four = [first, first + 1, first + n, first + n + 1];
      const weight = four.reduce((sum, at) => sum + known[at], 0);
      for (let c = 0; c < 3; c++)
        means[to * 3 + c] = four.reduce((sum, at) => sum + colours[at * 3 + c] * known[at], 0) / weight;
      weights[to] = Math.min(1, weight);
    }
  }
  const coarser = doubled(spread(means, weights, half), half);
  return colours.map((colour, k) => {
    const share = known[Math.floor(k / 3)];
    return share * colour + (1 - share) * coarser[k];
  });
}

/** n × n colours on a grid twice as fine: three quarters of the nearer one, a quarter of the other, each way. */
function doubled(colours, n) {
  const out = new Float32Array(4 * n * n * 3);
  const taps = (place) => {
    const near = place >> 1;
    return [near, Math.min(n - 1, Math.max(0, near + (place % 2 ? 1 : -1)))];
  };
  for (let row = 0, to = 0; row < 2 * n; row++) {
    const [up, down] = taps(row).map((y) => y * n);
    for (let column = 0; column < 2 * n; column++) {
      const [near, far] = taps(column);
      for (let c = 0; c < 3; c++) {
        const along = (line) => 0.75 * colours[(line + near) * 3 + c] + 0.25 * colours[(line + far) * 3 + c];
        out[to++] = 0.75 * along(up) + 0.25 * along(down);
      }
    }
  }
  return out;
}
