// Keeps this tab's pictures and results in IndexedDB, so that nothing is lost when the page is loaded again.
// The name of the tab lies in sessionStorage, which ends with it; a lock says that the tab is open. What no open tab
// owns is deleted when the page is next opened.

const TAB = "anime2real-tab";
const PAUSE = 300; // ms
const PATIENCE = 1000; // ms
const lockOf = (tab) => `anime2real ${tab}`;

let tab = null;
let timer = 0;
let latest = null; // the state to write
let saved = null; // the items that were written last
let forgetting = Promise.resolve();

const database = new Promise((resolve) => {
  try {
    const opening = indexedDB.open("anime2real", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("tabs");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => resolve(null); // a private window may have none: then nothing is kept
  } catch {
    resolve(null);
  }
});

async function run(mode, how) {
  const db = await database;
  if (!db) return undefined;
  return new Promise((resolve) => {
    const transaction = db.transaction("tabs", mode);
    const asked = how(transaction.objectStore("tabs"));
    transaction.oncomplete = () => resolve(asked?.result);
    transaction.onerror = transaction.onabort = () => resolve(undefined); // full: the page goes on, and keeps no more
  });
}

/** Hold a tab's lock as long as the page lives; false if another page keeps it, as after "duplicate tab". */
const held = (name) =>
  new Promise((resolve) => {
    const forever = () => (resolve(true), new Promise(() => {}));
    // The page that is loaded again may find its own lock not free yet.
    navigator.locks.request(lockOf(name), { signal: AbortSignal.timeout(PATIENCE) }, forever).catch(() => resolve(false));
  });

/** The items of this tab, {items, current}; null if there are none. */
export async function restored() {
  if (!navigator.locks) return null; // over plain HTTP from another machine nothing is kept
  tab = sessionStorage.getItem(TAB);
  if (!tab || !(await held(tab))) {
    tab = crypto.getRandomValues(new Uint32Array(2)).join("-");
    sessionStorage.setItem(TAB, tab);
    await held(tab);
  }
  const open = new Set((await navigator.locks.query()).held.map(({ name }) => name));
  const known = (await run("readonly", (tabs) => tabs.getAllKeys())) ?? [];
  const closed = known.filter((name) => !open.has(lockOf(name)));
  if (closed.length) await run("readwrite", (tabs) => void closed.map((name) => tabs.delete(name)));
  const kept = await run("readonly", (tabs) => tabs.get(tab));
  return kept?.items.length ? kept : null;
}

/** Write the state soon: the first change of several decides when, so that pictures that follow one another are kept. */
export function keep(state) {
  if (!tab || state.items === saved || !state.items.length) return;
  latest = state;
  timer ||= setTimeout(write, PAUSE);
}

function write() {
  timer = 0;
  saved = latest.items;
  const items = latest.items.map((item) => ({
    ...item,
    results: Object.fromEntries(Object.entries(item.results).filter(([, result]) => result.phase === "done")),
  }));
  const kept = { items, current: latest.current };
  forgetting.then(() => run("readwrite", (tabs) => tabs.put(kept, tab)));
}

/** Delete what this tab keeps. */
export function forget() {
  clearTimeout(timer);
  timer = 0;
  if (tab) forgetting = run("readwrite", (tabs) => tabs.delete(tab));
  return forgetting;
}
