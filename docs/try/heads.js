// Where crops show the head: face and hair, as in src/anime2real/face/heads.py and image/guided_filter.py.

import { resize, toFloat } from "./pixels.js";
import { boxMean, planesOf, scaled } from "./planes.js";

const SEEN = 128;
const SIDE = 64;
const RADIUS = Math.round(SIDE / 40);
const SMOOTHNESS = 1e-3;
const CERTAIN = 0.25;

/** The masks of square pictures of one size, 0 to 1; `network` runs the head network. */
export async function headMasks(squares, network) {
  const small = toFloat(squares.map((square) => resize(square, SEEN, SEEN, "box")));
  const { masks } = await network({ image: [small, [squares.length, 3, SEEN, SEEN]] });
  const count = SIDE * SIDE;
  const parts = masks.length / squares.length / count; // face and hair
  return squares.map((square, n) => {
    const level = Float32Array.from({ length: count }, (_, k) =>
      Math.max(...Array.from({ length: parts }, (_, part) => masks[(n * parts + part) * count + k])),
    );
    return fine(level, square);
  });
}

/** A rough mask at the size of its crop and along its edges. */
function fine(level, square) {
  const guide = planesOf(resize(square, SIDE, SIDE, "box")).map((plane) => plane.map((value) => value / 255));
  const [red, green, blue, offset] = guidedLines(level, guide).map((line) => scaled(line, square.width, "bilinear"));
  return offset.map((value, k) => {
    const [r, g, b] = [square.data[3 * k], square.data[3 * k + 1], square.data[3 * k + 2]];
    const sum = value + (red[k] * r + green[k] * g + blue[k] * b) / 255;
    return Math.min(1, Math.max(0, (sum - CERTAIN) / (1 - 2 * CERTAIN)));
  });
}

/** What the guided filter (He, Sun and Tang, 2010) makes of each place's colour: three slopes and an offset. */
function guidedLines(level, guide) {
  const times = (one, two) => boxMean(one.map((value, k) => value * two[k]), RADIUS);
  const [mr, mg, mb] = guide.map((plane) => boxMean(plane, RADIUS));
  const middle = boxMean(level, RADIUS);
  const [red, green, blue] = guide;
  const pairs = [times(red, red), times(red, green), times(red, blue), times(green, green), times(green, blue)];
  pairs.push(times(blue, blue));
  const shared = guide.map((plane) => times(plane, level));
  const lines = [0, 1, 2, 3].map(() => new Float32Array(level.length));
  for (let k = 0; k < level.length; k++) {
    const [r, g, b] = [mr[k], mg[k], mb[k]];
    const products = [r * r, r * g, r * b, g * g, g * b, b * b];
    let [rr, rg, rb, gg, gb, bb] = pairs.map((pair, n) => pair[k] - products[n]);
    [rr, gg, bb] = [rr + SMOOTHNESS, gg + SMOOTHNESS, bb + SMOOTHNESS];
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
  return lines.map((line) => boxMean(line, RADIUS));
}
