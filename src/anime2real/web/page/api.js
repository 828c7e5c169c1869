// Asks the server: sends the token, waits as long as Retry-After says, and turns failures into one line.

import { Failure } from "./failure.js";

const KEY = "anime2real-token";
const TRIES = 4;

/**
 * GET or, with a form, POST.
 * askToken(wrong): resolves to a token; report(line): called while the server is busy.
 */
export async function ask(path, { form, signal, askToken, report } = {}) {
  for (let tries = 1; ; tries++) {
    const headers = { Accept: "application/json" };
    const token = sessionStorage.getItem(KEY);
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
      response = await fetch(path, { method: form ? "POST" : "GET", body: form, headers, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure("The server does not answer: see whether it still runs, and try again.", 0);
    }
    if (response.ok) return response.json();
    if (response.status === 401 && askToken) {
      sessionStorage.setItem(KEY, await askToken(Boolean(token)));
      tries = 0;
      continue;
    }
    if (response.status === 503 && tries < TRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 2;
      report?.(`The server is busy. Next try in ${seconds} s…`);
      await pause(seconds * 1000, signal);
      continue;
    }
    const line = await response.json().then(
      (body) => body.error,
      () => `The server answers ${response.status}.`,
    );
    throw new Failure(line.charAt(0).toUpperCase() + line.slice(1), response.status);
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}
