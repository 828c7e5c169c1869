// The page: the user gives a picture, the server finds its faces and translates one, and a slider compares the result.

import { ask, Failure } from "/page/api.js";
import { onPicture } from "/page/picture_input.js";
import { $, drawFaces, markFace, moveCut, showWork } from "/page/view.js";
import { askedWho, offerWho, onWho, resetWho, whoInName, whoInWords } from "/page/view.js";

const state = {
  file: null,
  url: null,
  name: "",
  faces: [],
  size: [1, 1],
  face: 0,
  method: null,
  previousMethod: null,
  variant: 0,
  all: false,
  sliderForWhole: null,
  scrolled: false,
};
let offered = { methods: [], limits: {} };
let inFlight = new AbortController();
let results = new Map(); // by method, variant and who is asked for: {png, url, before, size}
const pending = new Set(); // the keys of those that the server is working on
let resultUrls = []; // object URLs of the results that are shown

const chosen = (name) => document.querySelector(`input[name=${name}]:checked`)?.value;
const announce = (line) => {
  $("status").textContent = line;
};

function askToken(wrong) {
  const dialog = $("ask");
  $("ask-problem").textContent = wrong ? "That was not it. Try again." : "";
  $("token").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue === "given" && $("token").value) resolve($("token").value.trim());
        else askToken(false).then(resolve);
      },
      { once: true },
    );
    dialog.returnValue = "";
  });
}

function showError(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Failure)) console.error(error);
  $("message").hidden = false;
  $("problem").textContent =
    error instanceof Failure ? error.message : "Something broke on this page. Load it again.";
  $("centre").hidden = true;
  setBusy(null);
  $("message").scrollIntoView({ block: "nearest" });
}

let clock = 0;
function setBusy(line) {
  clearInterval(clock);
  $("busy").hidden = !line;
  $("viewer").setAttribute("aria-busy", String(Boolean(line)));
  if (!line) return;
  const start = performance.now();
  $("elapsed").textContent = line;
  announce(line);
  clock = setInterval(() => {
    const seconds = Math.floor((performance.now() - start) / 1000);
    if (seconds >= 2) $("elapsed").textContent = `${line} ${seconds} s`;
  }, 500);
}

function discardResults() {
  inFlight.abort();
  inFlight = new AbortController();
  for (const url of resultUrls) URL.revokeObjectURL(url);
  resultUrls = [];
  results = new Map();
  pending.clear();
}

// The picture and its faces.

async function openPicture(file) {
  if (!file) return;
  discardResults();
  $("message").hidden = true;
  const { max_bytes: most } = offered.limits;
  if (most && file.size > most) {
    return showError(
      new Failure(
        `The picture has ${megabytes(file.size)} MB, more than the ${megabytes(most)} MB allowed: make it smaller.`,
      ),
    );
  }
  if (state.url) URL.revokeObjectURL(state.url);
  resetVariant();
  resetWho();
  $("variants").hidden = true;
  offerWho(null);
  Object.assign(state, {
    file,
    url: URL.createObjectURL(file),
    face: 0,
    faces: [],
    all: false,
    scrolled: false,
    name: (file.name || "picture").replace(/\.[^.]*$/, ""),
  });
  $("picture").src = state.url;
  $("faces").replaceChildren();
  $("found").textContent = "";
  for (const id of ["before", "after"]) $(id).removeAttribute("src");
  $("compare").classList.add("unseen");
  $("tiles").replaceChildren();
  enableResult(false);
  showWork(true);
  setBusy("Looking for faces…");
  const { signal } = inFlight;
  try {
    const answer = await ask("/v1/faces", { form: form({}), signal, askToken, report: setBusy });
    state.faces = answer.faces;
    state.size = answer.size;
    if (!answer.faces.length) return showNoFace();
    drawFaces(state.faces, state.size, chooseFace);
    if (answer.notes.length) $("found").textContent += ` Note: ${answer.notes.join("; ")}.`;
    if (document.activeElement === document.body) $("faces").firstChild.focus({ preventScroll: true });
    chooseFace(0);
  } catch (error) {
    if (error.name === "AbortError") return;
    showWork(false);
    showError(error);
  }
}

