"""Drawn faces, by code alone: pictures that anybody may use, with landmarks known exactly.

    python scripts/draw_faces.py examples

Everything is a filled curve in a unit square, y down, drawn three times too large and scaled down: hair in tapering
locks, two tones of shade on the skin, light in eyes and hair, out-of-focus lights behind.
"""

import argparse
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Colour = tuple[int, int, int]

OVERSAMPLING = 3
EYE = (0.35, 0.575)
MOUTH = (0.5, 0.755)
MOUTH_HALF = 0.05
PIVOT = complex(0.5, 0.6)  # what a tilted drawing turns about
BLUSH: Colour = (240, 130, 120)
LASH: Colour = (52, 36, 42)


@dataclass(frozen=True)
class Look:
    """What one face looks like; all lengths are shares of the picture's side."""

    name: str
    hair: Colour
    eyes: Colour
    skin: Colour = (255, 229, 212)
    background: Colour = (214, 226, 240)
    clothes: Colour = (70, 80, 120)
    length: float = 1.0  # of the back hair: 0.6 ends at the chin, 1 reaches the shoulders, 1.3 goes on
    fringe: str = "swept"  # one of FRINGES
    tails: bool = False
    mouth: str = "smile"  # smile, open or line
    eye_height: float = 0.078
    brow: float = 0.0  # raised inner ends: worried; negative: angry
    chin: float = 0.868  # where the face ends: a higher one is rounder
    jaw: float = 0.0  # how much wider the jaw is
    man: bool = False  # thicker brows, no lashes beside the eyes
    tilt: float = 0.0  # degrees, clockwise


LOOKS = (
    Look("aoi", (62, 84, 150), (60, 110, 200), background=(196, 214, 236), fringe="straight", mouth="smile", tilt=-4),
    Look("hana", (226, 160, 168), (166, 80, 110), background=(250, 224, 214), clothes=(240, 236, 232), tails=True,
         mouth="smile", chin=0.86, tilt=5),
    Look("kuro", (52, 46, 54), (100, 70, 54), background=(168, 190, 172), length=0.54, fringe="short", mouth="line",
         eye_height=0.052, clothes=(50, 54, 64), brow=-0.012, chin=0.885, jaw=0.024, man=True, tilt=3),
    Look("mika", (222, 178, 104), (70, 140, 100), background=(178, 206, 226), length=1.3, fringe="parted",
         clothes=(150, 64, 74), tilt=-7),
    Look("rin", (150, 66, 54), (170, 104, 40), background=(240, 214, 178), length=0.75, fringe="swept", mouth="open",
         clothes=(60, 100, 90), eye_height=0.074),
    Look("yuki", (204, 208, 222), (120, 96, 176), background=(74, 82, 122), length=1.2, fringe="straight",
         mouth="line", skin=(250, 228, 218), brow=0.012, eye_height=0.07, tilt=4),
    Look("sora", (116, 82, 58), (96, 70, 46), background=(160, 200, 222), length=0.54, fringe="messy", mouth="smile",
         eye_height=0.056, skin=(240, 206, 180), clothes=(214, 176, 84), chin=0.88, jaw=0.022, man=True, tilt=-3),
    Look("midori", (84, 120, 100), (150, 90, 60), background=(226, 204, 210), length=1.0, fringe="swept",
         mouth="smile", clothes=(92, 66, 104), eye_height=0.066, brow=0.006, tilt=8),
)  # fmt: skip

