// How the page's pictures are worked on: by a worker in this browser. `anime2real serve` has another file of this name.

import { Failure } from "./failure.js";

// The worker is started from a blob: this page's Content-Security-Policy holds for a blob's worker, not for a file's.
const starter = new Blob([`import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`], {
  type: "text/javascript",
});
const worker = new Worker(URL.createObjectURL(starter), { type: "module" });
const pending = new Map();
let lastId = 0;

worker.onmessage = ({ data: { id, answer, progress, problem } }) => {
  const asked = pending.get(id);
  if (!asked) return; // it was cancelled
  if (progress) return asked.report(progress);
  pending.delete(id);
  if (problem) asked.reject(new Failure(problem));
  else asked.resolve(answer);
};
worker.onerror = () => {
  const line = "The part that computes cannot be started: load the page again, in a newer browser if that does not help.";
  for (const { reject } of pending.values()) reject(new Failure(line));
  pending.clear();
};

function ask(task, parameters, { signal, report = () => {} } = {}) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject, report });
    signal?.addEventListener("abort", () => {
      pending.delete(id);
      worker.postMessage({ cancel: id });
      reject(new DOMException("given up", "AbortError"));
    });
    worker.postMessage({ id, task, ...parameters });
  });
}

/** {methods, limits} of the networks that the page was built with. */
export const offered = () => ask("start", {});

/** {size, faces, notes} of a picture; a face has landmarks and crop beside what the page shows. */
export const findFaces = ({ id, file }, options) => ask("find", { picture: { id, file } }, options);

/** {png, before, size, notes}: what becomes of a picture by a request, as machine.js makes it; before may be null. */
export const translate = ({ id, file, faces }, request, options) =>
  ask("translate", { picture: { id, file }, faces, ...request }, options);

// Offline after one visit: the service worker keeps all files. Where that is not allowed, the page works all the same.
navigator.serviceWorker?.register(new URL("sw.js", import.meta.url)).catch(() => {});
