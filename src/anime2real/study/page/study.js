// One trial after the other: ask for it, show it, time it, send the answer.
"use strict";

const part = (name) => document.getElementById(name);
const sides = [...document.querySelectorAll(".side")];
// Behind the rater's word and a dot: what a study that others can reach wants to be sent.
const token = decodeURIComponent(location.hash.slice(1).split(".").slice(1).join("."));
let trial = null;
let shownAt = 0;
let pointer = null; // where it was when the pair appeared
const MOVED = 8; // px
const SECONDS_EACH = 6;

function say(text) {
  part("status").textContent = text;
}

function show(name) {
  for (const section of ["welcome", "trial", "end"]) part(section).hidden = section !== name;
  part(name).querySelector("h1").focus();
}

async function ask(path, body) {
  const authorization = token && { Authorization: `Bearer ${token}` };
  const response = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: { ...(body && { "Content-Type": "application/json" }), ...authorization },
    ...(body && { body: JSON.stringify(body) }),
  });
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.error ?? "The study does not answer.");
  return reply;
}

// The rater's word lies behind the # of the address, so that the link itself goes on where one stopped.
async function rater() {
  const known = location.hash.slice(1).split(".")[0];
  if (/^[0-9a-f]{16}$/.test(known)) return known;
  const { rater: word } = await ask("v1/raters", {});
  history.replaceState(null, "", `#${word}${token && `.${encodeURIComponent(token)}`}`);
  return word;
}

async function loaded(image, address) {
  image.src = address;
  await image.decode();
}

async function next() {
  const reply = await ask("v1/next", { rater: await rater() });
  if (reply.trial === null) {
    show("end");
    return;
  }
  await Promise.all(sides.map((side, i) => loaded(side.querySelector("img"), reply.pictures[i])));
  part("question").textContent = reply.question;
  part("progress").max = reply.total;
  part("progress").value = reply.done;
  part("count").textContent = `Pair ${reply.done + 1} of ${reply.total}`;
  part("undo").disabled = reply.done === 0;
  pointer = null;
  part("pair").classList.remove("moved"); // no picture is lit because the pointer still lies on it
  trial = reply.trial;
  show("trial");
  shownAt = performance.now();
}

async function choose(side) {
  if (trial === null) return; // the next pair is on its way
  const answer = { rater: await rater(), trial, chosen: side, milliseconds: Math.round(performance.now() - shownAt) };
  trial = null;
  await attempt(async () => {
    await ask("v1/answers", answer);
    await next();
  });
}

async function undo() {
  trial = null;
  await attempt(async () => {
    await ask("v1/undo", { rater: await rater() });
    await next();
  });
}

async function attempt(work) {
  try {
    await work();
    say("");
  } catch (error) {
    say(`${error.message} Load the page again to go on; nothing that you answered is lost.`);
  }
}

part("start").addEventListener("click", () => attempt(next));
sides.forEach((side, i) => side.addEventListener("click", () => choose(i)));
part("unsure").addEventListener("click", () => choose(null));
for (const id of ["undo", "undo-last"]) part(id).addEventListener("click", undo);
document.addEventListener("pointermove", ({ clientX, clientY }) => {
  pointer ??= [clientX, clientY];
  if (Math.hypot(clientX - pointer[0], clientY - pointer[1]) > MOVED) part("pair").classList.add("moved");
});
const KEYS = {
  ArrowLeft: () => choose(0),
  ArrowRight: () => choose(1),
  ArrowDown: () => choose(null),
  Backspace: () => part("undo").disabled || undo(),
};
document.addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (!action || part("trial").hidden || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  action();
});
attempt(async () => {
  const { total } = await ask("v1/study");
  const minutes = Math.max(1, Math.round((total * SECONDS_EACH) / 60));
  part("amount").textContent = `There are ${total} pairs: some ${minutes} ${minutes === 1 ? "minute" : "minutes"}.`;
});
