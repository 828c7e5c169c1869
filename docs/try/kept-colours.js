// Colours that a result keeps of its input: a person's irises those of the drawing, drawn skin that of the photograph,
// as network.keep_colours, face/irises.py and face/skin.py of src/anime2real give them. Where a colour is not found, the
// result stays as it is.

import { ciede2000, fromLab, toLab } from "./cielab.js";
import { eyeColour, faceFrame, irises, irisWeight, skinTone } from "./colours.js";
import { apply, inverse, scaleOf } from "./geometry.js";
import { alongEdges, faceAndHair } from "./heads.js";
import { resize, round } from "./pixels.js";
import { boxMean } from "./planes.js";

const SURE = 0.5;
const RADIUS = 0.092;
const OPENING = 0.065;
const SOFT = 0.15;
const LID = 12;
const UNLIKE = 14;
const VIVID = 36;
const DEEP = 1;
const TEXTURE = 0.15;
const PATTERN = 0.2;
const HIGHLIGHT = 65;
const PUPIL = 0.42 * RADIUS;
const BLACK = 0.3;
const RING = 0.25;
const LIFT = 1.3;
const REACH = 34;
const GREY = [3, 7];
const TINTED = [45, 55];
const REDDISH = [-0.26, -0.09];
const DARK = [50, 60];
const PLACES = 32;
const PAPER = 96.5;
const LIGHTER = 6;
const VIVIDER = [1.1, 1, 34];
const WARM = [55, 1 / 3];
const NECK = 2;
const NEAR = 7.5;

const clip = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));
const chromaOf = ([, a, b]) => Math.hypot(a, b);
const distance = (one, other) => Math.hypot(...one.map((value, c) => value - other[c]));

/**
 * The result with the colours of its input: to "real" those of the irises, to "anime" that of the skin.
 * input, result: of one size; landmarks: of the face in the input, in shares of the side; finder: of finder.js;
 * head: runs the head network.
 */
export async function keepColours(input, result, landmarks, to, finder, head) {
  const points = landmarks.map(([x, y]) => [x * input.width, y * input.width]);
  const there = await located(result, points, finder);
  if (!there) return result;
  return to === "real" ? withIrises(input, result, points, there) : withSkin(input, result, points, there, head);
}

/** The landmarks of a result's face, px, null if there is none; `points`, those of its input, are not the same. */
async function located(result, points, finder) {
  const { points: found, verdicts } = await finder.look(result, [finder.squareOf(points)]);
  return verdicts[0][0] >= SURE ? found[0] : null;
}

function withIrises(drawing, result, points, there) {
  const [skin, wanted] = [skinTone(result, there), eyeColour(drawing, points, "anime")];
  const both = irises(result, there, "real");
  // A face with one eye of another colour would be taken for a real one.
  if (!skin || !wanted || !both.every(Boolean) || distance(both[0].colour, both[1].colour) > UNLIKE) return result;
  const changed = { ...result, data: new Uint8Array(result.data) };
  for (const iris of both) redraw(changed, iris, wanted, skin, there);
  return changed;
}

/** Draws an iris in another colour, in place: evenly, with one round pupil, under the light that falls on it. */
function redraw({ width, height, data }, iris, wanted, skin, points) {
  const frame = faceFrame(points);
  const toFace = inverse(frame);
  const reach = RADIUS * scaleOf(frame) + 2;
  const middle = apply(frame, [iris.middle, 0]);
  const [left, top] = middle.map((at) => Math.max(0, Math.trunc(at - reach)));
  const [right, bottom] = middle.map((at, axis) => Math.min([width, height][axis], Math.trunc(at + reach) + 2));
  const [across, down] = [right - left, bottom - top];
  if (across <= 0 || down <= 0) return;
  const pixels = Array.from({ length: across * down }, (_, k) => {
    const [column, row] = [left + (k % across), top + Math.floor(k / across)];
    const [x, y] = apply(toFace, [column + 0.5, row + 0.5]);
    const at = (row * width + column) * 3;
    return { at, x: x - iris.middle, y, lab: toLab([...data.subarray(at, at + 3)]) };
  });
  const smooth = (plane) => boxMean(plane, 1, across);
  // Pixel by pixel it is speckled; an iris has no holes.
  const weight = smooth(Float32Array.from(pixels, ({ lab }) => irisWeight(lab, skin) * (1 - lid(lab, skin))));
  const even = smooth(smooth(Float32Array.from(pixels, ({ lab }) => lab[0])));
  const [pupilX, pupilY] = pupilOf(pixels, weight);
  pixels.forEach(({ at, x, y, lab }, k) => {
    const away = Math.hypot(x, y) / RADIUS;
    const pupil = clip((1 - Math.hypot(x - pupilX, y - pupilY) / PUPIL) / 0.5);
    const drawn = fromLab(asIris(lab, iris.colour, wanted, { even: even[k], away, pupil }));
    const disc = Math.min(1 - away, 1 - Math.abs(y) / OPENING) / SOFT;
    const opacity = (clip(disc) * clip(weight[k], 0, 0.8)) / 0.8;
    drawn.forEach((value, c) => (data[at + c] = round(data[at + c] + opacity * (value - data[at + c]))));
  });
}