function form(fields) {
  const data = new FormData();
  data.append("picture", state.file, "picture");
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

function showNoFace() {
  setBusy(null);
  $("found").textContent = "No face found.";
  $("message").hidden = false;
  $("problem").textContent =
    "No face found in the picture. If it is one face and nothing else, its centre can be taken for it.";
  $("centre").hidden = false;
}

function chooseFace(number) {
  state.face = number;
  resetVariant();
  resetWho();
  state.sliderForWhole = null;
  const to = number === "centre" ? chosen("to") || "real" : state.faces[number].domain === "anime" ? "real" : "anime";
  markFace(number, to);
  translate();
}

// The results.

const availableMethods = () =>
  offered.methods.filter((method) => method.to === chosen("to")).sort((a, b) => b.default - a.default);

/** The best method that makes several people of one face, if one does. */
const methodWithVariants = () => availableMethods().find((m) => m.variants > 1)?.method;
const hasVariants = (method) => availableMethods().some((m) => m.method === method && m.variants > 1);

/** The variant that a method is asked for: 0 where it has no others. */
const variantOf = (method) => (hasVariants(method) ? state.variant : 0);

/** The youngest and the oldest that a method draws; null if it cannot be told who to show. */
const agesOf = (method) => availableMethods().find((m) => m.method === method)?.ages ?? null;

/** Who a method is asked to show: as it looks where it cannot be told. */
const whoOf = (method) => (agesOf(method) ? askedWho() : { sex: "", age: "" });

/** The same as the API takes it. */
const whoField = (method) => Object.values(whoOf(method)).filter(Boolean).join(", ") || "auto";

const key = (method) => `${method} ${variantOf(method)} ${whoField(method)}`;

async function translate() {
  discardResults();
  $("message").hidden = true;
  const methods = availableMethods();
  if (!methods.length)
    return showError(
      new Failure(`This server has nothing that translates to ${chosen("to") === "real" ? "people" : "drawings"}.`),
    );
  if (!methods.some((method) => method.method === state.method)) {
    Object.assign(state, {
      method: (methods.find((m) => m.default) ?? methods[0]).method,
      previousMethod: null,
      variant: 0,
    });
  }
  $("heading").textContent = chosen("to") === "real" ? "As a person" : "As a drawing";
  $("all").hidden = methods.length < 2 || state.all;
  drawTiles();
  enableResult(false);
  setBusy("Translating…");
  await requestResult(state.method);
  if (state.all)
    await Promise.all(
      methods
        .map((m) => m.method)
        .filter((name) => name !== state.method)
        .map(requestResult),
    );
}

async function requestResult(method) {
  const { signal } = inFlight;
  const at = key(method);
  if (results.has(at) || pending.has(at)) return;
  pending.add(at);
  const fields = {
    to: chosen("to"),
    method,
    layout: chosen("layout"),
    face: String(state.face),
    variant: String(variantOf(method)),
    who: whoField(method),
  };
  try {
    const answer = await ask("/v1/translate", { form: form(fields), signal, askToken, report: setBusy });
    const [result] = answer.results;
    const png = new Blob([bytes(result.png)], { type: "image/png" });
    const before = result.input_png ? new Blob([bytes(result.input_png)], { type: "image/png" }) : null;
    const entry = { png, url: urlOf(png), before: before ? urlOf(before) : state.url, size: result.size };
    results.set(at, entry);
    drawTiles();
    if (at === key(state.method)) showResult(entry);
  } catch (error) {
    showError(error);
  } finally {
    if (signal === inFlight.signal) pending.delete(at);
  }
}

const urlOf = (blob) => (resultUrls.push(URL.createObjectURL(blob)), resultUrls.at(-1));
const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const megabytes = (count) => (count / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 });

function showResult({ url, before, size }) {
  $("after").src = url;
  $("before").src = before;
  const person = chosen("to") === "real";
  const what =
    chosen("layout") === "paste"
      ? "The picture with the face replaced"
      : person
        ? "An invented person"
        : "An invented drawing";
  const who = whoOf(state.method);
  $("after").alt = `${what}${whoInWords(who)}, made by ${state.method}`;
  $("before").alt = chosen("layout") === "paste" ? "The picture before" : "The face before";
  const whole = chosen("layout") === "paste";
  $("compare").style.setProperty(
    "--width",
    whole ? `${Math.min(size[0] * 2, (size[0] / size[1]) * 480)}px` : "29rem",
  );
  $("compare").classList.remove("unseen");
  if (whole !== state.sliderForWhole) placeSlider(whole);
  $("download").href = url;
  const variant = variantOf(state.method);
  $("download").download =
    `${state.name}-${state.method}-${chosen("to")}${whoInName(who)}${variant ? `-variant-${variant + 1}` : ""}.png`;
  enableResult(true);
  setBusy(null);
  if (!state.scrolled) $("viewer").scrollIntoView({ block: "nearest" }); // on a phone it lies below
  state.scrolled = true;
  announce(`Done: ${what.toLowerCase()}${whoInWords(who)}, by ${state.method}. Not a likeness of anybody.`);
}

