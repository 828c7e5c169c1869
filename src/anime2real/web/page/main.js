// The page: a picture comes in, its faces are shown, one is chosen, and what became of it lies under a slider.

import { ask, Failure } from "/page/api.js";
import { onPicture } from "/page/picture_input.js";

const $ = (id) => document.getElementById(id);
const state = { file: null, url: null, name: "", faces: [], size: [1, 1], face: 0, method: null, back: null, variant: 0, all: false, whole: null, seen: false };
let offered = { methods: [], limits: {} };
let working = new AbortController();
let made = new Map(); // by method and variant: {png, before}
const asked = new Set(); // those that are on their way
let files = []; // object URLs of the results that are shown

const chosen = (name) => document.querySelector(`input[name=${name}]:checked`)?.value;
const say = (line) => { $("status").textContent = line; };

function askToken(wrong) {
  const dialog = $("ask");
  $("ask-problem").textContent = wrong ? "That was not it. Try again." : "";
  $("token").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "given" && $("token").value) resolve($("token").value.trim());
      else askToken(false).then(resolve);
    }, { once: true });
    dialog.returnValue = "";
  });
}

function complain(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Failure)) console.error(error);
  $("message").hidden = false;
  $("problem").textContent = error instanceof Failure ? error.message : "Something broke on this page. Load it again.";
  $("centre").hidden = true;
  busy(null);
  $("message").scrollIntoView({ block: "nearest" });
}

let clock = 0;
function busy(line) {
  clearInterval(clock);
  $("busy").hidden = !line;
  $("viewer").setAttribute("aria-busy", String(Boolean(line)));
  if (!line) return;
  const start = performance.now();
  $("elapsed").textContent = line;
  say(line);
  clock = setInterval(() => {
    const seconds = Math.floor((performance.now() - start) / 1000);
    if (seconds >= 2) $("elapsed").textContent = `${line} ${seconds} s`;
  }, 500);
}

function forget() {
  working.abort();
  working = new AbortController();
  for (const url of files) URL.revokeObjectURL(url);
  files = [];
  made = new Map();
  asked.clear();
}

// A picture comes in.

async function take(file) {
  if (!file) return;
  forget();
  $("message").hidden = true;
  const { max_bytes: most } = offered.limits;
  if (most && file.size > most) {
    return complain(new Failure(`The picture has ${megabytes(file.size)} MB, more than the ${megabytes(most)} MB allowed: make it smaller.`));
  }
  if (state.url) URL.revokeObjectURL(state.url);
  usual();
  $("variants").hidden = true;
  Object.assign(state, { file, url: URL.createObjectURL(file), face: 0, faces: [], all: false, seen: false, name: (file.name || "picture").replace(/\.[^.]*$/, "") });
  $("picture").src = state.url;
  $("faces").replaceChildren();
  $("found").textContent = "";
  for (const id of ["before", "after"]) $(id).removeAttribute("src");
  $("compare").classList.add("unseen");
  $("tiles").replaceChildren();
  ready(false);
  show(true);
  busy("Looking for faces…");
  const { signal } = working;
  try {
    const answer = await ask("/v1/faces", { form: form({}), signal, askToken, report: busy });
    state.faces = answer.faces;
    state.size = answer.size;
    if (!answer.faces.length) return noFace();
    drawFaces();
    if (answer.notes.length) $("found").textContent += ` Note: ${answer.notes.join("; ")}.`;
    if (document.activeElement === document.body) $("faces").firstChild.focus({ preventScroll: true });
    choose(0);
  } catch (error) {
    if (error.name === "AbortError") return;
    show(false);
    complain(error);
  }
}