/** Where the middle of an iris's pupil lies, from the iris's: in that of what shows of it. */
function pupilOf(pixels, weight) {
  const inside = ({ x, y, lab }) =>
    Math.hypot(x, y) < 1.1 * RADIUS && Math.abs(x) < 0.6 * RADIUS && lab[0] < HIGHLIGHT;
  const shown = pixels.map((pixel, k) => (inside(pixel) ? weight[k] : 0));
  const sum = (values) => values.reduce((all, value) => all + value, 0);
  const total = Math.max(sum(shown), 1e-6);
  const [x, y] = ["x", "y"].map((axis) => sum(shown.map((share, k) => share * pixels[k][axis])) / total);
  return [clip(x, -0.02, 0.02), clip(y, -0.03, 0.03)];
}

/** How surely a colour is skin in the shadow of a brow: as coloured as skin, half as light. */
function lid([light, a, b], skin) {
  const shade = 1 / (1 + Math.exp(-(light / Math.max(skin[0], 1) - 0.5) / 0.04));
  return shade * Math.exp(-((a - skin[1]) ** 2 + (b - skin[2]) ** 2) / LID ** 2);
}

/**
 * A colour as if what has the colour `own` were an iris of the colour `wanted`.
 * even: the light around; away: how far from the middle, in radii; pupil: how far in the pupil, 0 to 1.
 */
function asIris([light, ...colour], own, wanted, { even, away, pupil }) {
  const mean = Math.max(own[0], 4);
  const newMean = mean + clip(LIFT * (wanted[0] - mean), -REACH, REACH);
  // In less light a colour is less vivid.
  const vivid = chromaOf(wanted);
  const most = Math.min(VIVID, DEEP * newMean, (vivid * newMean) / Math.max(wanted[0], 4));
  const share = Math.min(most / Math.max(vivid, 1), 1);
  const pattern = PATTERN * Math.min(newMean / mean, 1) * (light - even);
  const rim = 1 - RING * clip((away - 0.75) / 0.2);
  const drawn = ((even * newMean) / mean + pattern) * rim * (1 - (1 - BLACK) * pupil);
  // Colour belongs to what is as light as the iris; a highlight stays white.
  const depth = clip(even / mean) * clip((95 - light) / 30);
  const chroma = colour.map((value, c) => wanted[c + 1] * share * depth + TEXTURE * (value - own[c + 1]));
  return [light > HIGHLIGHT ? light : clip(drawn, 0, 97), ...chroma.map((value) => value * (1 - 0.7 * pupil))];
}

async function withSkin(photograph, result, points, there, head) {
  const tone = skinTone(photograph, points);
  const known = tone && howKnown(photograph, tone);
  if (!known) return result;
  const drawn = skinTone(result, there);
  if (!drawn || drawn[0] >= PAPER) return result;
  const told = asDrawn(tone);
  const way = Array.from({ length: 33 }, (_, k) => drawn.map((value, c) => value + (k / 32) * (told[c] - value)));
  const reached = way.find((lab) => ciede2000(tone, lab) <= NEAR) ?? way.at(-1);
  const [own, wanted] = [drawn, reached].map((lab) => fromLab(lab).map((value) => clip(value, 5, 255)));
  const rough = await skinOf(result, own.map((value) => value / 255), there, head);
  const skin = alongEdges(rough, result, 1, 1e-3);
  const data = result.data.map((value, at) => {
    const c = at % 3;
    return clip(round(value * (1 + known * skin[(at - c) / 3] * (wanted[c] / own[c] - 1))), 0, 255);
  });
  return { ...result, data };
}

