// The page: a picture comes in, the worker finds its faces and translates one, and the result lies under a slider.

import { onPicture } from "./picture_input.js";

const $ = (id) => document.getElementById(id);
const chosen = () => document.querySelector("input[name=to]:checked")?.value;
const say = (line) => { $("status").textContent = line; };

class Failure extends Error {}

// The worker begins as a blob, since a blob's worker is held by this page's Content-Security-Policy and a file's is not.
const beginning = new Blob([`import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`], { type: "text/javascript" });
const worker = new Worker(URL.createObjectURL(beginning), { type: "module" });
const waiting = new Map();
let asked = 0;

worker.onmessage = ({ data: { id, answer, told, refused } }) => {
  const { resolve, reject, tell } = waiting.get(id);
  if (told) return tell(told);
  waiting.delete(id);
  if (refused) reject(new Failure(refused));
  else resolve(answer);
};
worker.onerror = () => {
  for (const { reject } of waiting.values()) reject(new Failure("The part that computes cannot be started: load the page again, in a newer browser if that does not help."));
  waiting.clear();
};

function ask(task, given, tell = () => {}) {
  const id = ++asked;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, tell });
    worker.postMessage({ id, task, ...given });
  });
}

// What is shown now; an answer to an earlier question is dropped.
let turn = 0;
let name = "picture";
let faces = [];
let size = [1, 1];
let face = 0;
let offered = { translators: {} };
const shown = { picture: null, before: null, after: null };

function keep(what, blob) {
  if (shown[what]) URL.revokeObjectURL(shown[what]);
  shown[what] = blob && URL.createObjectURL(blob);
  return shown[what];
}

function busy(line) {
  $("busy").hidden = !line;
  $("viewer").setAttribute("aria-busy", String(Boolean(line)));
  if (line) $("told").textContent = line;
}

function complain(error) {
  if (!(error instanceof Failure)) console.error(error);
  busy(null);
  $("message").hidden = false;
  $("problem").textContent = error instanceof Failure ? error.message : "Something broke on this page. Load it again.";
  $("message").scrollIntoView({ block: "nearest" });
}

function show(work) {
  $("start").hidden = work;
  $("work").hidden = !work;
  $("again").hidden = !work;
}

function clear() {
  $("message").hidden = true;
  $("compare").classList.add("unseen");
  $("slider").disabled = true;
  $("download").removeAttribute("href");
  $("download").setAttribute("aria-disabled", "true");
  $("made").textContent = "";
}

async function take(file) {
  if (!file) return;
  const mine = ++turn;
  clear();
  faces = [];
  name = (file.name || "picture").replace(/\.[^.]*$/, "");
  $("faces").replaceChildren();
  $("found").textContent = "";
  $("heading").textContent = "Result";
  $("direction").disabled = true;
  $("picture").src = keep("picture", file);
  show(true);
  const tell = (line) => mine === turn && busy(line);
  tell("Reading the picture…");
  say("Looking for faces…");
  try {
    const answer = await ask("open", { file }, tell);
    if (mine !== turn) return;
    ({ faces, size } = answer);
    if (!faces.length) throw new Failure("No face found in the picture: give another, in which it is larger, upright and seen from the front.");
    $("direction").disabled = false;
    drawFaces();
    choose(0);
  } catch (error) {
    if (mine !== turn) return;
    show(false);
    complain(error);
    $("choose").focus({ preventScroll: true });
  }
}

const kind = ({ domain }) => (domain === "anime" ? "drawn" : "photographed");

function drawFaces() {
  const [width, height] = size;
  const boxes = faces.map((found, number) => {
    const [left, top, right, bottom] = found.box;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "face";
    const tilt = Math.round(Math.abs((found.tilt * 180) / Math.PI));
    button.setAttribute("aria-label", `Face ${number + 1}, ${kind(found)}${tilt > 2 ? `, tilted by ${tilt} degrees` : ""}`);
    const [l, t] = [Math.max(0, left / width), Math.max(0, top / height)];
    const [r, b] = [Math.min(1, right / width), Math.min(1, bottom / height)];
    Object.assign(button.style, { left: `${l * 100}%`, top: `${t * 100}%`, width: `${(r - l) * 100}%`, height: `${(b - t) * 100}%` });
    button.style.zIndex = String(number + 1); // the smaller lie on top
    button.append(Object.assign(document.createElement("span"), { textContent: String(number + 1) }));
    button.addEventListener("click", () => choose(number));
    return button;
  });
  $("faces").replaceChildren(...boxes);
  $("found").textContent = faces.length === 1 ? `One face found, ${kind(faces[0])}.` : `${faces.length} faces found. Choose one in the picture.`;
}

function choose(number) {
  face = number;
  [...$("faces").children].forEach((box, index) => box.setAttribute("aria-pressed", String(index === number)));
  const to = faces[number].domain === "anime" ? "real" : "anime";
  document.querySelector(`input[name=to][value=${to}]`).checked = true;
  translate();
}

async function translate() {
  const mine = ++turn;
  const to = chosen();
  clear();
  $("heading").textContent = to === "real" ? "As a person" : "As a drawing";
  const tell = (line) => mine === turn && busy(line);
  tell("Translating…");
  say("Translating…");
  try {
    const made = await ask("translate", { face, to }, tell);
    if (mine === turn) await present(made, to);
  } catch (error) {
    if (mine === turn) complain(error);
  }
}

async function present({ before, after, ms, method, licence }, to) {
  $("before").src = keep("before", before);
  $("after").src = keep("after", after);
  await Promise.all([$("before").decode(), $("after").decode()]).catch(() => {});
  const what = to === "real" ? "An invented person" : "An invented drawing";
  $("after").alt = `${what}, made by ${method}`;
  $("before").alt = "The face before";
  $("compare").classList.remove("unseen");
  $("slider").disabled = false;
  $("slider").value = "50";
  cut();
  $("download").href = shown.after;
  $("download").download = `${name}-${method}-${to}.png`;
  $("download").removeAttribute("aria-disabled");
  $("made").textContent = `Made by ${method} in ${(ms / 1000).toFixed(1)} s on this device. Licence of the network: ${licence}.`;
  busy(null);
  say(`Done: ${what.toLowerCase()}, by ${method}. Not a likeness of anybody.`);
  if (!document.body.dataset.scrolled) $("viewer").scrollIntoView({ block: "nearest" }); // on a phone it lies below
  document.body.dataset.scrolled = "yes";
}

function cut() {
  $("compare").style.setProperty("--cut", `${$("slider").value}%`);
  $("slider").setAttribute("aria-valuetext", `${$("slider").value} percent before`);
}

// What the user does.

$("choose").addEventListener("click", () => $("file").click());
onPicture([$("file")], take, (words) => complain(new Failure(words)));
for (const input of document.querySelectorAll("input[name=to]")) input.addEventListener("change", translate);
$("slider").addEventListener("input", cut);
$("again").addEventListener("click", () => {
  turn++;
  clear();
  busy(null);
  say("");
  show(false);
  $("choose").focus();
});

try {
  offered = await ask("start", {});
  $("limits").textContent = `, up to ${Math.round(offered.limits.bytes / 2 ** 20)} MB`;
  for (const input of document.querySelectorAll("input[name=to]")) input.disabled = !offered.translators[input.value];
} catch (error) {
  complain(error);
}
