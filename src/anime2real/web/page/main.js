// The page: what the user does becomes an event, machine.js says what follows, and this file does what it asks for.

import * as backend from "./backend.js";
import { EXAMPLES } from "./examples.js";
import { Failure } from "./failure.js";
import { initial, itemOf, keyOf, next, resultOf, wanted } from "./machine.js";
import { onBox } from "./marking.js";
import { onPictures } from "./picture_input.js";
import { FIRST_ALONE, isAnimated } from "./moving.js";
import { fitting, pairOf } from "./pictures.js";
import { announce, focusKept, render } from "./render.js";
import * as store from "./store.js";
import { $, forgetUrls, nameOf, openLarge, onLarge, onSlider } from "./viewer.js";
import { zipped } from "./zip.js";

const AT_ONCE = 2;

let state = initial();
const running = new Map(); // AbortControllers, by item and key

/** Take an event: change the state, show it, and begin what it asks for. */
function dispatch(event) {
  const [before, active] = [state, document.activeElement];
  state = next(state, event);
  if (state === before) return;
  render(state, before);
  focusKept(state, before, active);
  store.keep(state);
  work();
}

const lineOf = (error) => {
  if (error instanceof Failure) return error.message;
  console.error(error);
  return "Something broke on this page. Load it again: your pictures stay.";
};

// What the state asks for.

const nameOfTask = ({ id, key }) => `${id} ${key ?? ""}`;

function work() {
  const tasks = wanted(state);
  const names = new Set(tasks.map(nameOfTask));
  for (const [name, task] of running) if (!names.has(name)) stop(name, task);
  for (const task of tasks) {
    if (running.size >= AT_ONCE) return;
    if (!running.has(nameOfTask(task))) run(task);
  }
}

/** What nobody waits for any more is stopped; it begins anew when it is asked for again. */
function stop(name, { task, controller }) {
  running.delete(name);
  controller.abort();
  if (itemOf(state, task.id)?.results[task.key]?.phase === "working") dispatch({ type: "dropped", ...task });
}

async function run(task) {
  const { id, key } = task;
  const name = nameOfTask(task);
  const controller = new AbortController();
  const { signal } = controller;
  running.set(name, { task, controller });
  if (key) dispatch({ type: "working", id, key });
  const options = { signal, report: (line) => signal.aborted || dispatch({ type: "progress", id, key, line }) };
  let event;
  try {
    event = key
      ? { type: "done", id, key, result: await backend.translate(itemOf(state, id), task.request, options) }
      : { type: "found", id, ...(await find(id, options)) };
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    event = { type: key ? "failed" : "unread", id, key, line: lineOf(error) };
  }
  if (signal.aborted) return;
  running.delete(name);
  dispatch(event);
}

async function find(id, options) {
  const item = itemOf(state, id);
  if (isAnimated(new Uint8Array(await item.file.arrayBuffer()))) {
    dispatch({ type: "reduced", id, file: item.file, note: FIRST_ALONE });
  }
  const { file, note } = await fitting(item.file, state.offered.limits);
  if (note) dispatch({ type: "reduced", id, file, note });
  return backend.findFaces(itemOf(state, id), options);
}

async function connect() {
  try {
    dispatch({ type: "offered", offered: await backend.offered() });
  } catch (error) {
    dispatch({ type: "offline", line: lineOf(error) });
  }
}

// What the user does.

const give = (files) => {
  const given = files.map((file) => ({ id: crypto.getRandomValues(new Uint32Array(2)).join("-"), file, name: stem(file) }));
  if (!given.length) return;
  dispatch({ type: "given", files: given });
  history.pushState({ view: "work", id: state.current }, "");
};
const stem = ({ name }) => (name || "picture").replace(/\.[^.]*$/, "") || "picture";

function go(view, id = state.current) {
  dispatch({ type: "show", view, id });
  history.pushState({ view: state.view, id: state.current }, "");
}

const click = (id, action) => $(id).addEventListener("click", action);
const each = (name, action) => {
  for (const input of document.querySelectorAll(`input[name=${name}]`)) input.addEventListener("change", () => action(input.value));
};
const choose = (asked) => dispatch({ type: "choose", asked });

