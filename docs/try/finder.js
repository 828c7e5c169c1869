// Finds faces of both domains, step by step as finder.py and geometry.py of src/anime2real/face do. The manifest has its constants.

import { align, crop, reduce } from "./align.js";
import { apply, around, compose, inverse, mean, scaleOf, scaling, tiltOf, toTemplate } from "./geometry.js";
import { resize, round, toFloat } from "./pixels.js";

/**
 * facts: `face` of the manifest.
 * detector, landmarks: run a network; each takes [values, shape] by input name and answers values by output name.
 */
export class Finder {
  constructor(facts, detector, landmarks) {
    Object.assign(this, { facts, detector, landmarks });
  }

  /** The faces, the largest first: {landmarks, domain, score, crop, box, tilt}. */
  async find(picture) {
    const candidates = await this.candidates(picture);
    const best = this.suppress(candidates);
    let faces = await this.confirm(picture, best);
    // A strand of hair that the detector prefers to the face around it hides that face: try the suppressed ones, too.
    if (!faces.length)
      faces = await this.confirm(
        picture,
        candidates.filter((candidate) => !best.includes(candidate)),
      );
    if (!faces.some(({ score }) => score >= this.facts.sure)) {
      const closeUp = await this.closeUp(picture);
      if (closeUp.length) faces = closeUp;
    }
    return faces.sort((one, other) => scaleOf(one.crop) - scaleOf(other.crop));
  }

  /** The face that fills a picture, which the detector sees where there is room around it; at most one. */
  async closeUp(picture) {
    const { canvas, close } = this.facts;
    const { width, height } = picture;
    const aroundIt = around([width / 2, height / 2], 2 * Math.max(width, height));
    const back = inverse(compose(aroundIt, scaling(canvas)));
    const seen = await this.candidates(align(picture, aroundIt, canvas));
    const inside = seen
      .map((candidate) => {
        const [x, y] = apply(back, [candidate.x, candidate.y]);
        return { ...candidate, x, y, side: candidate.side * scaleOf(back) };
      })
      .filter(({ x, y }) => x >= 0 && x <= width && y >= 0 && y <= height);
    const found = await this.confirm(picture, this.suppress(inside), this.facts.less_if_close);
    return found.filter((face) => this.squareOf(face.landmarks)[2] >= close * Math.min(width, height)).slice(0, 1);
  }

  /** The candidates that the landmark network, which looks twice, takes for faces as well; `less` score may do. */
  async confirm(picture, candidates, less = 0) {
    if (!candidates.length) return [];
    const { first_look: wider, template } = this.facts;
    const first = await this.look(
      picture,
      candidates.map(({ x, y, side }) => [x, y, wider * side, 0]),
    );
    const squares = first.points.map((points) => this.squareOf(points));
    const second = await this.look(picture, squares);
    const faces = candidates.map((candidate, k) => {
      const [isFace, isReal] = second.verdicts[k];
      const landmarks = second.points[k];
      const score = Math.sqrt(candidate.score * isFace) * agreement(candidate, squares[k], this.squareOf(landmarks));
      const domain = (candidate.real + isReal) / 2 >= 0.5 ? "real" : "anime";
      const crop = toTemplate(landmarks, template);
      const [x, y] = apply(inverse(crop), [0.5, 0.5]);
      const half = 0.5 / scaleOf(crop);
      return {
        landmarks,
        domain,
        score,
        crop,
        box: [x - half, y - half, x + half, y + half],
        tilt: tiltOf(landmarks),
      };
    });
    return this.distinct(faces).filter((face) => face.score >= this.minScore(face, picture) - less);
  }

  /** The score that a face of this size needs. */
  minScore({ box }, { width, height }) {
    const { score, small, more_if_small: more } = this.facts;
    return box[2] - box[0] < small * Math.min(width, height) ? score + more : score;
  }

  /** The landmark network on squares [x, y, side, tilt]: landmarks in px of the picture, and [is a face, is real]. */
  async look(picture, squares) {
    const side = this.facts.crop;
    const frames = squares.map(([x, y, wide, tilt]) => around([x, y], Math.max(wide, 1e-3), tilt));
    const crops = toFloat(frames.map((frame) => align(picture, frame, side, "edge")));
    const { points, verdict } = await this.landmarks({ image: [crops, [frames.length, 3, side, side]] });
    return {
      points: frames.map((frame, n) => {
        const back = inverse(frame);
        return [0, 1, 2, 3, 4].map((k) => apply(back, [points[n * 10 + k * 2], points[n * 10 + k * 2 + 1]]));
      }),
      verdicts: frames.map((_, n) => [verdict[n * 2], verdict[n * 2 + 1]]),
    };
  }

  /** What the detector takes for faces, in the whole picture and in its windows. */
  async candidates(picture) {
    const found = await this.candidatesIn(picture);
    for (const [left, top, right, bottom] of windows(picture, this.facts)) {
      const part = await this.candidatesIn(crop(picture, left, top, right, bottom));
      found.push(...part.map((candidate) => ({ ...candidate, x: candidate.x + left, y: candidate.y + top })));
    }
    return found;
  }

  /** The same in a picture or a window, at several sizes, each half of the one before. */
  async candidatesIn(picture) {
    const { largest, smallest } = this.facts;
    const longest = Math.max(picture.width, picture.height);
    let factor = longest >= smallest ? Math.min(1, largest / longest) : smallest / longest;
    const found = [];
    for (;;) {
      const [width, height] = [picture.width, picture.height].map((size) => Math.max(1, round(size * factor)));
      found.push(...(await this.detect(resized(picture, width, height), picture)));
      if (Math.max(width, height) / 2 < smallest) return found;
      factor /= 2;
    }
  }

