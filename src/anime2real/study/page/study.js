// One trial after the other: ask for it, show it, time it, send the answer.
"use strict";

const part = (name) => document.getElementById(name);
const sides = [...document.querySelectorAll(".side")];
// Behind the rater's word and a dot: what a study that others can reach wants to be sent.
const token = decodeURIComponent(location.hash.slice(1).split(".").slice(1).join("."));
let trial = null;
let shownAt = 0;

function say(text) {
  part("status").textContent = text;
}

function show(name) {
  for (const section of ["welcome", "trial", "end"]) part(section).hidden = section !== name;
  part(name).querySelector("h1").focus();
}

async function ask(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
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
  part("count").textContent = `${reply.done} of ${reply.total} answered`;
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
document.addEventListener("keydown", (event) => {
  const side = { ArrowLeft: 0, ArrowRight: 1 }[event.key];
  if (side !== undefined && !part("trial").hidden && !event.repeat) {
    event.preventDefault();
    choose(side);
  }
});