function form(fields) {
  const data = new FormData();
  data.append("picture", state.file, "picture");
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

function show(work) {
  $("start").hidden = work;
  $("work").hidden = !work;
  $("again").hidden = !work;
}

function noFace() {
  busy(null);
  $("found").textContent = "No face found.";
  $("message").hidden = false;
  $("problem").textContent = "No face found in the picture. If it is one face and nothing else, its centre can be taken for it.";
  $("centre").hidden = false;
}

const kind = (face) => (face.domain === "anime" ? "drawn" : "photographed");

function drawFaces() {
  const [width, height] = state.size;
  const boxes = state.faces.map((face, number) => {
    const [left, top, right, bottom] = face.box;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "face";
    const tilt = Math.round(Math.abs(face.tilt_degrees));
    button.setAttribute("aria-label", `Face ${number + 1}, ${kind(face)}${tilt > 2 ? `, tilted by ${tilt} degrees` : ""}`);
    const [l, t] = [Math.max(0, left / width), Math.max(0, top / height)];
    const [r, b] = [Math.min(1, right / width), Math.min(1, bottom / height)];
    Object.assign(button.style, { left: `${l * 100}%`, top: `${t * 100}%`, width: `${(r - l) * 100}%`, height: `${(b - t) * 100}%` });
    button.style.zIndex = String(number + 1); // the smaller lie on top
    const label = document.createElement("span");
    label.textContent = String(number + 1);
    button.append(label);
    button.addEventListener("click", () => choose(number));
    return button;
  });
  $("faces").replaceChildren(...boxes);
  const count = state.faces.length;
  $("found").textContent = count === 1 ? `One face found, ${kind(state.faces[0])}.` : `${count} faces found. Choose one in the picture.`;
}

function choose(number) {
  state.face = number;
  usual();
  state.whole = null;
  [...$("faces").children].forEach((box, index) => box.setAttribute("aria-pressed", String(index === number)));
  const to = number === "centre" ? chosen("to") || "real" : state.faces[number].domain === "anime" ? "real" : "anime";
  document.querySelector(`input[name=to][value=${to}]`).checked = true;
  translate();
}

// What becomes of it.

const there = () => offered.methods.filter((method) => method.to === chosen("to")).sort((a, b) => b.default - a.default);

/** The best method that makes several people of one face, if one does. */
const several = () => there().find((m) => m.variants > 1)?.method;
const makesSeveral = (method) => there().some((m) => m.method === method && m.variants > 1);

/** Which result a method is asked for: one that makes a single result has no other. */
const variantOf = (method) => (makesSeveral(method) ? state.variant : 0);
const key = (method) => `${method} ${variantOf(method)}`;

async function translate() {
  forget();
  $("message").hidden = true;
  const methods = there();
  if (!methods.length) return complain(new Failure(`This server has nothing that translates to ${chosen("to") === "real" ? "people" : "drawings"}.`));
  if (!methods.some((method) => method.method === state.method)) {
    Object.assign(state, { method: (methods.find((m) => m.default) ?? methods[0]).method, back: null, variant: 0 });
  }
  $("heading").textContent = chosen("to") === "real" ? "As a person" : "As a drawing";
  $("all").hidden = methods.length < 2 || state.all;
  drawTiles();
  ready(false);
  busy("Translating…");
  await make(state.method);
  if (state.all) await Promise.all(methods.map((m) => m.method).filter((name) => name !== state.method).map(make));
}

async function make(method) {
  const { signal } = working;
  const at = key(method);
  if (made.has(at) || asked.has(at)) return;
  asked.add(at);
  const fields = { to: chosen("to"), method, layout: chosen("layout"), face: String(state.face), variant: String(variantOf(method)) };
  try {
    const answer = await ask("/v1/translate", { form: form(fields), signal, askToken, report: busy });
    const [result] = answer.results;
    const png = new Blob([bytes(result.png)], { type: "image/png" });
    const before = result.input_png ? new Blob([bytes(result.input_png)], { type: "image/png" }) : null;
    const entry = { png, url: keep(png), before: before ? keep(before) : state.url, size: result.size };
    made.set(at, entry);
    drawTiles();
    if (at === key(state.method)) present(entry);
  } catch (error) {
    complain(error);
  } finally {
    if (signal === working.signal) asked.delete(at);
  }
}

const keep = (blob) => (files.push(URL.createObjectURL(blob)), files.at(-1));
const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const megabytes = (count) => (count / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 });

function present({ url, before, size }) {
  $("after").src = url;
  $("before").src = before;
  const person = chosen("to") === "real";
  const what = chosen("layout") === "paste" ? "The picture with the face replaced" : person ? "An invented person" : "An invented drawing";
  $("after").alt = `${what}, made by ${state.method}`;
  $("before").alt = chosen("layout") === "paste" ? "The picture before" : "The face before";
  const whole = chosen("layout") === "paste";
  $("compare").style.setProperty("--width", whole ? `${Math.min(size[0] * 2, (size[0] / size[1]) * 480)}px` : "29rem");
  $("compare").classList.remove("unseen");
  if (whole !== state.whole) place(whole);
  $("download").href = url;
  const variant = variantOf(state.method);
  $("download").download = `${state.name}-${state.method}-${chosen("to")}${variant ? `-variant-${variant + 1}` : ""}.png`;
  ready(true);
  busy(null);
  if (!state.seen) $("viewer").scrollIntoView({ block: "nearest" }); // on a phone it lies below
  state.seen = true;
  say(`Done: ${what.toLowerCase()}, by ${state.method}. Not a likeness of anybody.`);
}