  /** The detector on one size of the picture. */
  async detect(small, original) {
    const { stride, reference, seen: minHeat } = this.facts;
    const [width, height] = [small.width, small.height].map((size) => Math.ceil(size / 32) * 32);
    // Grey around the picture, so that a face that fills it ends at its border.
    const padded = { width, height, data: new Uint8Array(width * height * 3).fill(127) };
    for (let y = 0; y < small.height; y++)
      padded.data.set(small.data.subarray(y * small.width * 3, (y + 1) * small.width * 3), y * width * 3);
    const { answers } = await this.detector({ image: [toFloat([padded]), [1, 3, height, width]] });
    const [columns, rows] = [width / stride, height / stride];
    const plane = columns * rows;
    const [scaleX, scaleY] = [original.width / small.width, original.height / small.height];
    const found = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        const heat = answers[at];
        if (heat < minHeat || !isPeak(answers, row, column, rows, columns)) continue;
        const [real, size, dx, dy] = [1, 2, 3, 4].map((k) => answers[k * plane + at]);
        const [x, y] = [(column + 0.5 + dx) * stride * scaleX, (row + 0.5 + dy) * stride * scaleY];
        found.push({ x, y, side: reference * 2 ** size * ((scaleX + scaleY) / 2), real, score: heat });
      }
    }
    return found;
  }

  /** [x, y, side, tilt] of the square that the second look takes. */
  squareOf(landmarks) {
    const [eyes, mouth] = [mean(landmarks.slice(0, 2)), mean(landmarks.slice(3))];
    const across = distance(landmarks[0], landmarks[1]);
    const [x, y] = mean([eyes, mouth]);
    return [x, y, (this.facts.unit_side * (across + 1.1 * distance(eyes, mouth))) / 2, tiltOf(landmarks)];
  }

  /** The best candidates among those that overlap. */
  suppress(candidates) {
    const kept = [];
    for (const candidate of [...candidates].sort((one, other) => other.score - one.score)) {
      if (kept.every((better) => overlap(candidate, better) < this.facts.overlap)) kept.push(candidate);
    }
    return kept;
  }

  /** The faces without those that are a better one again. */
  distinct(faces) {
    const kept = [];
    for (const face of faces.sort((one, other) => other.score - one.score)) {
      const [x, y, side] = this.squareOf(face.landmarks);
      const isApart = (better) => {
        const [a, b, c] = this.squareOf(better.landmarks);
        return Math.hypot(x - a, y - b) > 0.4 * Math.max(side, c);
      };
      if (kept.every(isApart)) kept.push(face);
    }
    return kept;
  }
}

/** The windows, [left, top, right, bottom], in which a long picture is searched beside the whole of it. */
export function windows({ width, height }, { long, largest }) {
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)];
  const length = Math.max(round(long * shorter), largest);
  if (longer <= length) return [];
  const steps = Math.ceil((longer - length) / Math.max(1, length - Math.floor(shorter / 2)));
  return Array.from({ length: steps + 1 }, (_, k) => {
    const start = round((k * (longer - length)) / steps);
    return width === longer ? [start, 0, start + length, shorter] : [0, start, shorter, start + length];
  });
}

const distance = ([a, b], [c, d]) => Math.hypot(c - a, d - b);

/** Whether no neighbour of a place is hotter. */
function isPeak(heat, row, column, rows, columns) {
  const here = heat[row * columns + column];
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++)
      if (heat[y * columns + x] > here) return false;
  }
  return true;
}

/** How far the detector and the two looks agree on where a face is and how large, in [0, 1]. */
function agreement(candidate, first, second) {
  const moved = Math.hypot(second[0] - first[0], second[1] - first[1]) / second[2];
  const grown = Math.abs(Math.log2(second[2] / first[2]));
  const apart = Math.hypot(second[0] - candidate.x, second[1] - candidate.y) / candidate.side;
  return Math.exp(-moved / 0.1 - grown / 0.5 - apart / 0.4);
}

/** The share of the smaller square that lies in the other. */
function overlap(one, other) {
  const smaller = Math.min(one.side, other.side);
  const shared = (a, b) => Math.min(Math.max(0, (one.side + other.side) / 2 - Math.abs(a - b)), smaller);
  return (shared(one.x, other.x) * shared(one.y, other.y)) / smaller ** 2;
}

/** The face that a finder sees in a square drawn by hand, brought closer; else the square taken for one. */
export async function inBox(finder, picture, { centre, side, view, pixels, alike, template }) {
  const frame = around(centre, side);
  const wide = around(centre, view * side);
  const back = inverse(compose(wide, scaling(pixels)));
  for (const face of await finder.find(align(picture, wide, pixels))) {
    const landmarks = face.landmarks.map((point) => apply(back, point));
    const crop = toTemplate(landmarks, template);
    const middle = apply(frame, apply(inverse(crop), [0.5, 0.5]));
    const ratio = scaleOf(crop) * side;
    if (middle.every((v) => v >= 0 && v <= 1) && ratio > 1 / alike && ratio < alike) return { ...face, landmarks, crop };
  }
  const landmarks = template.map((point) => apply(inverse(frame), point));
  return { landmarks, crop: toTemplate(landmarks, template) };
}

/** A picture at another size; the same share of both sides, if it is whole, by blocks, as in Python. */
function resized(picture, width, height) {
  const smaller = Math.max(width, height) < Math.max(picture.width, picture.height);
  const share = Math.trunc(picture.width / width);
  const whole = share > 1 && picture.width === share * width && picture.height === share * height;
  return whole ? reduce(picture, share) : resize(picture, width, height, smaller ? "box" : "bicubic");
}
