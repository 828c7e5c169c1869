// Square planes of numbers, a Float32Array of side × side: resized as Pillow does it, averaged over windows, dilated.

const KERNELS = {
  box: { reach: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { reach: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
};

export const sideOf = (plane) => Math.sqrt(plane.length);
export const mean = (plane) => plane.reduce((sum, value) => sum + value, 0) / plane.length;
export const maximum = (one, two) => one.map((value, k) => Math.max(value, two[k]));
export const minimum = (one, two) => one.map((value, k) => Math.min(value, two[k]));

/** The red, green and blue of a picture. */
export const planesOf = ({ data }) =>
  [0, 1, 2].map((c) => Float32Array.from({ length: data.length / 3 }, (_, k) => data[3 * k + c]));

/** A plane at another size. */
export function scaled(plane, size, kernel = size < sideOf(plane) ? "box" : "bilinear") {
  const side = sideOf(plane);
  return side === size ? plane : along(along(plane, side, side, size, kernel), side, size, size, kernel);
}

/** `lines` rows of `length` numbers to `size` numbers each, turned over: rows become columns. */
function along(plane, length, lines, size, kernel) {
  const out = new Float32Array(lines * size);
  const { reach, at } = KERNELS[kernel];
  const stretch = Math.max(1, length / size);
  for (let place = 0; place < size; place++) {
    const centre = ((place + 0.5) * length) / size;
    const first = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    const last = Math.min(length, Math.trunc(centre + reach * stretch + 0.5));
    const weights = Array.from({ length: last - first }, (_, k) => at((k + first - centre + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let line = 0; line < lines; line++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += plane[line * length + first + k] * weights[k];
      out[place * lines + line] = sum / total;
    }
  }
  return out;
}

/** A function of rows, done along the rows and then along the columns. */
function bothWays(plane, ofRow, width = sideOf(plane)) {
  const height = plane.length / width;
  let out = plane;
  for (const [across, down] of [
    [width, height],
    [height, width],
  ]) {
    const turned = new Float32Array(out.length);
    for (let row = 0; row < down; row++) {
      const values = ofRow(out.subarray(row * across, (row + 1) * across));
      for (let k = 0; k < across; k++) turned[k * down + row] = values[k];
    }
    out = turned;
  }
  return out;
}

function sums(row) {
  const out = new Float64Array(row.length + 1);
  for (let k = 0; k < row.length; k++) out[k + 1] = out[k] + row[k];
  return out;
}

/** The mean of each place's window, as far as that lies inside; `width` if the plane is not square. */
export const boxMean = (plane, radius, width = sideOf(plane)) => {
  const ofRow = (row) => {
    const upTo = sums(row);
    return row.map((_, k) => {
      const [first, last] = [Math.max(0, k - radius), Math.min(row.length, k + radius + 1)];
      return (upTo[last] - upTo[first]) / (last - first);
    });
  };
  return bothWays(plane, ofRow, width);
};

/** Blurred by two boxes, nearly a Gaussian. */
export function blurred(plane, deviation) {
  const radius = Math.max(1, Math.round(1.22 * deviation));
  return boxMean(boxMean(plane, radius), radius);
}

/** Pillow's `GaussianBlur`: three boxes whose outermost places count in part (Gwosdek et al., 2011). */
export function softened(plane, deviation) {
  const variance = deviation ** 2 / 3;
  const whole = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
  const part =
    ((2 * whole + 1) * (whole * (whole + 1) - 3 * variance)) / (6 * (variance - (whole + 1) * (whole + 1)));
  const ofRow = (row) => {
    const edge = new Float32Array(whole + 1);
    const long = Float32Array.of(...edge.fill(row[0]), ...row, ...edge.map(() => row[row.length - 1]));
    const upTo = sums(long);
    return row.map((_, k) => {
      const last = k + 2 * whole + 2;
      return (upTo[last] - upTo[k + 1] + part * (long[k] + long[last])) / (2 * (whole + part) + 1);
    });
  };
  return [1, 2, 3].reduce((out) => bothWays(out, ofRow), plane);
}

/** The largest number in each place's window of so many places a side. */
export const dilated = (plane, window) =>
  bothWays(plane, (row) => {
    const half = window >> 1;
    return row.map((_, k) => Math.max(...row.subarray(Math.max(0, k - half), k + half + 1)));
  });

/** A mask whose holes are closed: what is not seen from an edge. */
export function withoutHoles(mask) {
  const side = sideOf(mask);
  const out = new Float32Array(mask.length).fill(Infinity);
  for (const [line, step] of [
    [side, 1],
    [1, side],
  ]) {
    for (let k = 0; k < side; k++) {
      for (const [begin, way] of [
        [k * line, step],
        [k * line + (side - 1) * step, -step],
      ]) {
        let largest = 0;
        for (let n = 0, at = begin; n < side; n++, at += way) {
          largest = Math.max(largest, mask[at]);
          out[at] = Math.min(out[at], largest);
        }
      }
    }
  }
  return out;
}

/** The number that a share of some lie below, between its neighbours. */
export function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  return sorted[low] + (place - low) * (sorted[Math.min(sorted.length - 1, low + 1)] - sorted[low]);
}
