// The colours of a face's irises and skin, in CIELAB, by its landmarks (px), as in skin.py and irises.py of
// src/anime2real/face.

import { toLab } from "./cielab.js";
import { apply, mean, scaleOf } from "./geometry.js";
import { quantile } from "./planes.js";

const IRIS = { anime: [0.115, 0.15], real: [0.085, 0.065] };
const SIGHT = 0.08;
const GRID = 25;
const SKIN_GRID = 9;
const PATCHES = [
  [-0.42, 0.5],
  [0.42, 0.5],
  [0, 0.22],
];
const PATCH = 0.1;
const SKIN_DISTANCE = 10;
const MIN_DISTANCE = 0.18;
const MIN_IRIS = 0.15;

/** From a face's own frame to px: its middle lies between the eyes, x goes along them, both in eye distances. */
export function faceFrame([left, right]) {
  const [x, y] = mean([left, right]);
  return { a: right[0] - left[0], b: right[1] - left[1], x, y };
}

/** CIELAB of the skin; null for a face that is small or in profile. */
export function skinTone(picture, landmarks) {
  if (scaleOf(faceFrame(landmarks)) < MIN_DISTANCE * picture.width) return null;
  const offsets = spaced(SKIN_GRID).map((share) => share * PATCH);
  const places = PATCHES.flatMap(([x, y]) =>
    offsets.flatMap((down) => offsets.map((across) => [x + across, y + down])),
  );
  const colours = labAt(picture, landmarks, places);
  const usual = [0, 1, 2].map((c) => quantile(colours.map((lab) => lab[c]), 0.5));
  return weighted(colours, colours.map((lab) => Math.exp(-apart(lab, usual))));
}

/** CIELAB of the irises, the mean of those that show; null where none does, or skin is not found. */
export function eyeColour(picture, landmarks, domain) {
  const colours = irises(picture, landmarks, domain).filter(Boolean).map(({ colour }) => colour);
  return colours.length ? weighted(colours, colours.map(() => 1)) : null;
}

/** The irises: the mean colour of each, and x of its middle in the face's frame; null where one does not show. */
export function irises(picture, landmarks, domain) {
  const skin = skinTone(picture, landmarks);
  return [-0.5, 0.5].map((eye) => skin && irisAt(picture, landmarks, eye, IRIS[domain], skin));
}

/** How much a colour may be an iris's, 0 to 1: not skin, not white, less so if black. */
export function irisWeight(lab, skin) {
  const away = apart(lab, skin);
  const chroma = Math.hypot(lab[1], lab[2]);
  const white = above(lab[0], 65, 4) * above(15 - chroma, 0, 3);
  const black = above(16 - lab[0], 0, 3) * above(12 - chroma, 0, 3);
  return (away / (away + 1)) * (1 - white) * (1 - 0.8 * black);
}

const above = (value, threshold, spread) => 1 / (1 + Math.exp(-(value - threshold) / spread));

/** How far two colours are apart, squared, in `SKIN_DISTANCE`. */
const apart = (one, other) => one.reduce((sum, value, c) => sum + ((value - other[c]) / SKIN_DISTANCE) ** 2, 0);

/** From -1 to 1 in equal steps. */
const spaced = (count) => Array.from({ length: count }, (_, k) => k * (2 / (count - 1)) - 1);

function weighted(colours, weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return [0, 1, 2].map((c) => colours.reduce((sum, lab, k) => sum + lab[c] * weights[k], 0) / total);
}

/** CIELAB at places of the face's frame, between pixels; beyond the edge as on it. */
function labAt({ width, height, data }, landmarks, places) {
  const frame = faceFrame(landmarks);
  return places.map((place) => {
    const [x, y] = apply(frame, place).map((at, axis) => Math.min([width, height][axis] - 1, Math.max(0, at - 0.5)));
    const [left, top] = [Math.min(Math.trunc(x), width - 2), Math.min(Math.trunc(y), height - 2)];
    const [right, low] = [x - left, y - top];
    const along = (at) => data[at] * (1 - right) + data[at + 3] * right;
    return toLab([0, 1, 2].map((c) => {
      const at = (top * width + left) * 3 + c;
      return along(at) * (1 - low) + along(at + 3 * width) * low;
    }));
  });
}

/** An iris whose landmark lies at x = `eye` of the face's frame. */
function irisAt(picture, landmarks, eye, [width, height], skin) {
  const grid = spaced(GRID).flatMap((down) => spaced(GRID).map((across) => [across, down]));
  const wide = grid.map(([across, down]) => [eye + (width + SIGHT) * across, height * down]);
  // Its middle is that of what is dark.
  const dark = labAt(picture, landmarks, wide).map(([light]) => (Math.max(0, skin[0] - light) + 1) ** 2);
  const [sum, moment] = dark.reduce(([all, along], weight, k) => [all + weight, along + weight * wide[k][0]], [0, 0]);
  const middle = Math.min(eye + SIGHT, Math.max(eye - SIGHT, moment / sum));
  const places = grid
    .filter(([across, down]) => across ** 2 + down ** 2 <= 1)
    .map(([across, down]) => [middle + width * across, height * down]);
  const colours = labAt(picture, landmarks, places);
  const weights = colours.map((lab) => irisWeight(lab, skin));
  const shown = weights.reduce((all, weight) => all + weight, 0) / weights.length;
  return shown >= MIN_IRIS ? { colour: weighted(colours, weights), middle } : null;
}
