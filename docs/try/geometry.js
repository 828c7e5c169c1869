// Similarity transforms between a picture and the crop of a face, as in src/anime2real/face/geometry.py.
// A similarity is {a, b, x, y}: (px, py) goes to (a·px − b·py + x, b·px + a·py + y). Points are [x, y], px with centres
// at + 0.5.

export const apply = (s, [px, py]) => [s.a * px - s.b * py + s.x, s.b * px + s.a * py + s.y];
export const scaling = (factor) => ({ a: factor, b: 0, x: 0, y: 0 });
export const moving = (x, y) => ({ a: 1, b: 0, x, y });
export const scaleOf = (s) => Math.hypot(s.a, s.b);

export function inverse(s) {
  const norm = s.a * s.a + s.b * s.b;
  const [a, b] = [s.a / norm, -s.b / norm];
  return { a, b, x: -(a * s.x - b * s.y), y: -(b * s.x + a * s.y) };
}

/** `first`, then `second`. (An export of the name `then` would make `await import` take the module for a promise.) */
export function compose(first, second) {
  const [x, y] = apply(second, [first.x, first.y]);
  return { a: second.a * first.a - second.b * first.b, b: second.b * first.a + second.a * first.b, x, y };
}

/** To the unit square: the centre to its middle, `side` to 1; what is tilted by `angle` becomes upright. */
export function around([x, y], side, angle = 0) {
  const [a, b] = [Math.cos(-angle) / side, Math.sin(-angle) / side];
  return { a, b, x: 0.5 - (a * x - b * y), y: 0.5 - (b * x + a * y) };
}

/** Radians: the eye line against the horizontal, positive clockwise on screen. */
export const tiltOf = (landmarks) => Math.atan2(landmarks[1][1] - landmarks[0][1], landmarks[1][0] - landmarks[0][0]);

export function mean(points) {
  const sum = points.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** To the aligned crop's unit square: turned by the eye line exactly, placed and scaled by all five landmarks. */
export function toTemplate(landmarks, template) {
  const turn = around([0, 0], 1, tiltOf(landmarks));
  const turned = landmarks.map((point) => apply(turn, point));
  const [here, there] = [mean(turned), mean(template)];
  let [across, within] = [0, 0];
  turned.forEach((point, k) => {
    for (const axis of [0, 1]) {
      const centred = point[axis] - here[axis];
      across += centred * (template[k][axis] - there[axis]);
      within += centred * centred;
    }
  });
  const scale = across / within;
  return compose(turn, { a: scale, b: 0, x: there[0] - scale * here[0], y: there[1] - scale * here[1] });
}

/** To the unit square of the crop with the same middle whose side is that share of the other's. */
export const closer = ({ a, b, x, y }, share) => ({
  a: a / share,
  b: b / share,
  x: (x - 0.5) / share + 0.5,
  y: (y - 0.5) / share + 0.5,
});

/** The crop with the same centre and side that is not turned. */
export const upright = (toUnit) => around(apply(inverse(toUnit), [0.5, 0.5]), 1 / scaleOf(toUnit));
