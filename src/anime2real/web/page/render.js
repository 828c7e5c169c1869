// Shows the state. Elements stay and are changed in place, so that nobody loses the focus.

import { agesOf, choiceOf, itemOf, methodsTo, request, resultOf, severalOf, standing } from "./machine.js";
import { showBox } from "./marking.js";
import { thumbnail } from "./pictures.js";
import { $, setImage, showResult, urlOf, wordsOf } from "./viewer.js";

const THUMB = 96;
const STANDING = { busy: "in work", done: "done", unfound: "no face found", failed: "failed" };
const kind = ({ domain }) => ({ anime: "drawn", real: "photographed" })[domain] ?? "marked by hand";
const megabytes = (count) => (count / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 });

export const announce = (line) => {
  $("status").textContent = line;
};

/** Keep an element's children in step with a list: make(entry) for a new one, change(child, entry) for all. */
function each(parent, entries, idOf, make, change) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  entries.forEach((entry, n) => {
    const key = String(idOf(entry, n));
    let child = known.get(key);
    known.delete(key);
    if (!child) {
      child = make(entry, n);
      child.dataset.key = key;
    }
    if (parent.children[n] !== child) parent.insertBefore(child, parent.children[n] ?? null);
    change(child, entry, n);
  });
  for (const child of known.values()) child.remove();
}

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

/** Show a state; `before` is the one that was shown, null at first. */
export function render(state, before, examples) {
  if (examples) renderExamples(examples);
  renderMessages(state);
  const item = state.view === "work" ? itemOf(state) : null;
  $("start").hidden = Boolean(item);
  $("work").hidden = $("again").hidden = !item;
  renderQueue(state);
  if (item) {
    renderPicture(item);
    renderFaces(item);
    renderControls(state, item);
    renderTiles(state, item);
    renderViewer(state, item, before && itemOf(before));
  } else setClock(null);
}

function renderExamples(examples) {
  each($("examples"), examples, ({ file }) => file, ({ file, name }) => {
    const image = element("img", { src: new URL(`examples/${file}`, import.meta.url).href, alt: "", width: THUMB, height: THUMB });
    const button = element("button", { type: "button", className: "example" }, image);
    button.dataset.file = file;
    button.setAttribute("aria-label", `Try ${name}`);
    return element("li", {}, button);
  }, () => {});
}

