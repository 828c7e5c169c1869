// The worker: reads a picture, finds its faces and translates one, so that the page can still react meanwhile.
// It answers {id, answer}, {id, progress} or {id, problem} to {id, task, …}.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { Finder, inBox } from "./finder.js";
import { headMasks } from "./heads.js";
import { keepColours } from "./kept-colours.js";
import { pasteHead } from "./paste.js";
import { fromCanvas, toCanvas, toPicture } from "./pixels.js";
import { marked } from "./png.js";
import { again, prepare, redrawing } from "./translate.js";
import { asking, goesByFace, labelsOf, told } from "./who.js";

/** A failure whose message is shown to the user. */
class Problem extends Error {}

const HEAD = "models/head.onnx";

const here = (name) => new URL(name, import.meta.url);
const megabytes = (bytes) => Math.round(bytes / 2 ** 20);
const sessions = new Map(); // promises of sessions, by file
let manifest = null;
let opened = { id: null, picture: null }; // the picture that was worked on last

ort.env.wasm.wasmPaths = {
  wasm: here("runtime/ort-wasm-simd-threaded.wasm").href,
  mjs: here("runtime/ort-wasm-simd-threaded.mjs").href,
};
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

async function download(name, onProgress) {
  const expected = manifest?.files[name];
  let response;
  try {
    response = await fetch(here(name));
  } catch {
    throw new Problem(`${name} cannot be loaded: see whether the server still runs, and try again.`);
  }
  if (!response.ok)
    throw new Problem(`${name} cannot be loaded (the server answers ${response.status}): build the page again.`);
  if (!onProgress || !expected) return new Uint8Array(await response.arrayBuffer());
  const content = new Uint8Array(expected.bytes);
  let at = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > content.length)
      throw new Problem(`${name} is not the file that the page was built with: build it again.`);
    content.set(value, at);
    at += value.length;
    onProgress(at, expected.bytes);
  }
  if (crypto.subtle) {
    // browsers have it over HTTPS and on this machine alone
    const sum = [...new Uint8Array(await crypto.subtle.digest("SHA-256", content))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    if (sum !== expected.sha256) throw new Problem(`${name} came damaged: load the page again.`);
  }
  return content;
}

function session(name, onProgress) {
  if (!sessions.has(name)) {
    const created = download(name, onProgress).then((content) =>
      ort.InferenceSession.create(content, { executionProviders: ["wasm"], logSeverityLevel: 3 }),
    );
    sessions.set(name, created);
    created.catch(() => sessions.delete(name)); // so that the next task tries again
  }
  return sessions.get(name);
}

async function run(network, inputs) {
  const tensors = Object.entries(inputs).map(([name, [values, shape]]) => [
    name,
    new ort.Tensor("float32", values, shape),
  ]);
  const outputs = await network.run(Object.fromEntries(tensors));
  const values = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data.slice()]));
  for (const tensor of Object.values(outputs)) tensor.dispose();
  return values;
}

async function read(file) {
  const { bytes, pixels } = manifest.limits;
  if (file.size > bytes)
    throw new Problem(
      `The picture has ${megabytes(file.size)} MB, more than the ${megabytes(bytes)} MB allowed: make it smaller.`,
    );
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Problem("This is no picture that your browser can read: give a JPEG, PNG, WebP, AVIF or GIF.");
  }
  const { width, height } = bitmap;
  if (width * height > pixels)
    throw new Problem(
      `The picture has ${width}×${height} pixels, more than the ${pixels / 1e6} million allowed: scale it down.`,
    );
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Problem("The picture is too large for this browser: scale it down.");
  context.fillStyle = "#fff"; // transparency is laid on white
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromCanvas(context.getImageData(0, 0, width, height));
}

