// A crop put back into its picture, its edges fading out, as paste of src/anime2real/face/geometry.py does it.

import { extent, sample } from "./align.js";
import { blend } from "./fill.js";
import { apply, compose, inverse, moving, scaleOf, scaling } from "./geometry.js";
import { resize } from "./pixels.js";

const FEATHER = 0.12;

/** A copy of a picture with a square crop put back where the similarity from px to the unit square took it from. */
export function paste(picture, crop, toUnit) {
  const side = crop.width;
  const fromPicture = compose(toUnit, scaling(side));
  const reduced = Math.min(Math.trunc(scaleOf(fromPicture)), side);
  const enlarged = Math.max(1, Math.trunc(1 / scaleOf(toUnit) / side));
  const across = reduced ? Math.trunc(side / reduced) : side * enlarged;
  if (across !== side) return paste(picture, resize(crop, across, across, "lanczos"), toUnit);
  const [left, top, right, bottom] = extent(inverse(fromPicture), side, picture, 1);
  const place = compose(moving(left, top), fromPicture);
  const warped = sample(crop, place, [right - left, bottom - top], "edge");
  const data = new Uint8Array(picture.data);
  const opacity = softEdge(side);
  for (let row = 0, from = 0; row < bottom - top; row++) {
    let to = ((row + top) * picture.width + left) * 3;
    for (let column = 0; column < right - left; column++, from += 3, to += 3) {
      const [x, y] = apply(place, [column + 0.5, row + 0.5]);
      if (x < 0 || y < 0 || x >= side || y >= side) continue;
      const share = Math.round(255 * opacity(x) * opacity(y));
      for (let c = 0; c < 3; c++) data[to + c] = blend(warped.data[from + c], data[to + c], share);
    }
  }
  return { ...picture, data };
}

/** How opaque a place of a crop's side is, 0 to 1: a blurred step at each end. */
function softEdge(side) {
  const width = Math.max(1, Math.round(side * FEATHER));
  const deviation = width / 2.5;
  const step = (x) => normal(x / deviation);
  return (x) => step(x - width) * step(side - width - x);
}

/** The normal distribution's share below x: Abramowitz and Stegun, 7.1.26. */
function normal(x) {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce((sum, c) => (sum + c) * t, 0);
  const beyond = (series * Math.exp(-z * z)) / 2;
  return x < 0 ? beyond : 1 - beyond;
}
