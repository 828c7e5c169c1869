// Who a face shows, and who is asked for, as in src/anime2real/face/who.py.

import { align } from "./align.js";
import { toFloat } from "./pixels.js";

const SEXES = { woman: -1, man: 1 };
const NAMES = ["sex", "age", "mouth_open", "smile", "eyes_open", "glasses"];

/**
 * How a face looks: {sex, age, …}, sex from -1 (woman) to 1 (man), age in years, the rest from 0 to 1.
 * picture: RGB; crop: of the face, upright; side: px of the network's crops; labeller: runs the network.
 */
export async function labelsOf(picture, crop, side, labeller) {
  // The edge is repeated beyond the picture, as in training: a mirror image would show a second face.
  const square = align(picture, crop, side, "edge");
  const { labels } = await labeller({ image: [toFloat([square]), [1, 3, side, side]] });
  return Object.fromEntries(NAMES.map((name, k) => [name, labels[k]]));
}

/** Whether a face must be looked at: something is not asked for. */
export const goesByFace = ({ sex, age }) => !sex || !age;

/**
 * The input `who` of a network: [sex, age / 100].
 * asked: {sex: "woman", "man" or "", age: in years or ""}; looks: {sex, age} of the face, for what is "";
 * ages: the youngest and the oldest that the network draws.
 */
export function told(asked, looks, [youngest, oldest]) {
  const sex = asked.sex ? SEXES[asked.sex] : looks.sex;
  const age = asked.age ? Number(asked.age) : looks.age;
  return [Math.min(1, Math.max(-1, sex)), Math.min(oldest, Math.max(youngest, age)) / 100];
}

/** {sex, age} of the words by which a request asks for somebody, as in "man, 25"; "auto" asks for nobody. */
export function asking(words) {
  const parts = words === "auto" ? [] : words.split(", ");
  return { sex: parts.find((part) => part in SEXES) ?? "", age: parts.find((part) => /^[0-9]+$/.test(part)) ?? "" };
}
