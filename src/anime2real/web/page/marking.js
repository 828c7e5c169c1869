// A square that the user draws over a face which was not found: with the pointer, or with three sliders.

import { $ } from "./viewer.js";

const LEAST = 8; // px of the picture

/** The square of a box {left, top, right, bottom} kept within a picture. */
function within([left, top, right], [width, height]) {
  const side = Math.min(Math.max(LEAST, right - left), width, height);
  const x = Math.min(Math.max(0, left), width - side);
  const y = Math.min(Math.max(0, top), height - side);
  return [x, y, x + side, y + side];
}

/** change(box): called while the user draws; itemNow(): the item whose picture is marked. */
export function onBox(change, itemNow) {
  let start = null;
  const at = ({ clientX, clientY }) => {
    const { left, top, width, height } = $("stage").getBoundingClientRect();
    const { size } = itemNow();
    return [((clientX - left) / width) * size[0], ((clientY - top) / height) * size[1]];
  };
  $("drawn").addEventListener("pointerdown", (event) => {
    start = at(event);
    $("drawn").setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  $("drawn").addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    const side = Math.max(Math.abs(x - start[0]), Math.abs(y - start[1]), LEAST);
    const left = x < start[0] ? start[0] - side : start[0];
    const top = y < start[1] ? start[1] - side : start[1];
    change(within([left, top, left + side], itemNow().size));
  });
  for (const end of ["pointerup", "pointercancel"]) $("drawn").addEventListener(end, () => (start = null));
  for (const id of ["box-left", "box-top", "box-size"]) {
    $(id).addEventListener("input", () => {
      const [width, height] = itemNow().size;
      const side = (Number($("box-size").value) / 100) * Math.min(width, height);
      const [x, y] = [(Number($("box-left").value) / 100) * width, (Number($("box-top").value) / 100) * height];
      change(within([x, y, x + side], [width, height]));
    });
  }
}

/** Show the square of an item, or that none is drawn. */
export function showBox({ marking, size: [width, height] }) {
  $("box").hidden = $("drawn").hidden = !marking;
  if (!marking) return;
  const [left, top, right] = marking;
  const side = right - left;
  const values = { "box-left": left / width, "box-top": top / height, "box-size": side / Math.min(width, height) };
  for (const [id, share] of Object.entries(values)) {
    const percent = Math.round(share * 200) / 2;
    if (document.activeElement !== $(id)) $(id).value = String(percent);
    $(id).setAttribute("aria-valuetext", `${Math.round(percent)} percent`);
  }
  for (const [name, share] of Object.entries({ x: left / width, y: top / height, w: side / width, h: side / height }))
    $("drawn").style.setProperty(`--${name}`, `${share * 100}%`);
}
