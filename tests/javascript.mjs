// Calls functions of a page's JavaScript modules for Python: `node javascript.mjs FOLDER`.
// A line {call: [module, function], arguments} is answered by a line {result} or {error}. In the arguments, {callback:
// name} stands for a function that Python runs: a line {callback, arguments} is answered by a line {value}.
// Arrays of numbers travel as base64.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(`${process.argv[2]}/`);
const ARRAYS = { uint8: Uint8Array, float32: Float32Array };
const stored = new Map();
globalThis.sessionStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, value),
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const send = (message) => process.stdout.write(`${JSON.stringify(message, pack)}\n`);

async function receive() {
  const { value, done } = await lines.next();
  return done ? null : JSON.parse(value, unpack);
}

function pack(_, value) {
  for (const [kind, Kind] of Object.entries(ARRAYS)) {
    if (value instanceof Kind)
      return { kind, base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  return value;
}

function unpack(_, value) {
  if (value === null || typeof value !== "object") return value;
  if ("base64" in value) return new ARRAYS[value.kind](Uint8Array.from(Buffer.from(value.base64, "base64")).buffer);
  if ("callback" in value) {
    return async (...parameters) => {
      send({ callback: value.callback, arguments: parameters });
      return (await receive()).value;
    };
  }
  return value;
}

/** Functions that take or give what is no JSON. */
const adapted = {
  find: ({ Finder }, facts, detector, landmarks, picture) => new Finder(facts, detector, landmarks).find(picture),
  inBox: ({ Finder, inBox }, facts, detector, landmarks, picture, [left, top, right, bottom]) => {
    const { by_hand: how, template } = facts;
    const box = { centre: [(left + right) / 2, (top + bottom) / 2], side: Math.max(right - left, bottom - top) };
    return inBox(new Finder(facts, detector, landmarks), picture, { ...box, ...how, template });
  },
  keepColours: async ({ keepColours }, facts, landmarks, head, ...face) => {
    const { Finder } = await import(new URL("finder.js", folder));
    return keepColours(...face, new Finder(facts, null, landmarks), head);
  },
  zipped: async ({ zipped }, files) => {
    const blobs = files.map(([name, content]) => [name, new Blob([content])]);
    return new Uint8Array(await (await zipped(blobs)).arrayBuffer());
  },
  marked: async ({ marked }, png, marks) =>
    new Uint8Array(await (await marked(new Blob([png]), marks)).arrayBuffer()),
  ask: ({ ask }, path, { picture, fields, ...options }) => {
    if (!picture) return ask(path, options);
    const form = new FormData();
    form.append("picture", new Blob([picture]), "picture");
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return ask(path, { form, ...options });
  },
};

for (let request; (request = await receive());) {
  const [name, called] = request.call;
  try {
    const module = await import(new URL(name, folder));
    const result = await (called in adapted
      ? adapted[called](module, ...request.arguments)
      : module[called](...request.arguments));
    send({ result });
  } catch (error) {
    send({ error: error.message, status: error.status ?? null });
  }
}