# Where the locks of a fringe end, left to right; each starts from its share of the hairline, wide where its neighbours
# are far.
FRINGES: dict[str, list[Point]] = {
    "straight": [(0.205, 0.62), (0.25, 0.52), (0.33, 0.455), (0.375, 0.49), (0.46, 0.465), (0.535, 0.5), (0.6, 0.46),
                 (0.69, 0.485), (0.745, 0.5), (0.795, 0.62)],
    "swept": [(0.2, 0.66), (0.225, 0.54), (0.27, 0.5), (0.335, 0.47), (0.42, 0.475), (0.5, 0.43), (0.72, 0.45),
              (0.765, 0.53), (0.8, 0.66)],
    "parted": [(0.195, 0.72), (0.215, 0.6), (0.245, 0.5), (0.32, 0.4), (0.64, 0.37), (0.715, 0.46), (0.765, 0.57),
               (0.805, 0.72)],
    "short": [(0.2, 0.52), (0.235, 0.44), (0.315, 0.475), (0.37, 0.4), (0.45, 0.47), (0.52, 0.405), (0.6, 0.455),
              (0.69, 0.42), (0.75, 0.47), (0.8, 0.52)],
    "messy": [(0.195, 0.54), (0.24, 0.47), (0.29, 0.49), (0.36, 0.44), (0.47, 0.495), (0.56, 0.4), (0.66, 0.42),
              (0.735, 0.46), (0.8, 0.53)],
}  # fmt: skip


def curve(points: Sequence[Point], closed: bool = True, steps: int = 12) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    known = np.array(points)
    count = len(known)
    result: list[Point] = []
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    for i in range(count if closed else count - 1):
        if closed:
            p0, p1, p2, p3 = (known[(i + k) % count] for k in (-1, 0, 1, 2))
        else:
            p0, p1, p2, p3 = (known[min(max(i + k, 0), count - 1)] for k in (-1, 0, 1, 2))
        part = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                      + (3 * p1 - p0 - 3 * p2 + p3) * t**3)  # fmt: skip
        result += [(float(x), float(y)) for x, y in part]
    return result if closed else [*result, points[-1]]


def lock(left: Point, tip: Point, right: Point, bulge: float = 0.25) -> list[Point]:
    """A tapering lock of hair between two points of the hairline: two arcs that meet in a tip."""
    outline: list[Point] = []
    for start, end in ((left, tip), (tip, right)):
        root = left if start == left else right
        control = (root[0] + bulge * (tip[0] - root[0]) * 0.4, root[1] + (1 - bulge) * (tip[1] - root[1]))
        for t in np.linspace(0, 1, 14):
            a, b, d = (1 - t) ** 2, 2 * t * (1 - t), t**2
            outline.append((a * start[0] + b * control[0] + d * end[0], a * start[1] + b * control[1] + d * end[1]))
    return outline


def mirrored(points: Sequence[Point]) -> list[Point]:
    """The points on the other side of the face."""
    return [(1 - x, y) for x, y in points]


