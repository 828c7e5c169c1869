// CIELAB of sRGB, and how far two colours are apart to the eye, as in src/anime2real/image/cielab.py. sRGB is [red,
// green, blue], 0-255; CIELAB is [L*, a*, b*], of the white D65.

const XYZ = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const BACK = [
  [3.2404548360214087, -1.5371388501025751, -0.498531546868481],
  [-0.9692663898756538, 1.876010928842491, 0.041556082346673545],
  [0.05564341960421367, -0.20402585426769818, 1.057225162457929],
];
const WHITE = XYZ.map(([red, green, blue]) => red + green + blue);
const EPSILON = 216 / 24389;
const KAPPA = 24389 / 27;

const times = (matrix, vector) =>
  matrix.map((row) => row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]);
const radians = (degrees) => (degrees * Math.PI) / 180;
const cosine = (degrees) => Math.cos(radians(degrees));

export function toLab(rgb) {
  const linear = rgb.map((value) => {
    const encoded = value / 255;
    return encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4;
  });
  const [x, y, z] = times(XYZ, linear).map((value, k) => {
    const share = value / WHITE[k];
    return share > EPSILON ? Math.cbrt(share) : (KAPPA * share + 16) / 116;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Undoes `toLab`; what no screen shows is clipped, channel by channel. */
export function fromLab([light, a, b]) {
  const y = (light + 16) / 116;
  const xyz = [y + a / 500, y, y - b / 200].map(
    (root, k) => WHITE[k] * (root ** 3 > EPSILON ? root ** 3 : (116 * root - 16) / KAPPA),
  );
  return times(BACK, xyz).map((value) => {
    const linear = Math.min(1, Math.max(0, value));
    return 255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);
  });
}

/** The colour difference ΔE₀₀ (Sharma, Wu and Dalal, 2005). */
export function ciede2000([l1, a1, b1], [l2, a2, b2]) {
  const seventh = ((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2) ** 7;
  const stretch = 1 + 0.5 * (1 - Math.sqrt(seventh / (seventh + 25 ** 7)));
  const [c1, c2] = [Math.hypot(stretch * a1, b1), Math.hypot(stretch * a2, b2)];
  const hue = (a, b) => ((Math.atan2(b, stretch * a) * 180) / Math.PI + 360) % 360;
  const [h1, h2] = [hue(a1, b1), hue(a2, b2)];
  const grey = c1 * c2 === 0;
  const [apart, total] = [h2 - h1, h1 + h2];
  const isNear = Math.abs(apart) <= 180;
  const turn = grey ? 0 : isNear ? apart : apart - 360 * Math.sign(apart);
  const [dl, dc] = [l2 - l1, c2 - c1];
  const dh = 2 * Math.sqrt(c1 * c2) * Math.sin(radians(turn) / 2);

  const c = (c1 + c2) / 2;
  const h = grey ? total : (isNear ? total : total < 360 ? total + 360 : total - 360) / 2;
  const t =
    1 - 0.17 * cosine(h - 30) + 0.24 * cosine(2 * h) + 0.32 * cosine(3 * h + 6) - 0.2 * cosine(4 * h - 63);
  const fromMiddle = ((l1 + l2) / 2 - 50) ** 2;
  const sl = 1 + (0.015 * fromMiddle) / Math.sqrt(20 + fromMiddle);
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t];
  const rotation = radians(60 * Math.exp(-(((h - 275) / 25) ** 2)));
  const rt = -2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * Math.sin(rotation);
  return Math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh));
}