function ready(is) {
  $("copy").disabled = !is;
  $("slider").disabled = !is;
  if (is) $("download").removeAttribute("aria-disabled");
  else {
    $("download").setAttribute("aria-disabled", "true");
    $("download").removeAttribute("href");
  }
}

function drawTiles() {
  const focused = document.activeElement?.name === "method";
  const tiles = there().map(({ method, default: best }) => {
    const label = document.createElement("label");
    label.className = "tile";
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "method", value: method, checked: method === state.method });
    input.addEventListener("change", () => pick(method));
    const body = document.createElement("span");
    if (state.all) {
      const image = document.createElement("img");
      image.alt = "";
      if (made.has(key(method))) image.src = made.get(key(method)).url;
      image.style.objectPosition = `${100 * middle()}% 50%`;
      body.append(image);
    }
    body.append(method);
    if (best) body.append(Object.assign(document.createElement("small"), { textContent: "suggested" }));
    label.append(input, body);
    return label;
  });
  $("tiles").replaceChildren(...tiles);
  $("variants").hidden = !several();
  document.querySelector(`input[name=variant][value="${state.variant}"]`).checked = true;
  if (focused) document.querySelector("input[name=method]:checked")?.focus();
}

function pick(method) {
  state.back = null;
  state.method = method;
  if (!makesSeveral(method)) state.variant = 0;
  turn();
}

/** Somebody else: by a method that makes several, if this one makes one; the first is this one's again. */
function vary(variant) {
  if (variant && !makesSeveral(state.method)) Object.assign(state, { back: state.method, method: several() });
  state.variant = variant;
  if (!variant) usual();
  turn();
}

function usual() {
  if (there().some((m) => m.method === state.back)) state.method = state.back;
  Object.assign(state, { back: null, variant: 0 });
}

/** To another method or variant: shown if it is made, else asked for. */
function turn() {
  $("message").hidden = true;
  drawTiles();
  if (state.all) for (const { method, variants } of there()) if (variants > 1 && method !== state.method) make(method);
  if (made.has(key(state.method))) return present(made.get(key(state.method)));
  ready(false);
  busy("Translating…");
  make(state.method);
}

/** Where, from left to right, the chosen face is in what is shown: 0 to 1. */
function middle() {
  const face = state.faces[state.face];
  if (chosen("layout") !== "paste" || !face) return 0.5;
  return Math.min(0.95, Math.max(0.05, (face.box[0] + face.box[2]) / 2 / state.size[0]));
}

/** Where the slider begins: in the middle of what has changed. */
function place(whole) {
  state.whole = whole;
  $("slider").value = String(Math.round(100 * middle()));
  cut();
}

function cut() {
  $("compare").style.setProperty("--cut", `${$("slider").value}%`);
  $("slider").setAttribute("aria-valuetext", `${$("slider").value} percent before`);
}

async function copy() {
  const entry = made.get(key(state.method));
  if (!entry) return;
  const label = $("copy");
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": entry.png })]);
    label.textContent = "Copied";
    say("Copied. A copy may lose the mark that says it was generated; the download keeps it.");
  } catch {
    label.textContent = "Cannot copy";
    say("This browser does not let the page copy pictures. Download it instead.");
  }
  setTimeout(() => { label.textContent = "Copy"; }, 2500);
}

function restart() {
  forget();
  busy(null);
  $("message").hidden = true;
  show(false);
  say("");
  $("choose").focus();
}

// What the user does.

$("choose").addEventListener("click", () => $("file").click());
$("shoot").addEventListener("click", () => $("camera").click());
onPicture([$("file"), $("camera")], take, (words) => complain(new Failure(words)));
for (const input of document.querySelectorAll("input[name=to], input[name=layout]")) input.addEventListener("change", translate);
for (const input of document.querySelectorAll("input[name=variant]")) input.addEventListener("change", () => vary(Number(input.value)));
$("slider").addEventListener("input", cut);
$("copy").addEventListener("click", copy);
$("again").addEventListener("click", restart);
$("centre").addEventListener("click", () => choose("centre"));
$("all").addEventListener("click", () => {
  state.all = true;
  $("all").hidden = true;
  drawTiles();
  document.querySelector("input[name=method]:checked")?.focus();
  for (const { method } of there()) make(method);
});

try {
  offered = await ask("/v1/methods", { askToken });
  $("limits").textContent = `, up to ${megabytes(offered.limits.max_bytes)} MB`;
} catch (error) {
  complain(error);
}
$("copy").hidden = !navigator.clipboard?.write; // it is there on this machine and over HTTPS alone
cut();
