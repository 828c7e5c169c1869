// What the page of `serve` and that in docs/try show alike: the faces in the picture, and the slider over the result.

export const $ = (id) => document.getElementById(id);

const kind = ({ domain }) => (domain === "anime" ? "drawn" : "photographed");

/** Show the part for work in place of the start, or the start again. */
export function showWork(work) {
  $("start").hidden = work;
  $("work").hidden = !work;
  $("again").hidden = !work;
}

/**
 * Frame the faces in the picture with buttons, and say how many there are.
 * faces: {box, tilt_degrees, domain} in px of the picture; width and height: its size; choose(number): for a click.
 */
export function drawFaces(faces, [width, height], choose) {
  const boxes = faces.map((face, number) => {
    const [left, top, right, bottom] = face.box;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "face";
    const tilt = Math.round(Math.abs(face.tilt_degrees));
    button.setAttribute(
      "aria-label",
      `Face ${number + 1}, ${kind(face)}${tilt > 2 ? `, tilted by ${tilt} degrees` : ""}`,
    );
    const [l, t] = [Math.max(0, left / width), Math.max(0, top / height)];
    const [r, b] = [Math.min(1, right / width), Math.min(1, bottom / height)];
    Object.assign(button.style, {
      left: `${l * 100}%`,
      top: `${t * 100}%`,
      width: `${(r - l) * 100}%`,
      height: `${(b - t) * 100}%`,
    });
    button.style.zIndex = String(number + 1); // the smaller ones lie on top
    button.append(Object.assign(document.createElement("span"), { textContent: String(number + 1) }));
    button.addEventListener("click", () => choose(number));
    return button;
  });
  $("faces").replaceChildren(...boxes);
  const count = faces.length;
  $("found").textContent =
    count === 1 ? `One face found, ${kind(faces[0])}.` : `${count} faces found. Choose one in the picture.`;
}

/** Mark a face as the chosen one, and `to` as the direction. */
export function markFace(number, to) {
  [...$("faces").children].forEach((box, index) => box.setAttribute("aria-pressed", String(index === number)));
  document.querySelector(`input[name=to][value=${to}]`).checked = true;
}

/** Who is asked for: {sex: "woman", "man" or "" for as it looks, age: in years, or ""}. */
export const askedWho = () => ({
  sex: document.querySelector("input[name=sex]:checked").value,
  age: $("age").value,
});

/** Offer to say who is shown, if a method draws ages from the first to the second of `ages`; null if it cannot be told. */
export function offerWho(ages) {
  $("who").hidden = !ages;
  for (const option of $("age").options)
    option.disabled = Boolean(ages && option.value && (option.value < ages[0] || option.value > ages[1]));
}

/** Who is shown goes by the face again. */
export function resetWho() {
  document.querySelector("input[name=sex]").checked = true;
  $("age").value = "";
}

/** Call `change` when the user asks for somebody else. */
export function onWho(change) {
  for (const input of document.querySelectorAll("input[name=sex], #age")) input.addEventListener("change", change);
}

/** The end of a result's file name: who was asked for. */
export const whoInName = ({ sex, age }) => `${sex && `-${sex}`}${age && `-age-${age}`}`;

/** Who was asked for, behind what a result is called. */
export const whoInWords = ({ sex, age }) => (sex || age ? ` (${[sex, age].filter(Boolean).join(", ")})` : "");

/** Uncover as much of the result as the slider says. */
export function moveCut() {
  $("compare").style.setProperty("--cut", `${$("slider").value}%`);
  $("slider").setAttribute("aria-valuetext", `${$("slider").value} percent before`);
}
