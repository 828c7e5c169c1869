// What the page knows, and how each event changes it: pure functions, tested in node. main.js runs what `wanted` asks
// for, and render.js shows the state.
//
// state: {offered: {methods, limits} or null, offline: why or null, items, current: an id or null, view: "start" or
// "work", problem: a line or null, preferred: the method last chosen, by domain}
// item: {id, name, file, phase: "finding", "found", "unfound" or "failed", problem, line, size, faces, notes, face,
// layout: "face" or "paste", replaced: numbers of faces, choices: by face, marking, all, results: by key}
// choice: {to, method, earlier, variant, who: {sex, age}}; result: {phase: "working", "done" or "failed", …}

export const initial = () => ({
  offered: null,
  offline: null,
  items: [],
  current: null,
  view: "start",
  problem: null,
  preferred: {},
});

const AS_SEEN = { sex: "", age: "" };

export const itemOf = (state, id = state.current) => state.items.find((item) => item.id === id) ?? null;
export const choiceOf = (item) => item.choices[item.face] ?? null;

/** The methods to a domain, the best first. */
export const methodsTo = (state, to) =>
  (state.offered?.methods ?? []).filter((m) => m.to === to).sort((a, b) => b.default - a.default);
const factsOf = (state, { to, method }) => {
  const methods = methodsTo(state, to);
  return methods.find((m) => m.method === method) ?? methods[0]; // one that was chosen before the server changed
};

/** The youngest and the oldest that the chosen method draws; null if it cannot be told who to show. */
export const agesOf = (state, choice) => factsOf(state, choice)?.ages ?? null;
/** The best method that makes several results of a face; undefined if none does. */
export const severalOf = (state, to) => methodsTo(state, to).find((m) => m.variants > 1)?.method;

