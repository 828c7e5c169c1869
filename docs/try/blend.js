// A translated head in the light and the tone of its crop, and around it what the crop shows around its own head, as in
// src/anime2real/face/blend.py. Pictures are those of pixels.js, masks and light planes, as in planes.js.

import { smaller } from "./align.js";
import { spread } from "./fill.js";
import { round } from "./pixels.js";
import { blurred, dilated, maximum, mean, minimum, planesOf, quantile, scaled, sideOf, softened } from "./planes.js";
import { withoutHoles } from "./planes.js";

const SOFT = 1 / 128;
const REACH = 1 / 12;
const BINS = 16;
const SMALL = 64;
const MARGIN = 5;
const LIGHT = 8;
const COLOURLESS = 6;
const LEAST = 1e-6;

const level = (value) => Math.min(255, Math.max(0, round(value)));
const mixed = (one, other, share) => other + (one - other) * share;

/** The result as it is to be pasted, and how far it is to cover the picture: {made, opacity}. */
export function blended(crop, result, before, after) {
  let heads = maximum(before, after);
  const beside = scaled(heads, SMALL).map((share) => 1 - share);
  let made = result;
  if (mean(beside) >= 0.01) {
    const { inLight, gone } = lit(crop, result, before, after, beside);
    [made, heads] = [inLight, maximum(heads, gone)];
  }
  return { made: toned(crop, made), opacity: softened(heads, SOFT * crop.width) };
}

/** The result in the light of the crop, and how surely what the crop's head left bare is to be covered. */
function lit(crop, result, before, after, beside) {
  const side = crop.width;
  const whole = (plane) => scaled(plane, side, "bilinear");
  const near = planesOf(smaller(crop, SMALL));
  const made = planesOf(smaller(result, SMALL));
  const apart = near.map((plane, c) => plane.map((value, k) => (value - made[c][k]) * beside[k]));
  const around = mean(beside);
  const light = apart.map((plane) => Math.min(LIGHT, Math.max(-LIGHT, mean(plane) / around)));
  const known = blurred(beside, REACH * SMALL);
  const carried = apart.map((plane, c) => {
    const away = blurred(plane, REACH * SMALL).map((value, k) => {
      const trust = Math.min(1, known[k] * 10);
      return level((trust * value) / Math.max(known[k], 1e-3) + (1 - trust) * light[c] + 128) - 128;
    });
    return whole(away);
  });
  const ground = groundOf(result, after, beside);
  const closed = scaled(withoutHoles(scaled(after, SMALL)), 2 * SMALL, "bilinear");
  const sure = closed.map((head, k) => {
    const [inside, outside] = [head * (1 - ground[k]), (1 - head) * ground[k]];
    return inside / (inside + outside + 1e-6); // Bayes
  });
  const bare = whole(ground.map((share, k) => share * (1 - sure[k])));
  const kept = minimum(after, whole(sure));
  const behind = surroundings(crop, near, beside);
  const inLight = { ...result, data: new Uint8Array(result.data.length) };
  for (let c = 0; c < 3; c++) {
    for (let k = 0, at = c; k < side * side; k++, at += 3) {
      const value = result.data[at];
      const beyond = mixed(behind[at], level(value + carried[c][k]), bare[k]);
      inLight.data[at] = level(mixed(level(value + light[c] / 2), beyond, kept[k]));
    }
  }
  const [earlier, later] = [before, after].map((mask) => scaled(mask, 2 * SMALL));
  const lost = dilated(earlier.map((share, k) => Math.min(1, Math.max(0, 2 * (share - later[k]) - 1))), MARGIN);
  return { inLight, gone: whole(lost).map((share, k) => share * bare[k]) };
}

/** How surely the colours of a result are its ground's and not its head's, 0 to 1, twice `SMALL` a side. */
function groundOf(result, head, beside) {
  const side = 2 * SMALL;
  const { data } = smaller(result, side);
  const bins = Int32Array.from({ length: side * side }, (_, k) =>
    [0, 1, 2].reduce((bin, c) => bin * BINS + (data[3 * k + c] >> 4), 0),
  );
  const [ground, heads] = [scaled(beside, side, "bilinear"), scaled(head, side)].map((weights) => {
    const counts = new Float64Array(BINS ** 3);
    bins.forEach((bin, k) => (counts[bin] += weights[k]));
    const total = Math.max(1, counts.reduce((sum, count) => sum + count, 0));
    return counts.map((count) => count / total + 1e-6);
  });
  const odds = Float32Array.from(bins, (bin) => ground[bin] / (ground[bin] + heads[bin]));
  // Neighbours agree: their odds are squared.
  return blurred(odds, SOFT * side).map((share) => share ** 2 / (share ** 2 + (1 - share) ** 2));
}

/** The colours of the crop without heads, where they are those around them, spread inwards. */
function surroundings(crop, near, beside) {
  const heads = dilated(beside.map((share) => 1 - share), MARGIN);
  const known = heads.map((share) => Math.min(1, Math.max(LEAST, 1 - share)));
  const cells = Float32Array.from({ length: 3 * near[0].length }, (_, at) => near[at % 3][Math.floor(at / 3)]);
  const soft = spread(cells, known, sideOf(known));
  const whole = (plane) => scaled(plane, crop.width, "bilinear");
  const colours = [0, 1, 2].map((c) => whole(known.map((_, k) => level(soft[3 * k + c]))));
  const there = whole(known);
  const out = new Uint8Array(crop.data.length);
  for (let c = 0; c < 3; c++)
    for (let k = 0, at = c; at < out.length; k++, at += 3)
      out[at] = level(mixed(crop.data[at], colours[c][k], there[k]));
  return out;
}

/** The result without colours, or in the tone of the crop, as of sepia, if the crop has no others. */
function toned(crop, result) {
  const levels = [[], [], []];
  for (let row = 0; row < crop.height; row += 3)
    for (let column = 0; column < crop.width; column += 3)
      for (let c = 0; c < 3; c++) levels[c].push(crop.data[(row * crop.width + column) * 3 + c]);
  const count = levels[0].length;
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const grey = levels[0].map((red, k) => (red + levels[1][k] + levels[2][k]) / 3);
  const middle = sum(grey) / count;
  const away = grey.map((value) => value - middle);
  const variance = sum(away.map((value) => value ** 2)) / count + 1;
  // The tone is what each channel is of the grey, a straight line.
  const lines = levels.map((values) => {
    const own = sum(values) / count;
    const slope = 1 + sum(away.map((value, k) => value * (values[k] - own - value))) / count / variance;
    return [slope, own - slope * middle];
  });
  const strays = grey.map((value, k) =>
    Math.max(...lines.map(([slope, offset], c) => Math.abs(value * slope + offset - levels[c][k]))),
  );
  if (quantile(strays, 0.98) > COLOURLESS) return result;
  const data = new Uint8Array(result.data.length);
  for (let at = 0; at < data.length; at += 3) {
    const plain = (result.data[at] * 19595 + result.data[at + 1] * 38470 + result.data[at + 2] * 7471 + 0x8000) >> 16;
    for (let c = 0; c < 3; c++) data[at + c] = level(plain * lines[c][0] + lines[c][1]);
  }
  return { ...result, data };
}
