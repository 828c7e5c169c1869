// One trial after the other: ask for it, show it, time it, send the answer.
"use strict";

const part = (name) => document.getElementById(name);
const sides = [...document.querySelectorAll(".side")];
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
  const reply = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const told = await reply.json();
  if (!reply.ok) throw new Error(told.error ?? "The study does not answer.");
  return told;
}

// The rater's word lies behind the # of the address, so that the link itself goes on where one stopped.
async function rater() {
  const known = location.hash.slice(1);
  if (/^[0-9a-f]{16}$/.test(known)) return known;
  const { rater: word } = await ask("v1/raters", {});
  history.replaceState(null, "", `#${word}`);
  return word;
}

async function loaded(image, address) {
  image.src = address;
  await image.decode();
}

async function next() {
  const told = await ask("v1/next", { rater: await rater() });
  if (told.trial === null) {
    show("end");
    return;
  }
  await Promise.all(sides.map((side, i) => loaded(side.querySelector("img"), told.pictures[i])));
  part("question").textContent = told.question;
  part("progress").max = told.total;
  part("progress").value = told.done;
  part("count").textContent = `${told.done} of ${told.total} answered`;
  trial = told.trial;
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