/** Events by name: each answers the state that follows. */
const EVENTS = {
  offered: (state, { offered }) => ({ ...state, offered, offline: null }),
  offline: (state, { line }) => ({ ...state, offline: line }),
  problem: (state, { line }) => ({ ...state, problem: line }),
  given: (state, { files }) => {
    const items = files.map(({ id, file, name }) => ({
      ...{ id, file, name, phase: "finding", problem: null, line: "Looking for faces…", size: [1, 1], faces: [] },
      ...{ notes: [], face: 0, layout: "face", replaced: [], choices: {}, marking: null, all: false, results: {} },
    }));
    return { ...state, items: [...state.items, ...items], current: items[0].id, view: "work", problem: null };
  },
  restored: (state, { items, current, view }) => ({ ...state, items, current, view }),
  show: (state, { view, id }) => {
    const there = itemOf(state, id ?? state.current);
    return { ...state, view: view === "work" && there ? "work" : "start", current: there?.id ?? state.current, problem: null };
  },
  forget: (state) => ({ ...initial(), offered: state.offered, offline: state.offline }),
  reduced: (state, { id, file, note }) =>
    change(state, id, (item) => ({ ...item, file, notes: [...new Set([...item.notes, note])] })),
  progress: (state, { id, key, line }) =>
    change(state, id, (item) =>
      key === undefined ? { ...item, line } : withResult(item, key, { ...item.results[key], line }),
    ),
  found: (state, { id, size, faces, notes }) =>
    change(state, id, (item) =>
      withChoice(state, {
        ...{ ...item, size, faces, notes: [...item.notes, ...notes], face: 0, problem: null },
        phase: faces.length ? "found" : "unfound",
      }),
    ),
  unread: (state, { id, line }) => change(state, id, (item) => ({ ...item, phase: "failed", problem: line })),
  mark: (state) =>
    changeCurrent(state, (item) => {
      const side = Math.min(...item.size) * 0.5;
      const [x, y] = item.size.map((length) => (length - side) / 2);
      return { ...item, marking: [x, y, x + side, y + side] };
    }),
  marking: (state, { box }) => changeCurrent(state, (item) => ({ ...item, marking: box })),
  marked: (state, { box }) =>
    changeCurrent(state, (item) => {
      if (!box) return { ...item, marking: null };
      const face = { box, tilt_degrees: 0, domain: null };
      const next = { ...item, faces: [...item.faces, face], face: item.faces.length, phase: "found", marking: null };
      return replacing(withChoice(state, next));
    }),
  face: (state, { face }) => changeCurrent(state, (item) => replacing(withChoice(state, { ...item, face }))),
  layout: (state, { layout }) => changeCurrent(state, (item) => replacing({ ...item, layout })),
  every: (state) =>
    changeCurrent(state, (item) => {
      const all = item.faces.map((_, face) => withChoice(state, { ...item, face }).choices[face]);
      const choices = Object.fromEntries(all.map((choice, face) => [face, choice]));
      return { ...item, layout: "paste", choices, replaced: item.faces.map((_, face) => face) };
    }),
  leave: (state) =>
    changeCurrent(state, (item) => ({ ...item, replaced: item.replaced.filter((face) => face !== item.face) })),
  choose: (state, { asked }) => {
    const after = changeCurrent(state, (item) =>
      replacing({ ...item, choices: { ...item.choices, [item.face]: chosen(state, choiceOf(item), asked) } }),
    );
    if (!asked.method) return after;
    return { ...after, preferred: { ...state.preferred, [choiceOf(itemOf(after)).to]: asked.method } };
  },
  all: (state) => changeCurrent(state, (item) => ({ ...item, all: true })),
  working: (state, { id, key }) =>
    change(state, id, (item) => withResult(item, key, { phase: "working", line: "Translating…", since: Date.now() })),
  done: (state, { id, key, result }) => change(state, id, (item) => withResult(item, key, { ...result, phase: "done" })),
  failed: (state, { id, key, line }) => change(state, id, (item) => withResult(item, key, { phase: "failed", line })),
  dropped: (state, { id, key }) => change(state, id, (item) => withResult(item, key, undefined)),
  retry: (state) =>
    changeCurrent(state, (item) => {
      if (item.phase === "failed") return { ...item, phase: "finding", problem: null, line: "Looking for faces…", notes: [] };
      const failed = Object.entries(item.results).filter(([, result]) => result.phase === "failed");
      const at = keyOf(state, item);
      return failed.reduce((next, [key]) => (key === at ? withResult(next, key, undefined) : next), item);
    }),
  retryMethod: (state, { method }) =>
    changeCurrent(state, (item) => withResult(item, keyOf(state, item, method), undefined)),
  cancel: (state) =>
    changeCurrent(state, (item) =>
      item.phase === "finding"
        ? { ...item, phase: "failed", problem: "You stopped the search for faces." }
        : withResult(item, keyOf(state, item), { phase: "failed", line: "You stopped this translation." }),
    ),
};

/** The state after an event {type, …}. */
export const next = (state, event) => EVENTS[event.type](state, event);

function change(state, id, how) {
  return { ...state, items: state.items.map((item) => (item.id === id ? how(item) : item)) };
}
const changeCurrent = (state, how) => change({ ...state, problem: null }, state.current, how);

function withResult(item, key, result) {
  const { [key]: _, ...others } = item.results;
  return { ...item, results: result ? { ...others, [key]: result } : others };
}

/** With what the current face becomes, unless that was chosen before. */
function withChoice(state, item) {
  const face = item.faces[item.face];
  if (!face || item.choices[item.face]) return item;
  const to = face.domain === "real" ? "anime" : "real";
  const methods = methodsTo(state, to).map((m) => m.method);
  const method = methods.find((name) => name === state.preferred[to]) ?? methods[0] ?? null;
  const choice = { to, method, earlier: null, variant: 0, who: AS_SEEN };
  return { ...item, choices: { ...item.choices, [item.face]: choice } };
}

