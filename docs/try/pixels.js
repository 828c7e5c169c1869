// Pixels, resampled as Pillow does it, so that the networks get the same inputs here as in Python.
// A picture is {width, height, data}: RGB, 8 bits a channel, rows from the top.

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const KERNELS = {
  lanczos: { reach: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  box: { reach: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bicubic: {
    reach: 2,
    at: (x) => {
      const d = Math.abs(x);
      return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
};

const FIXED_POINT = 2 ** 22;

/** An opaque canvas's RGBA to a picture. */
export function fromCanvas({ width, height, data }) {
  const out = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    out[to++] = data[from];
    out[to++] = data[from + 1];
    out[to++] = data[from + 2];
  }
  return { width, height, data: out };
}

export function toCanvas({ width, height, data }) {
  const out = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; to += 4) {
    out[to] = data[from++];
    out[to + 1] = data[from++];
    out[to + 2] = data[from++];
  }
  return new ImageData(out, width, height);
}

/** To the nearest whole number, halves to the even one, as Python rounds. */
export function round(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

/** Pillow's `Image.resize`: along the rows first, with a kernel that is as much wider as the picture gets smaller. */
export function resize(picture, width, height, name) {
  if (width === picture.width && height === picture.height) return picture;
  return resizeAxis(resizeAxis(picture, width, KERNELS[name], true), height, KERNELS[name], false);
}

function resizeAxis(picture, size, kernel, horizontal) {
  const { width, height, data } = picture;
  const length = horizontal ? width : height;
  if (length === size) return picture;
  const [outWidth, outHeight] = horizontal ? [size, height] : [width, size];
  const out = new Uint8ClampedArray(outWidth * outHeight * 3);
  const ratio = length / size;
  const stretch = Math.max(1, ratio);
  const [step, line] = horizontal ? [3, width * 3] : [width * 3, 3];
  const [outStep, outLine] = horizontal ? [3, outWidth * 3] : [outWidth * 3, 3];
  const lines = horizontal ? height : width;
  for (let place = 0; place < size; place++) {
    const centre = (place + 0.5) * ratio;
    const first = Math.max(0, Math.trunc(centre - kernel.reach * stretch + 0.5));
    const last = Math.min(length, Math.trunc(centre + kernel.reach * stretch + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_, k) =>
      kernel.at((k + first - centre + 0.5) / stretch),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // Pillow's weights are whole multiples of 2^-22, rounded away from zero at halves.
    weights.forEach((weight, k) => {
      weights[k] = Math.sign(weight) * Math.floor(Math.abs(weight / total) * FIXED_POINT + 0.5);
    });
    for (let row = 0; row < lines; row++) {
      let [red, green, blue] = [FIXED_POINT / 2, FIXED_POINT / 2, FIXED_POINT / 2];
      for (let k = 0, at = row * line + first * step; k < weights.length; k++, at += step) {
        red += data[at] * weights[k];
        green += data[at + 1] * weights[k];
        blue += data[at + 2] * weights[k];
      }
      const to = row * outLine + place * outStep;
      out[to] = Math.floor(red / FIXED_POINT);
      out[to + 1] = Math.floor(green / FIXED_POINT);
      out[to + 2] = Math.floor(blue / FIXED_POINT);
    }
  }
  return { width: outWidth, height: outHeight, data: new Uint8Array(out.buffer) };
}

/** N pictures of one size to (N, 3, H, W) in [-1, 1]. */
export function toFloat(pictures) {
  const count = pictures[0].width * pictures[0].height;
  const out = new Float32Array(pictures.length * 3 * count);
  pictures.forEach(({ data }, n) => {
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < count; k++) out[(n * 3 + c) * count + k] = Math.fround(data[k * 3 + c] / 127.5) - 1;
  });
  return out;
}

/** (1, 3, S, S) in [-1, 1] to a picture; null if a number is not finite. */
export function toPicture(values, side) {
  const count = side * side;
  const out = new Uint8ClampedArray(count * 3);
  for (let c = 0; c < 3; c++) {
    for (let k = 0; k < count; k++) {
      const value = values[c * count + k];
      if (!Number.isFinite(value)) return null;
      out[k * 3 + c] = Math.fround(Math.fround(value + 1) * 127.5); // numpy's float32, whose ties fall elsewhere
    }
  }
  return { width: side, height: side, data: new Uint8Array(out.buffer) };
}