def symmetric(left: Sequence[Point]) -> list[Point]:
    """A closed outline from its left half, top to bottom."""
    return [*left, *(p for p in mirrored(left)[::-1] if p[0] != 0.5)]


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, towards white above."""
    if factor <= 1:
        return tuple(round(c * factor) for c in colour)  # type: ignore[return-value]
    return tuple(round(255 - (255 - c) * (2 - factor)) for c in colour)  # type: ignore[return-value]


def shadow(colour: Colour, depth: float) -> Colour:
    """In shadow as painters have it: darker, and a little towards red and violet."""
    r, g, b = colour
    return round(r * (1 - 0.75 * depth)), round(g * (1 - 1.2 * depth)), round(b * (1 - depth))


class _Canvas:
    def __init__(self, side: int, colour: Colour, tilt: float) -> None:
        self.side = side * OVERSAMPLING
        self.turn = complex(np.cos(tilt), np.sin(tilt))
        self.image = Image.new("RGB", (self.side, self.side), colour)
        self.rows = np.linspace(0, 1, self.side)
        self.gradients: dict[tuple[tuple[float, Colour], ...], Image.Image] = {}

    def turned(self, points: Sequence[Point]) -> np.ndarray:
        """Points of the upright drawing where they lie in the tilted one, (K, 2)."""
        offsets = np.array([complex(x, y) for x, y in points]) - PIVOT
        moved = offsets * self.turn + PIVOT
        return np.stack([moved.real, moved.imag], axis=-1)

    def place(self, points: Sequence[Point]) -> list[Point]:
        return [(float(x), float(y)) for x, y in self.turned(points) * self.side]

    def mask(self, points: Sequence[Point], blur: float = 0.0) -> Image.Image:
        """What a closed outline covers, its edge softened by `blur`."""
        mask = Image.new("L", self.image.size, 0)
        placed = self.place(points)
        ImageDraw.Draw(mask).polygon(placed, fill=255)
        if blur:
            # Only around the outline: the rest of the picture has nothing to soften.
            reach = 4 * blur * self.side + 2
            low, high = np.min(placed, 0) - reach, np.max(placed, 0) + reach
            box = tuple(int(v) for v in np.clip([*low, *high], 0, self.side))
            mask.paste(mask.crop(box).filter(ImageFilter.GaussianBlur(blur * self.side)), box)
        return mask

    def oval(self, centre: Point, rx: float, ry: float, blur: float = 0.0) -> Image.Image:
        """What an ellipse covers."""
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        return self.mask([(centre[0] + rx * np.cos(a), centre[1] + ry * np.sin(a)) for a in angles], blur)

    def paint(self, mask: Image.Image, colour: Colour | Image.Image, strength: float = 1.0) -> None:
        """Lay a colour, or a picture, on where the mask is."""
        box = mask.getbbox()
        if box is None:
            return
        mask = mask.crop(box)
        if strength < 1:
            mask = mask.point(lambda v: round(v * strength))
        self.image.paste(colour.crop(box) if isinstance(colour, Image.Image) else colour, box, mask)

    def gradient(self, stops: Sequence[tuple[float, Colour]]) -> Image.Image:
        """A picture whose rows go through colours at given heights."""
        key = tuple(stops)
        if key not in self.gradients:
            heights, colours = [h for h, _ in stops], np.array([c for _, c in stops], float)
            rows = np.stack([np.interp(self.rows, heights, colours[:, i]) for i in range(3)], axis=-1)
            column = Image.fromarray(rows[:, None].round().astype(np.uint8))
            self.gradients[key] = column.resize((self.side, self.side))
        return self.gradients[key]

    def stroke(self, points: Sequence[Point], colour: Colour, width: float, taper: bool = True) -> None:
        """A line that is thickest in its middle, unless told otherwise."""
        path = np.array(points)
        along = np.gradient(path, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
        share = np.sin(np.linspace(0.12, np.pi - 0.12, len(path))) if taper else np.ones(len(path))
        half = (0.5 * width * share)[:, None] * across
        self.paint(self.mask([(float(x), float(y)) for x, y in np.concatenate([path + half, (path - half)[::-1]])]),
                   colour)  # fmt: skip

    def shape(self, points: Sequence[Point], fill: Colour | Image.Image, line: Colour, width: float = 0.0045) -> None:
        """A filled outline."""
        self.paint(self.mask(points), fill)
        self.stroke([*points, points[0], points[1]], line, width, taper=False)


def draw_face(look: Look, side: int = 256) -> tuple[Image.Image, np.ndarray]:
    """Draw a look.

    Returns:
        the picture, (side, side), and its landmarks (5, 2) in px: left eye, right eye, nose, left and right mouth
        corner.
    """
    c = _Canvas(side, look.background, np.radians(look.tilt))
    random = np.random.default_rng(zlib.crc32(look.name.encode()))
    _behind(c, look, random)
    _back(c, look)
    face = _head(c, look)
    _fringe_shadow(c, look, face)
    for flip in (False, True):
        _eye(c, look, flip)
    _mouth(c, look)
    _front(c, look, random)
    for flip in (False, True):
        _brow(c, look, flip)
    image = c.image.resize((side, side), Image.Resampling.LANCZOS)
    x, y = MOUTH
    points = [EYE, (1 - EYE[0], EYE[1]), (0.5, 0.675), (x - MOUTH_HALF, y), (x + MOUTH_HALF, y)]
    return image, c.turned(points) * side


def _behind(c: _Canvas, look: Look, random: np.random.Generator) -> None:
    c.image.paste(c.gradient([(0, shade(look.background, 1.25)), (1, shade(look.background, 0.86))]))
    for _ in range(14):
        x, y, r = random.random(), random.random(), random.uniform(0.03, 0.12)
        c.paint(c.oval((x, y), r, r, 0.012), shade(look.background, random.choice([0.9, 1.5, 1.7])), 0.45)


def _hair(c: _Canvas, look: Look, bottom: float, factor: float = 1.0) -> Image.Image:
    base = shade(look.hair, factor) if factor < 1 else look.hair
    return c.gradient([(0.04, shade(base, 0.8)), (0.24, base), (0.42, shade(base, 1.1)), (bottom, shadow(base, 0.22))])


def _back(c: _Canvas, look: Look) -> None:
    line = shadow(look.hair, 0.55)
    bottom = 0.42 + 0.42 * look.length
    hair = [(0.5, 0.05), (0.27, 0.1), (0.14, 0.32), (0.125, 0.55), (0.12, bottom - 0.08), (0.2, bottom), (0.36, bottom)]
    c.shape(curve(symmetric(hair)), _hair(c, look, bottom, 0.72), line)
    for flip in (False, True):
        side = mirrored if flip else list
        for i, x in enumerate((0.15, 0.2, 0.27)):
            tip = (x - 0.03 + 0.02 * i, bottom + 0.035 - 0.012 * i)
            strand = lock((x, 0.3), tip, (x + 0.07, 0.3), -0.2)
            c.shape(side(strand), _hair(c, look, bottom + 0.05, 0.8), line, 0.003)
    if look.tails:
        for flip in (False, True):
            side = mirrored if flip else list
            tail = [(0.16, 0.25), (0.05, 0.35), (0.02, 0.6), (0.06, 0.9), (0.13, 0.98), (0.17, 0.7), (0.2, 0.4)]
            c.shape(side(curve(tail)), _hair(c, look, 1.0, 0.92), line)
            for end in ((0.06, 0.86), (0.11, 0.9)):
                c.stroke(side(curve([(0.15, 0.3), (0.09, 0.55), end], False)), shade(look.hair, 0.7), 0.006)
            c.paint(c.oval(side([(0.155, 0.28)])[0], 0.032, 0.032), (196, 60, 70))
            c.paint(c.oval(side([(0.148, 0.272)])[0], 0.012, 0.01), (240, 150, 150))
    skin, dark = look.skin, shadow(look.skin, 0.2)
    c.paint(c.mask([(0.425, 0.75), (0.575, 0.75), (0.59, 1.02), (0.41, 1.02)]), skin)
    shoulders = [(0.5, 0.93), (0.41, 0.925), (0.2, 0.97), (0.0, 1.06), (-0.1, 1.25), (0.5, 1.25)]
    cloth = c.gradient([(0.9, shade(look.clothes, 1.12)), (1.0, shade(look.clothes, 0.8))])
    c.shape(curve(symmetric(shoulders)), cloth, shade(look.clothes, 0.5))
    c.paint(c.mask([(0.415, 0.9), (0.585, 0.9), (0.5, 1.01)]), skin)
    for flip in (False, True):
        collar = [(0.41, 0.9), (0.5, 1.01), (0.44, 1.04), (0.36, 0.94)]
        c.shape(mirrored(collar) if flip else collar, shade(look.clothes, 1.3), shade(look.clothes, 0.5), 0.004)
    c.paint(c.mask(curve([(0.42, 0.8), (0.58, 0.8), (0.585, 0.905), (0.5, 0.94), (0.415, 0.905)]), 0.004), dark)


def _head(c: _Canvas, look: Look) -> Image.Image:
    line = shadow(look.skin, 0.42)
    for ear in ((0.238, 0.6), (0.762, 0.6)):
        c.paint(c.oval(ear, 0.03, 0.052), shadow(look.skin, 0.12))
    face = [(0.5, 0.22), (0.33, 0.26), (0.235, 0.42), (0.236, 0.6), (0.285 - look.jaw, 0.73),
            (0.375 - look.jaw, 0.815), (0.455, look.chin - 0.004), (0.5, look.chin)]  # fmt: skip
    outline = curve(symmetric(face))
    c.shape(outline, look.skin, line, 0.004)
    inside = c.mask(outline)
    # The light comes from the upper left: the right cheek turns away from it.
    away = c.mask(curve([(0.79, 0.3), (0.7, 0.5), (0.69, 0.68), (0.6, 0.84), (0.66, 0.95), (0.95, 0.8)]), 0.012)
    c.paint(ImageChops.multiply(inside, away), shadow(look.skin, 0.13), 0.8)
    for x in (0.315, 0.685):
        c.paint(ImageChops.multiply(inside, c.oval((x, 0.672), 0.05, 0.024, 0.018)), BLUSH, 0.5)
    c.paint(c.mask([(0.503, 0.62), (0.517, 0.682), (0.496, 0.684)], 0.004), shadow(look.skin, 0.2), 0.8)
    c.stroke(curve([(0.489, 0.68), (0.5, 0.686), (0.509, 0.681)], closed=False), shadow(look.skin, 0.42), 0.005)
    c.paint(c.oval((0.494, 0.655), 0.006, 0.012, 0.004), shade(look.skin, 1.8), 0.8)
    return inside


def _locks(look: Look) -> list[list[Point]]:
    """The outlines of the fringe, drawn from its sides to its middle."""
    tips = FRINGES[look.fringe]
    count, wide = len(tips), 0.018  # locks overlap by twice `wide` at their roots

    def root(x: float) -> Point:
        x = min(max(x, 0.2), 0.8)
        return x, 0.29 - 0.19 * float(np.sin(np.pi * (x - 0.17) / 0.66)) ** 0.7

    between = [0.185, *((a[0] + b[0]) / 2 for a, b in pairwise(tips)), 0.815]
    order = sorted(range(count), key=lambda i: -abs(i - (count - 1) / 2))
    return [lock(root(between[i] - wide), tips[i], root(between[i + 1] + wide)) for i in order]


def _fringe_shadow(c: _Canvas, look: Look, face: Image.Image) -> None:
    cast = Image.new("L", c.image.size, 0)
    for outline in _locks(look):
        cast = ImageChops.lighter(cast, c.mask([(x + 0.006, y + 0.028) for x, y in outline], 0.0015))
    cast = ImageChops.lighter(cast, c.mask(curve([(0.22, 0.24), (0.5, 0.2), (0.78, 0.24), (0.74, 0.36), (0.5, 0.34),
                                                 (0.26, 0.36)]), 0.01))  # fmt: skip
    c.paint(ImageChops.multiply(face, cast), shadow(look.skin, 0.2))


def _eye(c: _Canvas, look: Look, flip: bool) -> None:
    def place(points: Sequence[Point]) -> list[Point]:
        return mirrored(points) if flip else list(points)

    x, y = EYE
    h = look.eye_height
    white = [(x - 0.072, y - 0.05 * h), (x - 0.05, y - 0.72 * h), (x + 0.01, y - 0.98 * h), (x + 0.058, y - 0.5 * h),
             (x + 0.06, y + 0.4 * h), (x + 0.02, y + 0.92 * h), (x - 0.04, y + 0.78 * h)]  # fmt: skip
    inside = c.mask(place(curve(white)))
    c.paint(inside, c.gradient([(y - h, (206, 206, 222)), (y - 0.3 * h, (252, 250, 250))]))
    centre = place([(x + 0.002, y)])[0]
    rx, ry = 0.047, 0.93 * h

    def within(centre: Point, rx: float, ry: float, blur: float = 0.0) -> Image.Image:
        return ImageChops.multiply(inside, c.oval(centre, rx, ry, blur))

    c.paint(within(centre, rx, ry), shade(look.eyes, 0.3))
    colours = c.gradient(
        [(y - ry, shade(look.eyes, 0.35)), (y, shade(look.eyes, 0.95)), (y + ry, shade(look.eyes, 1.6))]
    )
    c.paint(within(centre, rx - 0.006, ry - 0.006), colours)
    c.paint(within((centre[0], y + 0.62 * h), 0.028, 0.22 * h, 0.006), shade(look.eyes, 1.75), 0.8)
    c.paint(within((centre[0], y - 0.02 * h), 0.018, 0.36 * h), shade(look.eyes, 0.2))
    c.paint(within((centre[0], y - 0.95 * h), 0.07, 0.4 * h, 0.006), (30, 20, 40), 0.55)  # the lid's shadow
    c.paint(c.oval((centre[0] - 0.017, y - 0.42 * h), 0.014, 0.2 * h), (255, 255, 255))
    c.paint(c.oval((centre[0] + 0.02, y + 0.45 * h), 0.008, 0.1 * h), (255, 255, 255), 0.9)
    lash = [(x - 0.094, y + 0.1 * h), (x - 0.07, y - 0.62 * h), (x - 0.02, y - 1.06 * h), (x + 0.03, y - 1.06 * h),
            (x + 0.072, y - 0.45 * h), (x + 0.02, y - 0.9 * h), (x - 0.03, y - 0.84 * h),
            (x - 0.064, y - 0.4 * h)]  # fmt: skip
    c.paint(c.mask(place(curve(lash))), LASH)
    for dx, dy in () if look.man else ((-0.1, -0.25), (-0.092, -0.62)):
        c.paint(
            c.mask(place([(x - 0.07, y + (dy + 0.25) * h), (x + dx, y + dy * h), (x - 0.062, y + (dy - 0.02) * h)])),
            LASH,
        )
    c.stroke(place(curve([(x - 0.045, y + 0.84 * h), (x + 0.012, y + 0.98 * h), (x + 0.05, y + 0.74 * h)], False)),
             shadow(look.skin, 0.55), 0.005)  # fmt: skip
    c.stroke(place(curve([(x - 0.066, y - 1.0 * h), (x - 0.005, y - 1.34 * h), (x + 0.055, y - 1.05 * h)], False)),
             shadow(look.skin, 0.36), 0.0045)  # fmt: skip


def _brow(c: _Canvas, look: Look, flip: bool) -> None:
    x, y = EYE
    top = y - 0.1 - 0.35 * look.eye_height
    brow = [(x - 0.08, top + 0.018 + look.brow), (x - 0.01, top - 0.006), (x + 0.062, top + 0.008 - look.brow)]
    path = curve(brow, closed=False)
    c.stroke(mirrored(path) if flip else path, shadow(shade(look.hair, 0.75), 0.25), 0.016 if look.man else 0.01)


def _mouth(c: _Canvas, look: Look) -> None:
    x, y = MOUTH
    half, line = MOUTH_HALF, shadow(look.skin, 0.55)
    if look.mouth == "open":
        mouth = [
            (x - half, y),
            (x, y + 0.006),
            (x + half, y),
            (x + 0.03, y + 0.04),
            (x, y + 0.05),
            (x - 0.03, y + 0.04),
        ]
        c.shape(curve(mouth), (170, 70, 78), line, 0.004)
        c.paint(ImageChops.multiply(c.mask(curve(mouth)), c.oval((x, y + 0.046), 0.03, 0.016)), (226, 124, 122))
        c.paint(ImageChops.multiply(c.mask(curve(mouth)), c.oval((x, y + 0.002), 0.036, 0.011)), (252, 248, 244))
    elif look.mouth == "smile":
        c.stroke(curve([(x - half, y - 0.004), (x, y + 0.016), (x + half, y - 0.004)], closed=False), line, 0.008)
    else:
        c.stroke(curve([(x - 0.042, y + 0.002), (x, y - 0.001), (x + 0.042, y + 0.002)], closed=False), line, 0.008)
    c.paint(c.oval((x, y + 0.036 + 0.03 * (look.mouth == "open")), 0.024, 0.006, 0.004), shadow(look.skin, 0.2), 0.7)


def _front(c: _Canvas, look: Look, random: np.random.Generator) -> None:
    line = shadow(look.hair, 0.5)
    short = look.length < 0.6
    for flip in (False, True):
        side = mirrored if flip else list
        for root, tip in ((0.17, (0.19, 0.62 if short else 0.86)), (0.2, (0.236, 0.56 if short else 0.78))):
            strand = lock((root + 0.02, 0.2), tip, (root + 0.09, 0.2), -0.15)
            c.shape(side(strand), _hair(c, look, 0.9), line, 0.0035)
    dome = curve([(0.5, 0.055), (0.31, 0.095), (0.19, 0.22), (0.165, 0.4), (0.24, 0.34), (0.5, 0.22), (0.76, 0.34),
                  (0.835, 0.4), (0.81, 0.22), (0.69, 0.095)])  # fmt: skip
    c.shape(dome, _hair(c, look, 0.6), line)
    if look.fringe == "short":
        for angle in np.linspace(-1.25, 1.25, 11):
            turn = angle + random.uniform(-0.06, 0.06)
            reach = 0.385 + 0.02 * random.random()
            places = ((0.31, turn - 0.2), (reach, turn + 0.12), (0.31, turn + 0.2))
            left, tip, right = ((0.5 + float(r * np.sin(a)), 0.4 - float(r * np.cos(a))) for r, a in places)
            c.shape(lock(left, tip, right, 0.3), _hair(c, look, 0.6), line, 0.003)
        c.paint(
            c.mask(curve([(0.5, 0.085), (0.3, 0.13), (0.2, 0.3), (0.5, 0.3), (0.8, 0.3), (0.7, 0.13)])),
            _hair(c, look, 0.6),
        )
    for outline in _locks(look):
        c.shape(outline, _hair(c, look, 0.6), line, 0.0035)
        middle = [
            ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(outline[2:13], outline[-3:-14:-1], strict=True)
        ]
        c.stroke(middle, shade(look.hair, 0.78), 0.004)
    # Roots vanish in the dome: paint their joint over, softly, and lay the light on it.
    top = c.mask(curve([(0.5, 0.07), (0.32, 0.11), (0.21, 0.23), (0.24, 0.3), (0.5, 0.18), (0.76, 0.3), (0.79, 0.23),
                        (0.68, 0.11)]), 0.012)  # fmt: skip
    c.paint(top, _hair(c, look, 0.6))
    _shine(c, look, random)
    for x in np.linspace(0.3, 0.7, 9):
        path = curve([(0.5 + (x - 0.5) * 0.5, 0.075), (float(x), 0.14), (0.5 + (x - 0.5) * 1.35, 0.25)], closed=False)
        c.stroke(path, shade(look.hair, 0.72), 0.003)


def _shine(c: _Canvas, look: Look, random: np.random.Generator) -> None:
    """The light on the hair: a band around the head with an edge of strands, broken where locks part."""
    start, end = 0.25 + 0.05 * random.random(), 0.7 + 0.05 * random.random()
    places = np.linspace(start, end, 15)
    band = 0.265 - 0.1 * np.sin(np.pi * (places - 0.17) / 0.66)
    width = 0.024 * np.sin(np.pi * (places - start) / (end - start)) ** 0.5
    strands = random.uniform(0.35, 1.0, len(places)) * np.where(np.arange(len(places)) % 2, 1.3, 0.5)
    above = [(float(x), float(y - 0.5 * w)) for x, y, w in zip(places, band, width, strict=True)]
    below = [(float(x), float(y + w * s)) for x, y, w, s in zip(places, band, width, strands, strict=True)]
    c.paint(c.mask([*curve(above, closed=False, steps=4), *below[::-1]], 0.0025), shade(look.hair, 1.5), 0.62)


def main() -> None:
    """Write every look as PNG."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for look in LOOKS:
        draw_face(look, options.side)[0].save(options.folder / f"{look.name}.png", optimize=True)


if __name__ == "__main__":
    main()