function renderMessages(state) {
  for (const [id, line] of [["offline", state.offline], ["message", state.problem]]) $(id).hidden = !line;
  setText($("offline-line"), state.offline ?? "");
  setText($("problem"), state.problem ?? "");
  if (state.offered) setText($("limits"), `; larger than ${megabytes(state.offered.limits.max_bytes)} MB is made smaller first`);
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

function renderQueue(state) {
  $("queue").hidden = !(state.items.length > 1 || (state.items.length && state.view === "start"));
  const make = () => {
    const button = element("button", { type: "button", className: "item" }, element("img", { alt: "" }), element("span"));
    return element("li", {}, button);
  };
  each($("items"), state.items, ({ id }) => id, make, (child, item, n) => {
    const [button] = child.children;
    const [image, mark] = button.children;
    const how = standing(state, item);
    const result = resultOf(state, item);
    setImage(image, urlOf(result?.phase === "done" && item.layout === "face" ? result.png : item.file), "");
    button.dataset.id = item.id;
    mark.className = `standing ${how}`;
    setText(mark, STANDING[how]);
    button.setAttribute("aria-label", `Picture ${n + 1}, ${item.name}: ${STANDING[how]}`);
    if (state.view === "work" && item.id === state.current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
  const done = state.items.filter((item) => standing(state, item) === "done").length;
  setText($("progress"), `${done} of ${state.items.length} done`);
  $("zip").hidden = done < 2;
}

function renderPicture(item) {
  const url = urlOf(item.file);
  setImage($("picture"), url, "The picture that you gave");
  $("stage").hidden = item.phase === "failed";
  showBox(item);
}

function renderFaces(item) {
  const [width, height] = item.size;
  const { faces } = item;
  each($("frames"), faces, (_, n) => `${item.id} ${n}`, () => element("div", { className: "frame" }), (frame, { box }, n) => {
    const [left, top, right, bottom] = box;
    const [l, t] = [Math.max(0, left / width), Math.max(0, top / height)];
    const [r, b] = [Math.min(1, right / width), Math.min(1, bottom / height)];
    for (const [name, share] of Object.entries({ x: l, y: t, w: r - l, h: b - t })) frame.style.setProperty(`--${name}`, `${share * 100}%`);
    frame.dataset.face = n;
    frame.style.zIndex = String(n + 1); // the smaller ones lie on top
    frame.classList.toggle("chosen", n === item.face);
  });
  const make = () => element("button", { type: "button", className: "face" });
  each($("faces"), faces, (_, n) => `${item.id} ${n}`, make, (button, face, n) => {
    button.dataset.face = n;
    button.setAttribute("aria-pressed", String(n === item.face));
    const tilt = Math.round(Math.abs(face.tilt_degrees));
    const replaced = item.layout === "paste" && item.replaced.includes(n);
    const told = `Face ${n + 1}, ${kind(face)}${tilt > 2 ? `, tilted by ${tilt} degrees` : ""}${replaced ? ", replaced" : ""}`;
    button.setAttribute("aria-label", told);
    button.classList.toggle("replaced", replaced);
    fillThumb(button, face.box, item);
  });
  $("faces").hidden = faces.length < 2;
  setText($("found"), foundWords(item));
}

function foundWords({ phase, faces }) {
  if (phase === "finding") return "";
  if (faces.length > 1) return `${faces.length} faces. Choose one here or in the picture.`;
  if (!faces.length) return phase === "unfound" ? "No face found." : "";
  return faces[0].domain ? `One face found, ${kind(faces[0])}.` : "One face, marked by hand.";
}

/** The face in its button, once the picture is there to be cut. */
function fillThumb(button, box, item) {
  const key = `${item.id} ${box}`;
  if (button.dataset.thumb === key) return;
  const image = $("picture");
  if (!image.complete || !image.naturalWidth) return void image.addEventListener("load", () => fillThumb(button, box, item), { once: true });
  button.dataset.thumb = key;
  button.replaceChildren(thumbnail(image, box, item.size, THUMB));
}

function renderControls(state, item) {
  const choice = choiceOf(item);
  const found = item.phase === "found";
  for (const id of ["direction", "layout", "who", "variants", "methods"]) $(id).disabled = !found;
  $("add").hidden = !found || Boolean(item.marking);
  $("all").hidden = !found || item.all || methodsTo(state, choice?.to).length < 2;
  const whole = found && item.layout === "paste";
  $("whole-picture").hidden = !whole || item.faces.length < 2;
  $("every").disabled = item.replaced.length === item.faces.length;
  $("leave").disabled = !item.replaced.includes(item.face) || item.replaced.length < 2;
  check("layout", item.layout);
  $("variants").hidden = !choice || !severalOf(state, choice.to);
  const ages = choice && agesOf(state, choice);
  $("who").hidden = !ages;
  for (const input of document.querySelectorAll("input[name=to]"))
    input.disabled = Boolean(state.offered) && !methodsTo(state, input.value).length;
  if (!choice) return;
  check("to", choice.to);
  check("variant", String(choice.variant));
  check("sex", choice.who.sex);
  $("age").value = choice.who.age;
  for (const option of $("age").options)
    option.disabled = Boolean(ages && option.value && (option.value < ages[0] || option.value > ages[1]));
}

const check = (name, value) => {
  const input = document.querySelector(`input[name=${name}][value="${value}"]`);
  if (input) input.checked = true;
};

function renderTiles(state, item) {
  const choice = choiceOf(item);
  const methods = choice ? methodsTo(state, choice.to) : [];
  const make = ({ method, about }) => {
    const input = element("input", { type: "radio", name: "method", value: method });
    const words = element("span", { className: "words" }, element("strong", { textContent: method }), element("small", { textContent: about }));
    words.lastChild.id = `about-${method}`;
    input.setAttribute("aria-label", method);
    input.setAttribute("aria-describedby", words.lastChild.id);
    const body = element("span", {}, element("img", { alt: "", hidden: true }), words);
    const retry = element("button", { type: "button", className: "again", textContent: `Try ${method} again`, hidden: true });
    retry.dataset.retry = method;
    return element("div", { className: "tile" }, element("label", {}, input, body), retry);
  };
  each($("tiles"), methods, ({ method, to }) => `${to} ${method}`, make, (tile, { method, default: best, about }) => {
    const [label, retry] = tile.children;
    const [input, body] = label.children;
    const [image, words] = body.children;
    input.checked = method === choice.method;
    const result = item.all ? resultOf(state, item, method) : null;
    image.hidden = result?.phase !== "done";
    if (!image.hidden) setImage(image, urlOf(result.png), "");
    const said = { working: "In work…", failed: `Failed: ${result?.line ?? ""}` }[result?.phase];
    setText(words.lastChild, said ?? `${about}${best ? " Suggested." : ""}`);
    retry.hidden = result?.phase !== "failed" || method === choice.method;
  });
  $("tiles").closest(".panel").hidden = !methods.length;
  const facts = methods.find((m) => m.method === choice.method);
  setText($("licence"), facts ? `Licence of the weights of ${facts.method}: ${facts.licence}. ${facts.rights ?? ""}` : "");
}

// The result, or where it stays.

function renderViewer(state, item, earlier) {
  const result = item.phase === "found" ? resultOf(state, item) : null;
  const done = result?.phase === "done";
  const stuck = stuckLine(state, item, result);
  const unfound = item.phase === "unfound";
  const busy = !done && !stuck && !unfound;
  for (const [id, shown] of Object.entries({ compare: done, save: done, failed: stuck, unfound, busy })) $(id).hidden = !shown;
  $("viewer").setAttribute("aria-busy", String(busy));
  $("retry").hidden = item.phase === "found" && !result;
  setText($("failed-line"), stuck ?? "");
  const line = busy && (state.offered ? (result?.line ?? (item.phase === "finding" ? item.line : "Translating…")) : "Waiting for the server…");
  setClock(busy ? line : null, `${item.id} ${JSON.stringify(request(state, item))}`);
  const heading = headingOf(item, { stuck, unfound });
  setText($("heading"), heading);
  const notes = [...new Set([...item.notes, ...(done ? result.notes : [])])];
  $("notes").hidden = !notes.length;
  each($("notes"), notes, (note) => note, (note) => element("li", { textContent: sentence(note) }), () => {});
  if (done) showResult(state, item, result);
  $("copy").hidden = !navigator.clipboard?.write; // it is there on this machine and over HTTPS alone
  $("share").hidden = !navigator.canShare?.({ files: [new File([], "x.png", { type: "image/png" })] });
  const told = done ? `Done: ${wordsOf(state, item).toLowerCase()}, by ${choiceOf(item).method}. Not a likeness of anybody.` : (stuck ?? (unfound ? "No face found." : line));
  const same = earlier?.id === item.id && $("viewer").dataset.told === told;
  if (!same) announce(told);
  $("viewer").dataset.told = told;
}

const sentence = (line) => `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.?!]$/.test(line) ? "" : "."}`;

/** Why there is no result; null while there may be one. */
function stuckLine(state, item, result) {
  if (item.phase === "failed") return item.problem;
  if (result?.phase === "failed") return result.line;
  if (item.phase !== "found" || !state.offered || request(state, item)) return null;
  if (!item.replaced.length && item.layout === "paste") return "No face of this picture is replaced. Choose one.";
  return `This server has nothing that translates to ${choiceOf(item).to === "real" ? "people" : "drawings"}.`;
}

function headingOf(item, { stuck, unfound }) {
  if (item.phase === "finding") return "Looking for faces";
  if (unfound) return "No face found";
  if (item.phase === "failed") return "This picture cannot be used";
  if (stuck) return "No result yet";
  return choiceOf(item).to === "real" ? "As a person" : "As a drawing";
}

let clock = 0;
let timed = null;

/** Say what goes on, and from the second second on how long. */
function setClock(line, task) {
  if (!line) {
    clearInterval(clock);
    timed = null;
    return;
  }
  if (timed?.task !== task) timed = { task, start: performance.now() };
  timed.line = line;
  const show = () => {
    const seconds = Math.floor((performance.now() - timed.start) / 1000);
    setText($("elapsed"), seconds >= 2 ? `${timed.line} ${seconds} s` : timed.line);
  };
  clearInterval(clock);
  clock = setInterval(show, 500);
  show();
}

/** Where the focus goes when `active`, the element that had it, is gone; and what is seen first on a phone. */
export function focusKept(state, before, active) {
  const moved = state.view !== before.view || (state.view === "work" && state.current !== before.current);
  const lost = active !== document.body && (!active?.checkVisibility() || active.matches(":disabled"));
  if (moved) scrollTo({ top: 0 });
  if ((!moved && !lost) || document.querySelector("dialog[open]")) return;
  const places = state.view === "work" ? ["retry", "heading"] : ["title"];
  const place = moved ? places.at(-1) : places.find((id) => $(id).checkVisibility());
  $(place)?.focus({ preventScroll: true });
}
