// The result: under a slider over what it was made of, large side by side, and what its file is called.

import { choiceOf, agesOf, middle, severalOf } from "./machine.js";

export const $ = (id) => document.getElementById(id);

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const urls = new Map();

/** The object URL of a blob, made once. */
export function urlOf(blob) {
  if (!urls.has(blob)) urls.set(blob, URL.createObjectURL(blob));
  return urls.get(blob);
}

/** Let all blobs go that were shown. */
export function forgetUrls() {
  for (const url of urls.values()) URL.revokeObjectURL(url);
  urls.clear();
  for (const image of document.querySelectorAll("#work img, #large img")) image.removeAttribute("src");
}

/** Who was asked for, {sex, age}; nobody of a method that cannot be told. */
export const whoOf = (state, choice) => (agesOf(state, choice) ? choice.who : { sex: "", age: "" });

/** The variant that is shown, from 0. */
export const variantOf = (state, choice) => (severalOf(state, choice.to) ? choice.variant : 0);

/** The name of a result's file, without its ending. */
export function nameOf(state, item) {
  const choice = choiceOf(item);
  const { sex, age } = whoOf(state, choice);
  const variant = variantOf(state, choice);
  const asked = `${sex && `-${sex}`}${age && `-age-${age}`}${variant ? `-variant-${variant + 1}` : ""}`;
  return `${item.name}-${choice.method}-${choice.to}${asked}`;
}

/** What a result is, for those who do not see it. */
export function wordsOf(state, item) {
  const choice = choiceOf(item);
  const { sex, age } = whoOf(state, choice);
  const person = choice.to === "real" ? "An invented person" : "An invented drawing";
  const many = item.replaced.length === 1 ? "the face" : `${item.replaced.length} faces`;
  const what = item.layout === "paste" ? `The picture with ${many} replaced` : person;
  return `${what}${sex || age ? ` (${[sex, age].filter(Boolean).join(", ")})` : ""}`;
}

let shown = ""; // whose slider is placed

/** Show a result and what it was made of. */
export function showResult(state, item, { png, before, size }) {
  const method = choiceOf(item).method;
  const whole = item.layout === "paste";
  setImage($("after"), urlOf(png), `${wordsOf(state, item)}, made by ${method}`);
  setImage($("before"), urlOf(before ?? item.file), whole ? "The picture before" : "The face before");
  $("compare").style.setProperty("--width", `${Math.round(Math.max(size[0] * 2, 320))}px`);
  $("compare").style.setProperty("--shape", `${size[0]} / ${size[1]}`);
  $("download").href = urlOf(png);
  $("download").download = `${nameOf(state, item)}.png`;
  const place = `${item.id} ${item.layout} ${item.face}`;
  if (place !== shown) {
    $("slider").value = String(Math.round(100 * middle(item)));
    moveCut();
  }
  shown = place;
}

export function setImage(image, url, alt) {
  if (image.src !== url) image.src = url;
  image.alt = alt;
}

function moveCut() {
  $("compare").style.setProperty("--cut", `${$("slider").value}%`);
  $("slider").setAttribute("aria-valuetext", `${$("slider").value} percent before`);
}

export function onSlider() {
  $("slider").addEventListener("input", moveCut);
  moveCut();
}

// Large, side by side.

let zoom = 0;

function setZoom(step) {
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, step));
  $("large").style.setProperty("--zoom", String(ZOOMS[zoom]));
  $("zoom").textContent = `${ZOOMS[zoom] * 100} %`;
  $("smaller").disabled = zoom === 0;
  $("larger").disabled = zoom === ZOOMS.length - 1;
}

/** Open the large view of a result. */
export function openLarge({ item, result }) {
  setImage($("large-before"), urlOf(result.before ?? item.file), $("before").alt);
  setImage($("large-after"), urlOf(result.png), $("after").alt);
  setZoom(0);
  $("large").showModal();
}

export function onLarge() {
  const panes = [...document.querySelectorAll("#large .pane")];
  for (const [n, pane] of panes.entries()) {
    pane.addEventListener("scroll", () => {
      const other = panes[1 - n];
      if (Math.abs(other.scrollLeft - pane.scrollLeft) > 1) other.scrollLeft = pane.scrollLeft;
      if (Math.abs(other.scrollTop - pane.scrollTop) > 1) other.scrollTop = pane.scrollTop;
    });
  }
  $("larger").addEventListener("click", () => setZoom(zoom + 1));
  $("smaller").addEventListener("click", () => setZoom(zoom - 1));
  $("close").addEventListener("click", () => $("large").close());
  $("large").addEventListener("keydown", ({ key }) => {
    if (key === "+") setZoom(zoom + 1);
    if (key === "-") setZoom(zoom - 1);
  });
  $("large").addEventListener("close", () => $("enlarge").focus());
}
