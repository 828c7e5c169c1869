// A zip archive of files that are compressed already, so that it only stores them (APPNOTE.TXT, 4.3).

import { crc } from "./crc.js";

const UTF8_NAMES = 0x800;

/** files: [name, blob] pairs; names that stand twice get a number. */
export async function zipped(files) {
  const used = new Set();
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [wanted, blob] of files) {
    const name = new TextEncoder().encode(distinct(wanted, used));
    const content = new Uint8Array(await blob.arrayBuffer());
    const facts = [[20, 2], [UTF8_NAMES, 2], [0, 2], [0, 2], [0x5a21, 2], [crc(content), 4]];
    facts.push([content.length, 4], [content.length, 4], [name.length, 2], [0, 2]);
    const head = fields([[0x04034b50, 4], ...facts]);
    parts.push(head, name, content);
    directory.push(fields([[0x02014b50, 4], [20, 2], ...facts, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]), name);
    at += head.length + name.length + content.length;
  }
  const size = directory.reduce((sum, piece) => sum + piece.length, 0);
  const count = files.length;
  const end = fields([[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [at, 4], [0, 2]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function distinct(name, used) {
  const [stem, ending] = [name.replace(/\.[^.]*$/, ""), name.match(/\.[^.]*$/)?.[0] ?? ""];
  let free = name;
  for (let n = 2; used.has(free); n++) free = `${stem}-${n}${ending}`;
  used.add(free);
  return free;
}

/** Little-endian numbers of 2 or 4 bytes. */
function fields(numbers) {
  const out = new Uint8Array(numbers.reduce((sum, [, bytes]) => sum + bytes, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [value, bytes] of numbers) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return out;
}
