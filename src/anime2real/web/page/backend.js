// How the page's pictures are worked on: by the server that sent it. docs/try has another file of this name.

import { ask } from "./api.js";
import { askToken } from "./token.js";

/** {methods, limits}, as GET /v1/methods has them. */
export const offered = () => ask("/v1/methods", { askToken });

/** {size, faces, notes} of a picture. */
export const findFaces = (item, { signal, report }) =>
  ask("/v1/faces", { form: form(item.file, {}), signal, report, askToken });

/** {png, before, size, notes}: what becomes of a picture by a request, as machine.js makes it; before may be null. */
export async function translate(item, { layout, parts }, { signal, report }) {
  const [only] = parts;
  const fields = parts.length === 1 ? { layout, ...only } : { layout, replace: JSON.stringify(parts) };
  const answer = await ask("/v1/translate", { form: form(item.file, fields), signal, report, askToken });
  const [result] = answer.results;
  return {
    png: toPng(result.png),
    before: result.input_png && toPng(result.input_png),
    size: result.size,
    notes: answer.notes,
  };
}

function form(file, fields) {
  const data = new FormData();
  data.append("picture", file, "picture");
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

const toPng = (base64) => new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: "image/png" });
