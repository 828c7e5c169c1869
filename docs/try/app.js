// The page: the user gives a picture, the worker finds its faces and translates one, and a slider compares the result.

import { onPicture } from "./picture_input.js";
import { $, drawFaces, markFace, moveCut, showWork } from "./view.js";
import { askedWho, offerWho, onWho, resetWho, whoInName, whoInWords } from "./view.js";

const direction = () => document.querySelector("input[name=to]:checked")?.value;
const announce = (line) => {
  $("status").textContent = line;
};

/** A failure whose message is shown to the user. */
class Failure extends Error {}

// The worker is started from a blob: this page's Content-Security-Policy holds for a blob's worker, not for a file's.
const starter = new Blob([`import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`], {
  type: "text/javascript",
});
const worker = new Worker(URL.createObjectURL(starter), { type: "module" });
const pending = new Map();
let lastId = 0;

worker.onmessage = ({ data: { id, answer, progress, problem } }) => {
  const { resolve, reject, onProgress } = pending.get(id);
  if (progress) return onProgress(progress);
  pending.delete(id);
  if (problem) reject(new Failure(problem));
  else resolve(answer);
};
worker.onerror = () => {
  for (const { reject } of pending.values())
    reject(
      new Failure(
        "The part that computes cannot be started: load the page again, in a newer browser if that does not help.",
      ),
    );
  pending.clear();
};

function ask(task, parameters, onProgress = () => {}) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject, onProgress });
    worker.postMessage({ id, task, ...parameters });
  });
}

// The number of the current question; the answer to an earlier one is dropped.
let current = 0;
let name = "picture";
let faces = [];
let size = [1, 1];
let face = 0;
let offered = { translators: {} };
const urls = { picture: null, before: null, after: null };

/** The object URL of a blob, in the place of the earlier one. */
function urlOf(what, blob) {
  if (urls[what]) URL.revokeObjectURL(urls[what]);
  urls[what] = blob && URL.createObjectURL(blob);
  return urls[what];
}

function setBusy(line) {
  $("busy").hidden = !line;
  $("viewer").setAttribute("aria-busy", String(Boolean(line)));
  if (line) $("progress").textContent = line;
}

function showError(error) {
  if (!(error instanceof Failure)) console.error(error);
  setBusy(null);
  $("message").hidden = false;
  $("problem").textContent =
    error instanceof Failure ? error.message : "Something broke on this page. Load it again.";
  $("message").scrollIntoView({ block: "nearest" });
}

function clearResult() {
  $("message").hidden = true;
  $("compare").classList.add("unseen");
  $("slider").disabled = true;
  $("download").removeAttribute("href");
  $("download").setAttribute("aria-disabled", "true");
  $("made").textContent = "";
}

async function openPicture(file) {
  if (!file) return;
  const mine = ++current;
  clearResult();
  faces = [];
  name = (file.name || "picture").replace(/\.[^.]*$/, "");
  $("faces").replaceChildren();
  $("found").textContent = "";
  $("heading").textContent = "Result";
  $("direction").disabled = true;
  offerWho(null);
  $("picture").src = urlOf("picture", file);
  showWork(true);
  const onProgress = (line) => mine === current && setBusy(line);
  onProgress("Reading the picture…");
  announce("Looking for faces…");
  try {
    const answer = await ask("open", { file }, onProgress);
    if (mine !== current) return;
    ({ faces, size } = answer);
    if (!faces.length)
      throw new Failure(
        "No face found in the picture: give another, in which it is larger, upright and seen from the front.",
      );
    $("direction").disabled = false;
    drawFaces(faces, size, chooseFace);
    chooseFace(0);
  } catch (error) {
    if (mine !== current) return;
    showWork(false);
    showError(error);
    $("choose").focus({ preventScroll: true });
  }
}

function chooseFace(number) {
  face = number;
  const to = faces[number].domain === "anime" ? "real" : "anime";
  markFace(number, to);
  resetWho();
  translate();
}

async function translate() {
  const mine = ++current;
  const to = direction();
  const ages = offered.translators[to]?.ages ?? null;
  const who = ages ? askedWho() : { sex: "", age: "" };
  clearResult();
  offerWho(ages);
  $("heading").textContent = to === "real" ? "As a person" : "As a drawing";
  const onProgress = (line) => mine === current && setBusy(line);
  onProgress("Translating…");
  announce("Translating…");
  try {
    const result = await ask("translate", { face, to, who }, onProgress);
    if (mine === current) await showResult(result, to, who);
  } catch (error) {
    if (mine === current) showError(error);
  }
}

async function showResult({ before, after, ms, method, licence }, to, who) {
  $("before").src = urlOf("before", before);
  $("after").src = urlOf("after", after);
  await Promise.all([$("before").decode(), $("after").decode()]).catch(() => {});
  const what = to === "real" ? "An invented person" : "An invented drawing";
  $("after").alt = `${what}${whoInWords(who)}, made by ${method}`;
  $("before").alt = "The face before";
  $("compare").classList.remove("unseen");
  $("slider").disabled = false;
  $("slider").value = "50";
  moveCut();
  $("download").href = urls.after;
  $("download").download = `${name}-${method}-${to}${whoInName(who)}.png`;
  $("download").removeAttribute("aria-disabled");
  $("made").textContent =
    `Made by ${method} in ${(ms / 1000).toFixed(1)} s on this device. Licence of the network: ${licence}.`;
  setBusy(null);
  announce(`Done: ${what.toLowerCase()}${whoInWords(who)}, by ${method}. Not a likeness of anybody.`);
  if (!document.body.dataset.scrolled) $("viewer").scrollIntoView({ block: "nearest" }); // on a phone it lies below
  document.body.dataset.scrolled = "yes";
}

// What the user does.

$("choose").addEventListener("click", () => $("file").click());
onPicture([$("file")], openPicture, (words) => showError(new Failure(words)));
for (const input of document.querySelectorAll("input[name=to]")) input.addEventListener("change", translate);
onWho(translate);
$("slider").addEventListener("input", moveCut);
$("again").addEventListener("click", () => {
  current++;
  clearResult();
  setBusy(null);
  announce("");
  showWork(false);
  $("choose").focus();
});

try {
  offered = await ask("start", {});
  $("limits").textContent = `, up to ${Math.round(offered.limits.bytes / 2 ** 20)} MB`;
  for (const input of document.querySelectorAll("input[name=to]")) input.disabled = !offered.translators[input.value];
} catch (error) {
  showError(error);
}