function enableResult(is) {
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
  const tiles = availableMethods().map(({ method, default: best }) => {
    const label = document.createElement("label");
    label.className = "tile";
    const input = Object.assign(document.createElement("input"), {
      type: "radio",
      name: "method",
      value: method,
      checked: method === state.method,
    });
    input.addEventListener("change", () => chooseMethod(method));
    const body = document.createElement("span");
    if (state.all) {
      const image = document.createElement("img");
      image.alt = "";
      if (results.has(key(method))) image.src = results.get(key(method)).url;
      image.style.objectPosition = `${100 * middle()}% 50%`;
      body.append(image);
    }
    body.append(method);
    if (best) body.append(Object.assign(document.createElement("small"), { textContent: "suggested" }));
    label.append(input, body);
    return label;
  });
  $("tiles").replaceChildren(...tiles);
  $("variants").hidden = !methodWithVariants();
  offerWho(agesOf(state.method));
  document.querySelector(`input[name=variant][value="${state.variant}"]`).checked = true;
  if (focused) document.querySelector("input[name=method]:checked")?.focus();
}

function chooseMethod(method) {
  state.previousMethod = null;
  state.method = method;
  if (!hasVariants(method)) state.variant = 0;
  showSelection();
}

/** Another variant; if the method has none, of one that has, until the first variant is chosen again. */
function chooseVariant(variant) {
  if (variant && !hasVariants(state.method))
    Object.assign(state, { previousMethod: state.method, method: methodWithVariants() });
  state.variant = variant;
  if (!variant) resetVariant();
  showSelection();
}

function resetVariant() {
  if (availableMethods().some((m) => m.method === state.previousMethod)) state.method = state.previousMethod;
  Object.assign(state, { previousMethod: null, variant: 0 });
}

/** Show the result of what is chosen; ask the server for it if it is not there yet, and for what the tiles show. */
function showSelection() {
  $("message").hidden = true;
  drawTiles();
  if (state.all) for (const { method } of availableMethods()) if (method !== state.method) requestResult(method);
  if (results.has(key(state.method))) return showResult(results.get(key(state.method)));
  enableResult(false);
  setBusy("Translating…");
  requestResult(state.method);
}

/** Where, from left to right, the chosen face is in what is shown: 0 to 1. */
function middle() {
  const face = state.faces[state.face];
  if (chosen("layout") !== "paste" || !face) return 0.5;
  return Math.min(0.95, Math.max(0.05, (face.box[0] + face.box[2]) / 2 / state.size[0]));
}

/** Put the slider to the middle of what has changed. */
function placeSlider(whole) {
  state.sliderForWhole = whole;
  $("slider").value = String(Math.round(100 * middle()));
  moveCut();
}

async function copyResult() {
  const entry = results.get(key(state.method));
  if (!entry) return;
  const label = $("copy");
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": entry.png })]);
    label.textContent = "Copied";
    announce("Copied. A copy may lose the mark that says it was generated; the download keeps it.");
  } catch {
    label.textContent = "Cannot copy";
    announce("This browser does not let the page copy pictures. Download it instead.");
  }
  setTimeout(() => {
    label.textContent = "Copy";
  }, 2500);
}

function restart() {
  discardResults();
  setBusy(null);
  $("message").hidden = true;
  showWork(false);
  announce("");
  $("choose").focus();
}

// What the user does.

$("choose").addEventListener("click", () => $("file").click());
$("shoot").addEventListener("click", () => $("camera").click());
onPicture([$("file"), $("camera")], openPicture, (words) => showError(new Failure(words)));
for (const input of document.querySelectorAll("input[name=to], input[name=layout]"))
  input.addEventListener("change", translate);
onWho(showSelection);
for (const input of document.querySelectorAll("input[name=variant]"))
  input.addEventListener("change", () => chooseVariant(Number(input.value)));
$("slider").addEventListener("input", moveCut);
$("copy").addEventListener("click", copyResult);
$("again").addEventListener("click", restart);
$("centre").addEventListener("click", () => chooseFace("centre"));
$("all").addEventListener("click", () => {
  state.all = true;
  $("all").hidden = true;
  drawTiles();
  document.querySelector("input[name=method]:checked")?.focus();
  for (const { method } of availableMethods()) requestResult(method);
});

try {
  offered = await ask("/v1/methods", { askToken });
  $("limits").textContent = `, up to ${megabytes(offered.limits.max_bytes)} MB`;
} catch (error) {
  showError(error);
}
$("copy").hidden = !navigator.clipboard?.write; // it is there on this machine and over HTTPS alone
moveCut();