/** In the whole picture, the face that is chosen is replaced, and those before it stay so. */
const replacing = (item) =>
  item.layout === "paste" && !item.replaced.includes(item.face)
    ? { ...item, replaced: [...item.replaced, item.face].sort((a, b) => a - b) }
    : item;

/** A choice with what was asked for, and what follows from that. */
function chosen(state, choice, asked) {
  const after = { ...choice, ...asked };
  const methods = methodsTo(state, after.to);
  if (asked.to && asked.to !== choice.to) {
    const same = methods.some((m) => m.method === choice.method);
    return { ...after, method: same ? choice.method : (methods[0]?.method ?? null), earlier: null, variant: 0 };
  }
  if (asked.method) return { ...after, earlier: null, variant: factsOf(state, after)?.variants > 1 ? after.variant : 0 };
  if (asked.variant !== undefined) {
    const several = (factsOf(state, after)?.variants ?? 1) > 1;
    if (asked.variant && !several) return { ...after, method: severalOf(state, after.to), earlier: choice.method };
    if (!asked.variant && choice.earlier) return { ...after, method: choice.earlier, earlier: null };
  }
  return after;
}

/** What the server is asked for a face: one that cannot be told who to show, or has no variants, is not told. */
function part(state, item, number, method) {
  const choice = item.choices[number];
  const facts = factsOf(state, { to: choice.to, method: method ?? choice.method });
  const { domain, box } = item.faces[number];
  const who = facts?.ages ? Object.values(choice.who).filter(Boolean).join(", ") : "";
  const told = { to: choice.to, method: facts?.method, variant: facts?.variants > 1 ? choice.variant : 0, who: who || "auto" };
  return domain ? { face: number, ...told } : { box: box.map((v) => v.toFixed(1)).join(","), ...told };
}

/** The request for the result that is shown, or for that of another method; null while there is none. */
export function request(state, item, method) {
  if (item.phase !== "found" || !item.choices[item.face]) return null;
  const numbers = item.layout === "paste" ? item.replaced : [item.face];
  const parts = numbers.map((number) => part(state, item, number, number === item.face ? method : undefined));
  return parts.length && parts.every((one) => one.method) ? { layout: item.layout, parts } : null;
}

export const keyOf = (state, item, method) => {
  const asked = request(state, item, method);
  return asked && JSON.stringify(asked);
};
export const resultOf = (state, item, method) => item.results[keyOf(state, item, method)] ?? null;

/** What is to be done, the most urgent first: {id, key, request}, or {id} where faces are looked for. */
export function wanted(state) {
  if (!state.offered) return [];
  const first = itemOf(state);
  const items = first ? [first, ...state.items.filter((item) => item !== first)] : state.items;
  return items.flatMap((item) => {
    if (item.phase === "finding") return [{ id: item.id }];
    const methods = item.all && choiceOf(item) ? methodsTo(state, choiceOf(item).to).map((m) => m.method) : [];
    const asked = [undefined, ...methods].map((method) => request(state, item, method)).filter(Boolean);
    const unique = new Map(asked.map((one) => [JSON.stringify(one), one]));
    return [...unique]
      .filter(([key]) => !item.results[key] || item.results[key].phase === "working")
      .map(([key, one]) => ({ id: item.id, key, request: one }));
  });
}

/** Where, from left to right, the current face is in what is shown: 0 to 1. */
export function middle(item) {
  const face = item.faces[item.face];
  if (item.layout !== "paste" || !face) return 0.5;
  return Math.min(0.95, Math.max(0.05, (face.box[0] + face.box[2]) / 2 / item.size[0]));
}

/** What an item looks like from afar: "busy", "done", "unfound" or "failed". */
export function standing(state, item) {
  if (item.phase === "unfound" || item.phase === "failed") return item.phase;
  const result = item.phase === "found" ? resultOf(state, item) : null;
  return result?.phase === "done" || result?.phase === "failed" ? result.phase : "busy";
}