/** The colour of photographed skin as drawn skin has it. */
function asDrawn([light, a, b]) {
  const [factor, addend, most] = VIVIDER;
  const chroma = Math.min(factor * Math.hypot(a, b) + addend, most);
  const hue = (Math.atan2(b, a) * 180) / Math.PI;
  const turned = ((hue + WARM[1] * (WARM[0] - hue)) * Math.PI) / 180;
  return [light + LIGHTER, chroma * Math.cos(turned), chroma * Math.sin(turned)];
}

/** How surely a tone is that of skin, 0 to 1: not in the dark, nor under a coloured lamp, nor that of a cloth. */
function howKnown(photograph, tone) {
  const { data } = resize(photograph, PLACES, PLACES, "box");
  const light = Array.from({ length: PLACES ** 2 }, (_, k) => toLab([...data.subarray(3 * k, 3 * k + 3)])[0]);
  const chroma = chromaOf(tone);
  const plain = 1 - rising(chroma, TINTED);
  return rising(chroma, GREY) * plain * rising(tone[2] / Math.max(chroma, 1), REDDISH) * rising(Math.max(...light), DARK);
}

/** From 0 at the first end to 1 at the second. */
const rising = (value, [from, to]) => clip((value - from) / (to - from));

/**
 * Where a drawing shows skin, a plane of 64 × 64, 0 to 1.
 * Skin in shadow, and where it runs into a line, lies between its colour and black: what is near that ray is skin
 * anywhere near the face. Inside the face blush and highlights are, too; white of eyes and teeth are not.
 * colour: of its skin, sRGB in [0, 1].
 */
async function skinOf(drawing, colour, points, network) {
  const [[face, hair]] = (await faceAndHair([drawing], network)).map((parts) =>
    parts.map((part) => part.map((value) => clip((value - 0.3) / 0.4))),
  );
  const side = Math.sqrt(face.length);
  const { data } = resize(drawing, side, side, "box");
  const toFace = inverse(faceFrame(points.map(([x, y]) => [(x * side) / drawing.width, (y * side) / drawing.width])));
  const square = colour.reduce((sum, value) => sum + value ** 2, 0);
  const ownSaturation = Math.max(1 - Math.min(...colour) / Math.max(...colour), 0.04);
  return face.map((inFace, k) => {
    const rgb = [0, 1, 2].map((c) => data[3 * k + c] / 255);
    const light = rgb.reduce((sum, value, c) => sum + value * colour[c], 0) / square;
    const off = distance(rgb, colour.map((value) => light * value));
    const saturation = (Math.max(...rgb) - Math.min(...rgb)) / Math.max(...rgb, 0.05);
    const white = clip((0.5 - saturation / ownSaturation) / 0.3);
    const [x, y] = apply(toFace, [(k % side) + 0.5, Math.floor(k / side) + 0.5]);
    const eyes = (1 - ((Math.abs(x) - 0.5) / 0.34) ** 2 - ((y - 0.02) / 0.28) ** 2) / 0.3;
    const mouth = (1 - (x / 0.42) ** 2 - ((y - 0.9) / 0.22) ** 2) / 0.3;
    const near = y > -0.9 ? clip((1.15 - (x / 1.6) ** 2 - ((y - 0.6) / 2) ** 2) / 0.3) : 0;
    const inside = Math.exp(-((off / 0.2) ** 4)) * (1 - clip(Math.max(eyes, mouth)) * white);
    const neck = 1 + NECK * clip((y - 1.1) / 0.3) * clip((1.1 - Math.abs(x)) / 0.3);
    const alike = light < 1.04 ? Math.exp(-((off / neck / 0.05) ** 2)) * clip((light - 0.35) / 0.2) : 0;
    return Math.max(inside * inFace, alike * near * (1 - hair[k]) * (1 - inFace));
  });
}