async function toPng(square) {
  const canvas = new OffscreenCanvas(square.width, square.height);
  canvas.getContext("2d").putImageData(toCanvas(square), 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** The pixels of a picture; those of the last one are kept. */
async function pixelsOf({ id, file }) {
  if (opened.id !== id) opened = { id, picture: await read(file) };
  return opened.picture;
}

async function finderOf(report) {
  const detector = await session("models/detector.onnx", loading(report, "the face detector"));
  const landmarks = await session("models/landmarks.onnx", loading(report, "the landmark network"));
  return new Finder(
    manifest.face,
    (inputs) => run(detector, inputs),
    (inputs) => run(landmarks, inputs),
  );
}

/** Runs the head network, which is loaded when it is first asked. */
const heads = (report) => async (inputs) =>
  run(await session(HEAD, loading(report, "the network that finds heads")), inputs);

/** The face in a box that the user drew, as the package's face/by_hand.py has it. */
async function faceInBox(picture, box, report) {
  const [left, top, right, bottom] = box.split(",").map(Number);
  const { view, pixels, alike } = manifest.face.by_hand;
  const [centre, side] = [[(left + right) / 2, (top + bottom) / 2], Math.max(right - left, bottom - top)];
  const finder = await finderOf(report);
  return inBox(finder, picture, { centre, side, view, pixels, alike, template: manifest.face.template });
}

/** What a translator is told of whom to show; null if it is not told. */
async function whoOf(picture, face, asked, { ages }, report) {
  if (!ages) return null;
  if (goesByFace(asked) && !face.labels) {
    const { model, crop } = manifest.labels;
    const network = await session(model, loading(report, "the network that reads sex and age"));
    face.labels = await labelsOf(picture, face.crop, crop, (inputs) => run(network, inputs));
  }
  return told(asked, face.labels, ages);
}

const loading = (report, what) => (loaded, total) =>
  report(`Loading ${what}: ${megabytes(loaded)} of ${megabytes(total)} MB…`);

/** What a translator's network makes of its inputs: a picture. */
async function pictureOf(network, inputs, { px }) {
  const [values] = Object.values(await run(network, inputs));
  const picture = toPicture(values, px);
  if (!picture) throw new Problem("The network gives numbers that are none on this device.");
  return picture;
}

/** One face of a picture, translated: {square, result, frame}. */
async function translated(picture, faces, { face: number, box, to, who: asked }, report) {
  const facts = manifest.translators[to];
  if (!facts) throw new Problem(`This page was built without a translator to ${to === "real" ? "people" : "drawings"}.`);
  const face = box ? await faceInBox(picture, box, report) : faces[number];
  const network = await session(facts.model, loading(report, "the translator, once"));
  const who = await whoOf(picture, face, asking(asked), facts, report);
  report("Translating…");
  const { square, frame, points, inputs } = prepare(picture, face, facts, who);
  let result = await pictureOf(network, inputs, facts);
  if (facts.redrawn_by) {
    const back = await session(facts.redrawn_by.model, loading(report, "the network that redraws, once"));
    report("Looking at it again…");
    const redrawn = await pictureOf(back, redrawing(inputs, result, facts.redrawn_by), facts.redrawn_by);
    result = await pictureOf(network, again(inputs, redrawn), facts);
  }
  if (facts.keeps_colours)
    result = await keepColours(square, result, points, to, await finderOf(report), heads(report));
  return { square, result, frame };
}

/** A picture with results along the outline of their heads, the first on top. */
async function pasted(picture, results, report) {
  let whole = picture;
  for (const { square, result, frame } of [...results].reverse()) {
    const masks = await headMasks([square, result], heads(report));
    whole = pasteHead(whole, square, result, frame, masks);
  }
  return whole;
}

const tasks = {
  async start() {
    manifest = JSON.parse(new TextDecoder().decode(await download("manifest.json")));
    const { limits, translators } = manifest;
    const networks = [translators.real?.model, translators.real?.redrawn_by?.model];
    const first = ["models/detector.onnx", "models/landmarks.onnx", ...networks].filter(Boolean);
    // So that the first picture need not wait; a failure comes again, and is told, when a picture is given.
    first.reduce((before, name) => before.then(() => session(name)).catch(() => {}), Promise.resolve());
    const methods = Object.entries(translators).map(([to, facts]) => ({ to, variants: 1, default: true, ...facts }));
    return { methods, limits: { max_bytes: limits.bytes, max_pixels: limits.pixels } };
  },

  async find({ picture: asked }, report) {
    const picture = await pixelsOf(asked);
    const finder = await finderOf(report);
    report("Looking for faces…");
    const faces = await finder.find(picture);
    const { width, height } = picture;
    return {
      size: [width, height],
      faces: faces.map(({ tilt, ...face }) => ({ ...face, tilt_degrees: (tilt * 180) / Math.PI })),
      notes: [],
    };
  },

  async translate({ picture: asked, faces, layout, parts }, report) {
    const picture = await pixelsOf(asked);
    const results = [];
    for (const part of parts) results.push(await translated(picture, faces, part, report));
    const whole = layout === "paste";
    const last = whole ? await pasted(picture, results, report) : results[0].result;
    return {
      png: await marked(await toPng(last), manifest),
      before: whole ? null : await toPng(results[0].square),
      size: [last.width, last.height],
      notes: already(parts, faces),
    };
  },
};

/** As already_note of src/anime2real/pipeline.py. */
function already(parts, faces) {
  const same = parts.filter(({ face, to }) => faces[face]?.domain === to);
  if (!same.length) return [];
  const [kind, wanted] = same[0].to === "real" ? ["photographed", "photographs"] : ["drawn", "drawings"];
  return [`${same.length} of ${parts.length} faces look ${kind} already: are ${wanted} what they should become?`];
}

let last = Promise.resolve(); // one task after another

const cancelled = new Set();

self.onmessage = ({ data: { id, task, cancel, ...parameters } }) => {
  if (cancel) return void cancelled.add(cancel);
  last = last.then(async () => {
    if (cancelled.delete(id)) return;
    try {
      self.postMessage({
        id,
        answer: await tasks[task](parameters, (progress) => self.postMessage({ id, progress })),
      });
    } catch (error) {
      if (!(error instanceof Problem)) console.error(error);
      const unexpected =
        error instanceof RangeError
          ? "There is not enough memory for this picture: scale it down."
          : `Something broke (${error?.message ?? error}). Load the page again.`;
      self.postMessage({ id, problem: error instanceof Problem ? error.message : unexpected });
    }
  });
};
