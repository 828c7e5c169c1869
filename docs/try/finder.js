// Finds faces of both domains: src/anime2real/face/finder.py, step by step. Its numbers come with the manifest.

import { apply, around, inverse, mean, scaleOf, tiltOf, toTemplate } from "./geometry.js";
import { align, resize, round, toFloat } from "./pixels.js";

/**
 * facts: `face` of the manifest.
 * detect(pixels, height, width): answers (5, H/8, W/8); locate(pixels, count): {points (N, 5, 2), verdict (N, 2)}.
 */
export class Finder {
  constructor(facts, detect, locate) {
    Object.assign(this, { facts, detect, locate });
  }

  /** The faces, the largest first: {landmarks, domain, score, crop, box, tilt}. */
  async find(picture) {
    const candidates = await this.candidates(picture);
    const best = this.suppressed(candidates);
    let faces = await this.confirmed(picture, best);
    // What lay under refused candidates has its turn: a scrap of hair can hide the face around it.
    if (!faces.length) faces = await this.confirmed(picture, candidates.filter((candidate) => !best.includes(candidate)));
    return faces.sort((one, two) => scaleOf(one.crop) - scaleOf(two.crop));
  }

  /** Those candidates that the landmark network, looking twice, takes for faces too. */
  async confirmed(picture, candidates) {
    if (!candidates.length) return [];
    const { first_look: wider, template } = this.facts;
    const first = await this.look(picture, candidates.map(({ x, y, side }) => [x, y, wider * side, 0]));
    const squares = first.points.map((points) => this.square(points));
    const second = await this.look(picture, squares);
    const faces = candidates.map((candidate, k) => {
      const [isFace, isReal] = second.verdicts[k];
      const landmarks = second.points[k];
      const score = Math.sqrt(candidate.score * isFace) * agreement(candidate, squares[k], this.square(landmarks));
      const domain = (candidate.real + 2 * isReal) / 3 >= 0.5 ? "real" : "anime";
      const crop = toTemplate(landmarks, template);
      const [x, y] = apply(inverse(crop), [0.5, 0.5]);
      const half = 0.5 / scaleOf(crop);
      return { landmarks, domain, score, crop, box: [x - half, y - half, x + half, y + half], tilt: tiltOf(landmarks) };
    });
    return this.distinct(faces).filter((face) => face.score >= this.least(face, picture));
  }

  /** The score that a face of this size needs. */
  least({ box }, { width, height }) {
    const { score, small, more_if_small: more } = this.facts;
    return box[2] - box[0] < small * Math.min(width, height) ? score + more : score;
  }

  async look(picture, squares) {
    const side = this.facts.crop;
    const frames = squares.map(([x, y, wide, tilt]) => around([x, y], Math.max(wide, 1e-3), tilt));
    const { points, verdict } = await this.locate(toFloat(frames.map((frame) => align(picture, frame, side, "edge"))), frames.length);
    return {
      points: frames.map((frame, n) => {
        const back = inverse(frame);
        return [0, 1, 2, 3, 4].map((k) => apply(back, [points[n * 10 + k * 2], points[n * 10 + k * 2 + 1]]));
      }),
      verdicts: frames.map((_, n) => [verdict[n * 2], verdict[n * 2 + 1]]),
    };
  }

  /** Where the detector sees faces, at sizes each half of the one before. */
  async candidates(picture) {
    const { largest, smallest } = this.facts;
    const longest = Math.max(picture.width, picture.height);
    let factor = longest >= smallest ? Math.min(1, largest / longest) : smallest / longest;
    const found = [];
    for (;;) {
      const [width, height] = [picture.width, picture.height].map((size) => Math.max(1, round(size * factor)));
      found.push(...await this.seen(resize(picture, width, height, factor < 1 ? "box" : "bicubic"), picture));
      if (Math.max(width, height) / 2 < smallest) return found;
      factor /= 2;
    }
  }

  async seen(small, original) {
    const { stride, reference, seen: least } = this.facts;
    const [width, height] = [small.width, small.height].map((size) => Math.ceil(size / 32) * 32);
    const padded = { width, height, data: new Uint8Array(width * height * 3).fill(127) }; // a face that fills the picture ends at its border
    for (let y = 0; y < small.height; y++) padded.data.set(small.data.subarray(y * small.width * 3, (y + 1) * small.width * 3), y * width * 3);
    const answers = await this.detect(toFloat([padded]), height, width);
    const [columns, rows] = [width / stride, height / stride];
    const plane = columns * rows;
    const [scaleX, scaleY] = [original.width / small.width, original.height / small.height];
    const found = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        const heat = answers[at];
        if (heat < least || !highest(answers, row, column, rows, columns)) continue;
        const [real, size, dx, dy] = [1, 2, 3, 4].map((k) => answers[k * plane + at]);
        const [x, y] = [(column + 0.5 + dx) * stride * scaleX, (row + 0.5 + dy) * stride * scaleY];
        found.push({ x, y, side: reference * 2 ** size * ((scaleX + scaleY) / 2), real, score: heat });
      }
    }
    return found;
  }

  /** Centre, side and tilt of the second look. */
  square(landmarks) {
    const [eyes, mouth] = [mean(landmarks.slice(0, 2)), mean(landmarks.slice(3))];
    const across = distance(landmarks[0], landmarks[1]);
    const [x, y] = mean([eyes, mouth]);
    return [x, y, (this.facts.unit_side * (across + 1.1 * distance(eyes, mouth))) / 2, tiltOf(landmarks)];
  }

  suppressed(candidates) {
    const kept = [];
    for (const candidate of [...candidates].sort((one, two) => two.score - one.score)) {
      if (kept.every((other) => overlap(candidate, other) < this.facts.overlap)) kept.push(candidate);
    }
    return kept;
  }

  /** Without those that came out as the same face. */
  distinct(faces) {
    const kept = [];
    for (const face of faces.sort((one, two) => two.score - one.score)) {
      const [x, y, side] = this.square(face.landmarks);
      const apart = (other) => {
        const [a, b, c] = this.square(other.landmarks);
        return Math.hypot(x - a, y - b) > 0.4 * Math.max(side, c);
      };
      if (kept.every(apart)) kept.push(face);
    }
    return kept;
  }
}

const distance = ([a, b], [c, d]) => Math.hypot(c - a, d - b);

function highest(heat, row, column, rows, columns) {
  const here = heat[row * columns + column];
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) if (heat[y * columns + x] > here) return false;
  }
  return true;
}

/** How far the detector and the two looks agree on where a face is and how large. */
function agreement(candidate, first, second) {
  const moved = Math.hypot(second[0] - first[0], second[1] - first[1]) / second[2];
  const grown = Math.abs(Math.log2(second[2] / first[2]));
  const apart = Math.hypot(second[0] - candidate.x, second[1] - candidate.y) / candidate.side;
  return Math.exp(-moved / 0.1 - grown / 0.5 - apart / 0.4);
}

/** Share of the smaller square that lies in the other, at least as large. */
function overlap(one, two) {
  const least = Math.min(one.side, two.side);
  const shared = (a, b) => Math.min(Math.max(0, (one.side + two.side) / 2 - Math.abs(a - b)), least);
  return (shared(one.x, two.x) * shared(one.y, two.y)) / least ** 2;
}
