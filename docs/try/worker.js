// Computes, so that the page stays alive: reads a picture, finds its faces, translates one. It answers {id, …} to {id, task, …}.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { Finder } from "./finder.js";
import { apply, tiltOf, upright } from "./geometry.js";
import { align, fromCanvas, toCanvas, toFloat, toPicture } from "./pixels.js";
import { marked } from "./png.js";

class Refusal extends Error {}

const here = (name) => new URL(name, import.meta.url);
const megabytes = (bytes) => Math.round(bytes / 2 ** 20);
const loaded = new Map(); // sessions by file, as promises
let manifest = null;
let picture = null;
let faces = [];

ort.env.wasm.wasmPaths = { wasm: here("runtime/ort-wasm-simd-threaded.wasm").href, mjs: here("runtime/ort-wasm-simd-threaded.mjs").href };
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

async function get(name, tell) {
  const wanted = manifest?.files[name];
  let response;
  try {
    response = await fetch(here(name));
  } catch {
    throw new Refusal(`${name} cannot be loaded: see whether the server still runs, and try again.`);
  }
  if (!response.ok) throw new Refusal(`${name} cannot be loaded (the server answers ${response.status}): build the page again.`);
  if (!tell || !wanted) return new Uint8Array(await response.arrayBuffer());
  const content = new Uint8Array(wanted.bytes);
  let at = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > content.length) throw new Refusal(`${name} is not the file that the page was built with: build it again.`);
    content.set(value, at);
    at += value.length;
    tell(at, wanted.bytes);
  }
  if (crypto.subtle) { // over HTTPS and on this machine alone
    const sum = [...new Uint8Array(await crypto.subtle.digest("SHA-256", content))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (sum !== wanted.sha256) throw new Refusal(`${name} came damaged: load the page again.`);
  }
  return content;
}

function session(name, tell) {
  if (!loaded.has(name)) {
    const made = get(name, tell).then((content) => ort.InferenceSession.create(content, { executionProviders: ["wasm"], logSeverityLevel: 3 }));
    loaded.set(name, made);
    made.catch(() => loaded.delete(name)); // so that it can be tried again
  }
  return loaded.get(name);
}

async function run(network, feeds) {
  const tensors = Object.entries(feeds).map(([name, [values, shape]]) => [name, new ort.Tensor("float32", values, shape)]);
  const answers = await network.run(Object.fromEntries(tensors));
  const out = Object.fromEntries(Object.entries(answers).map(([name, tensor]) => [name, tensor.data.slice()]));
  for (const tensor of Object.values(answers)) tensor.dispose();
  return out;
}

async function read(file) {
  const { bytes, pixels } = manifest.limits;
  if (file.size > bytes) throw new Refusal(`The picture has ${megabytes(file.size)} MB, more than the ${megabytes(bytes)} MB allowed: make it smaller.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Refusal("This is no picture that your browser can read: give a JPEG, PNG, WebP, AVIF or GIF.");
  }
  const { width, height } = bitmap;
  if (width * height > pixels) throw new Refusal(`The picture has ${width}×${height} pixels, more than the ${pixels / 1e6} million allowed: scale it down.`);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Refusal("The picture is too large for this browser: scale it down.");
  context.fillStyle = "#fff"; // transparency is laid on white
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromCanvas(context.getImageData(0, 0, width, height));
}

async function pngOf(square) {
  const canvas = new OffscreenCanvas(square.width, square.height);
  canvas.getContext("2d").putImageData(toCanvas(square), 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

const progress = (tell, what) => (got, all) => tell(`Loading ${what}: ${megabytes(got)} of ${megabytes(all)} MB…`);

const tasks = {
  async start() {
    manifest = JSON.parse(new TextDecoder().decode(await get("manifest.json")));
    return { limits: manifest.limits, translators: manifest.translators, software: manifest.software };
  },

  async open({ file }, tell) {
    picture = null;
    faces = [];
    const opened = await read(file);
    tell("Loading the face finder…");
    const detector = await session("models/detector.onnx", progress(tell, "the face detector"));
    const locator = await session("models/landmarks.onnx", progress(tell, "the landmark network"));
    const finder = new Finder(
      manifest.face,
      async (values, height, width) => (await run(detector, { image: [values, [1, 3, height, width]] })).answers,
      (values, count) => run(locator, { image: [values, [count, 3, manifest.face.crop, manifest.face.crop]] }),
    );
    tell("Looking for faces…");
    const start = performance.now();
    faces = await finder.find(opened);
    picture = opened;
    const { width, height } = opened;
    return { size: [width, height], ms: performance.now() - start, faces: faces.map(({ box, tilt, domain, score, landmarks }) => ({ box, tilt, domain, score, landmarks })) };
  },

  async translate({ face, to }, tell) {
    const facts = manifest.translators[to];
    if (!facts) throw new Refusal(`This page was built without a translator to ${to === "real" ? "people" : "drawings"}.`);
    if (!picture || !faces[face]) throw new Refusal("There is no such face: give the picture again.");
    const network = await session(facts.model, progress(tell, "the translator, once"));
    tell("Translating…");
    const start = performance.now();
    const { crop, landmarks } = faces[face];
    const leaning = facts.conditions.some((name) => name !== "style");
    const frame = leaning ? upright(crop) : crop; // whoever is told the tilt wants to see it
    const points = landmarks.map((point) => apply(frame, point));
    const square = align(picture, frame, facts.px);
    const told = {
      tilt: [Float32Array.of(tiltOf(points)), [1]],
      landmarks: [Float32Array.from(points.flat()), [1, 5, 2]],
      style: [new Float32Array(8), [1, 8]], // the usual one
    };
    const feeds = { image: [toFloat([square]), [1, 3, facts.px, facts.px]] };
    for (const name of facts.conditions) feeds[name] = told[name];
    const [values] = Object.values(await run(network, feeds));
    const result = toPicture(values, facts.px);
    if (!result) throw new Refusal("The network gives numbers that are none on this device.");
    const ms = performance.now() - start;
    return { before: await pngOf(square), after: await marked(await pngOf(result), manifest), ms, method: facts.method, licence: facts.licence };
  },
};

let line = Promise.resolve(); // one task after another

self.onmessage = ({ data: { id, task, ...given } }) => {
  line = line.then(async () => {
    try {
      self.postMessage({ id, answer: await tasks[task](given, (told) => self.postMessage({ id, told })) });
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      const words = error instanceof RangeError ? "There is not enough memory for this picture: scale it down." : `Something broke (${error?.message ?? error}). Load the page again.`;
      self.postMessage({ id, refused: error instanceof Refusal ? error.message : words });
    }
  });
};