click("choose", () => $("file").click());
click("shoot", () => $("camera").click());
onPictures([$("file"), $("camera")], give, (line) => dispatch({ type: "problem", line }));
click("again", () => go("start"));
click("reconnect", connect);
click("dismiss", () => dispatch({ type: "problem", line: null }));
for (const type of ["cancel", "retry", "mark", "every", "leave", "all"]) click(type, () => dispatch({ type }));
click("add", () => dispatch({ type: "mark" }));
click("whole", () => {
  const { size } = itemOf(state);
  const side = Math.min(...size);
  const [x, y] = size.map((length) => (length - side) / 2);
  dispatch({ type: "marked", box: [x, y, x + side, y + side] });
});
onBox((box) => dispatch({ type: "marking", box }), () => itemOf(state));
click("box-use", () => dispatch({ type: "marked", box: itemOf(state).marking }));
click("box-cancel", () => dispatch({ type: "marked", box: null }));
each("to", (to) => choose({ to }));
each("layout", (layout) => dispatch({ type: "layout", layout }));
each("variant", (value) => choose({ variant: Number(value) }));
const who = () => ({ sex: document.querySelector("input[name=sex]:checked").value, age: $("age").value });
each("sex", () => choose({ who: who() }));
$("age").addEventListener("change", () => choose({ who: who() }));
$("tiles").addEventListener("change", (event) => choose({ method: event.target.value }));
$("tiles").addEventListener("click", ({ target }) => {
  if (target.dataset.retry) dispatch({ type: "retryMethod", method: target.dataset.retry });
});
$("faces").addEventListener("click", ({ target }) => chooseFace(target.closest("button")));
$("frames").addEventListener("click", ({ target }) => chooseFace(target.closest("[data-face]")));
const chooseFace = (element) => element && dispatch({ type: "face", face: Number(element.dataset.face) });
$("items").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) go("work", button.dataset.id);
});
$("examples").addEventListener("click", async ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  try {
    const answer = await fetch(new URL(`examples/${button.dataset.file}`, import.meta.url));
    if (!answer.ok) throw new Error(String(answer.status));
    give([new File([await answer.blob()], button.dataset.file, { type: "image/webp" })]);
  } catch {
    dispatch({ type: "problem", line: "The example cannot be loaded: see whether the server still runs, and try again." });
  }
});
click("forget", async () => {
  for (const [name, task] of running) stop(name, task);
  dispatch({ type: "forget" });
  forgetUrls();
  history.replaceState({ view: "start" }, "");
  await store.forget();
  announce("Everything is forgotten.");
});

// What is done with a result.

const current = () => {
  const item = itemOf(state);
  return { item, result: item && resultOf(state, item) };
};
const pair = async ({ item, result }) =>
  new File([await pairOf(result.before ?? item.file, result.png)], `${nameOf(state, item)}-before-and-after.png`, { type: "image/png" });

click("both", async () => save(await pair(current())));
click("share", async () => {
  try {
    await navigator.share({ files: [await pair(current())], title: "anime2real", text: "Invented by a program." });
  } catch (error) {
    if (error.name !== "AbortError") announce("This browser does not let the page share pictures. Save them instead.");
  }
});
click("copy", async () => {
  const { result } = current();
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": result.png })]);
    $("copy").textContent = "Copied";
    announce("Copied. A copy may lose the mark that says it was generated; the download keeps it.");
  } catch {
    $("copy").textContent = "Cannot copy";
    announce("This browser does not let the page copy pictures. Download it instead.");
  }
  setTimeout(() => ($("copy").textContent = "Copy"), 2500);
});
click("enlarge", () => openLarge(current()));
click("zip", async () => {
  const done = state.items.map((item) => [item, resultOf(state, item)]).filter(([, result]) => result?.phase === "done");
  const files = done.map(([item, { png }]) => [`${nameOf(state, item)}.png`, png]);
  save(new File([await zipped(files)], "anime2real.zip", { type: "application/zip" }));
});

function save(file) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: file.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

onSlider();
onLarge();
addEventListener("popstate", ({ state: there }) => dispatch({ type: "show", view: there?.view ?? "start", id: there?.id }));
addEventListener("online", () => state.offline && connect());

render(state, null, EXAMPLES);
const kept = await store.restored();
if (kept) {
  const view = history.state?.view === "work" ? "work" : "start";
  dispatch({ type: "restored", ...kept, view, current: history.state?.id ?? kept.current });
} else history.replaceState({ view: "start" }, "");
await connect();
