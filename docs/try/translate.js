// One face for a translator: the crop that its network takes, and the network's inputs.

import { align } from "./align.js";
import { apply, closer, tiltOf, upright } from "./geometry.js";
import { toFloat } from "./pixels.js";

const STYLE_NUMBERS = 8;
const LEANING = ["tilt", "landmarks"];

/**
 * The same inputs of the network that redraws results: its picture is the result, and nobody older or younger is asked
 * for than it can draw.
 */
export function redrawing(inputs, result, { conditions, ages }) {
  const [who] = inputs.who ?? [];
  const shape = inputs.image[1];
  const changed = { image: [toFloat([result]), shape] };
  for (const name of conditions)
    changed[name] = name === "who" ? [Float32Array.of(who[0], clamped(who[1], ages)), [1, 2]] : inputs[name];
  return changed;
}

const clamped = (age, [youngest, oldest]) => Math.min(oldest / 100, Math.max(youngest / 100, age));

/** The inputs of a network for its second look: as the first, with the picture as it was redrawn. */
export const again = (inputs, redrawn) => ({ ...inputs, image: [toFloat([redrawn]), inputs.image[1]] });

/**
 * The crop of a face and the inputs of a network.
 * picture: RGB; face: {crop, landmarks} as the finder gives them; facts: the translator's, from the manifest;
 * who: [sex, age / 100] of whom to show, as who.js gives it, for translators that take it.
 * Answers {square, frame, points, inputs}: the crop (px, px), from px of the picture to its unit square, the landmarks
 * in that square, and [values, shape] by input name.
 */
export function prepare(picture, { crop, landmarks }, { px, conditions, crop_share: share = 1 }, who = null) {
  const leaning = conditions.some((name) => LEANING.includes(name));
  // A network that is told the tilt takes the face as it leans.
  const frame = closer(leaning ? upright(crop) : crop, share);
  const points = landmarks.map((point) => apply(frame, point));
  const square = align(picture, frame, px);
  const known = {
    tilt: [Float32Array.of(tiltOf(points)), [1]],
    landmarks: [Float32Array.from(points.flat()), [1, 5, 2]],
    style: [new Float32Array(STYLE_NUMBERS), [1, STYLE_NUMBERS]], // all 0: the usual result
    who: who && [Float32Array.from(who), [1, 2]],
  };
  const inputs = { image: [toFloat([square]), [1, 3, px, px]] };
  for (const name of conditions) inputs[name] = known[name];
  return { square, frame, points, inputs };
}
