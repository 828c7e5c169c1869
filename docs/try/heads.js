// Where crops show the head: face and hair, as in src/anime2real/face/heads.py and image/guided_filter.py.

import { smaller } from "./align.js";
import { resize, toFloat } from "./pixels.js";
import { boxMean, maximum, planesOf, scaled } from "./planes.js";

const SEEN = 128;
const SIDE = 64;
const RADIUS = Math.round(SIDE / 40);
const SMOOTHNESS = 1e-3;
const CERTAIN = 0.25;

/** The masks of square pictures of one size, 0 to 1; `network` runs the head network. */
export async function headMasks(squares, network) {
  const seen = await faceAndHair(squares, network);
  return seen.map((parts, n) => alongEdges(parts.reduce(maximum), squares[n], RADIUS, SMOOTHNESS, CERTAIN));
}

/** Where the network sees the face and the hair of square pictures of one size: two planes of 64 × 64, 0 to 1. */
export async function faceAndHair(squares, network) {
  const small = toFloat(squares.map((square) => resize(square, SEEN, SEEN, "box")));
  const { masks } = await network({ image: [small, [squares.length, 3, SEEN, SEEN]] });
  const count = SIDE * SIDE;
  return squares.map((_, n) => [2 * n, 2 * n + 1].map((part) => masks.slice(part * count, (part + 1) * count)));
}

/** A rough mask at the size of its crop and along its edges; levels within `certain` of 0 and 1 become these. */
export function alongEdges(level, square, radius, smoothness, certain = 0) {
  const guide = planesOf(smaller(square, SIDE)).map((plane) => plane.map((value) => value / 255));
  const [red, green, blue, offset] = guidedLines(level, guide, radius, smoothness).map((line) =>
    scaled(line, square.width, "bilinear"),
  );
  return offset.map((value, k) => {
    const [r, g, b] = [square.data[3 * k], square.data[3 * k + 1], square.data[3 * k + 2]];
    const sum = value + (red[k] * r + green[k] * g + blue[k] * b) / 255;
    return Math.min(1, Math.max(0, (sum - certain) / (1 - 2 * certain)));
  });
}

/** What the guided filter (He, Sun and Tang, 2010) makes of each place's colour: three slopes and an offset. */
function guidedLines(level, guide, radius, smoothness) {
  const times = (one, two) => boxMean(one.map((value, k) => value * two[k]), radius);
  const [mr, mg, mb] = guide.map((plane) => boxMean(plane, radius));
  const middle = boxMean(level, radius);
  const [red, green, blue] = guide;
  const pairs = [times(red, red), times(red, green), times(red, blue), times(green, green), times(green, blue)];
  pairs.push(times(blue, blue));
  const shared = guide.map((plane) => times(plane, level));
  const lines = [0, 1, 2, 3].map(() => new Float32Array(level.length));
  for (let k = 0; k < level.length; k++) {
    const [r, g, b] = [mr[k], mg[k], mb[k]];
    const products = [r * r, r * g, r * b, g * g, g * b, b * b];
    let [rr, rg, rb, gg, gb, bb] = pairs.map((pair, n) => pair[k] - products[n]);
    [rr, gg, bb] = [rr + smoothness, gg + smoothness, bb + smoothness];
    // The covariance's inverse by its adjugate, equation 19.
    const adjugate = [
      [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg],
      [rb * gb - rg * bb, rr * bb - rb * rb, rb * rg - rr * gb],
      [rg * gb - rb * gg, rb * rg - rr * gb, rr * gg - rg * rg],
    ];
    const determinant = rr * adjugate[0][0] + rg * adjugate[0][1] + rb * adjugate[0][2];
    const with_ = [shared[0][k] - r * middle[k], shared[1][k] - g * middle[k], shared[2][k] - b * middle[k]];
    const slope = adjugate.map((row) => (row[0] * with_[0] + row[1] * with_[1] + row[2] * with_[2]) / determinant);
    slope.forEach((value, c) => (lines[c][k] = value));
    lines[3][k] = middle[k] - slope[0] * r - slope[1] * g - slope[2] * b;
  }
  return lines.map((line) => boxMean(line, radius));
}
