// The service worker: keeps every file of this build, so that the page works offline after one visit.
// scripts/build_try.py writes its list and its sum into the first two lines.

const FILES = [];
const BUILD = "none";

const CACHE = `anime2real-try ${BUILD}`;
const HERE = new URL("./", self.location).href;

self.addEventListener("install", (event) => {
  // By their sums, not by the browser's cache, which may hold an earlier build's.
  const asked = ["./", ...FILES].map((name) => new Request(new URL(name, HERE), { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(asked)));
});

self.addEventListener("activate", (event) => {
  const gone = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("anime2real-try ") && name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(gone());
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || !event.request.url.startsWith(HERE)) return;
  event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  return isolated(kept ?? (await fetch(request)));
}

/** With the headers under which the browser allows threads, wherever the page is served from. */
function isolated(response) {
  if (!response.body || response.type === "opaque") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
