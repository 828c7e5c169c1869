"""What `draw_faces.py` draws with: curves, tapering ribbons, colours in shadow and light, and a canvas to lay them on.

Points are (x, y) in shares of the picture's side, x from its middle to the right, y from its top down.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Path = NDArray[np.float64]  # (N, 2)
Colour = tuple[int, int, int]
Fill = Colour | Image.Image  # one colour, or a picture as large as the canvas

OVERSAMPLING = 4
HEAD_REACH = 0.3  # how far from its middle a turning head still moves
WIDEST = 0.5  # where along a ribbon it is widest
NECK = (0.0, 0.86)  # where a tilting head turns about


def curve(points: Sequence[Point] | Path, closed: bool = False, steps: int = 10) -> Path:
    """A Catmull-Rom curve through the points."""
    known = np.asarray(points, float)
    ends = (known[-1:], known[:2]) if closed else (known[:1], known[-1:])
    padded = np.concatenate([ends[0], known, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate(parts if closed else [*parts, known[-1:]])


def mirrored(points: Sequence[Point] | Path) -> Path:
    """The points on the other side of the face."""
    return np.asarray(points, float) * (-1, 1)


def both(points: Sequence[Point] | Path) -> tuple[Path, Path]:
    """The points on both sides of the face."""
    return np.asarray(points, float), mirrored(points)


def symmetric(left: Sequence[Point]) -> Path:
    """A closed curve from its left half, which starts and ends in the middle."""
    return curve(np.concatenate([np.asarray(left, float), mirrored(left)[-2:0:-1]]), closed=True)


def oval(centre: Point, rx: float, ry: float) -> Path:
    """An ellipse."""
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    return np.stack([centre[0] + rx * np.cos(angles), centre[1] + ry * np.sin(angles)], axis=1)


def across(spine: Path) -> Path:
    """Unit vectors at right angles to a path; where it goes down the picture they point left."""
    along = np.gradient(spine, axis=0)
    return np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]


def edges(spine: Path, width: float, root: float = 0.0) -> tuple[Path, Path]:
    """The two sides of a ribbon around a path, widest past its middle, pointed at its end.

    Args:
        spine: (N, 2).
        width: at the widest place.
        root: the width at its start, in shares of `width`.
    """
    t = np.linspace(0, 1, len(spine))
    u = np.maximum(0, (t - WIDEST) / (1 - WIDEST))
    swell = np.where(t < WIDEST, root + (1 - root) * np.sin(0.5 * math.pi * t / WIDEST), 1 - u**1.2)
    half = (0.5 * width * swell)[:, None] * across(spine)
    half[-1] = 0
    return spine + half, spine - half


def ribbon(left: Path, right: Path) -> Path:
    """The outline between two sides."""
    return np.concatenate([left, right[::-1]])


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """From `one` at 0 to `other` at 1."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(one, other, strict=True))
    return r, g, b


def lit(colour: Colour, share: float) -> Colour:
    """In light: towards a warm white."""
    return mix(colour, (255, 251, 242), share)


def shadowed(colour: Colour, depth: float) -> Colour:
    """In shadow as painters have it: darker, and a little towards red and violet."""
    r, g, b = colour
    return round(r * (1 - 0.8 * depth)), round(g * (1 - 1.12 * depth)), round(b * (1 - 0.92 * depth))


class Canvas:
    """A square picture, several times too large, under a head that may be tilted and turned."""

    def __init__(self, side: int) -> None:
        self.side = side * OVERSAMPLING
        self.image = Image.new("RGB", (self.side, self.side))
        self.tilt = 0.0  # radians, clockwise
        self.turn = 0.0  # how far the middle of the face moves to the right, in shares of the side

    def place(self, points: Sequence[Point] | Path) -> Path:
        """Where points of an upright head lie on the canvas, in px: what is nearer to us moves more as it turns."""
        x, y = np.asarray(points, float).T
        x = x + self.turn * np.maximum(0, 1 - (x / HEAD_REACH) ** 2)
        z = (x + 1j * y - complex(*NECK)) * np.exp(1j * self.tilt) + complex(*NECK)
        return np.stack([z.real + 0.5, z.imag], axis=1) * self.side

    def mask(self, shapes: Sequence[Path], blur: float = 0.0, move: Point = (0, 0)) -> Image.Image:
        """What closed outlines cover together, moved, softened by `blur`: as large as the canvas."""
        mask = Image.new("L", self.image.size)
        pen = ImageDraw.Draw(mask)
        for shape in shapes:
            pen.polygon([tuple(p) for p in self.place(shape + np.array(move))], fill=255)
        return mask.filter(ImageFilter.BoxBlur(blur * self.side)) if blur else mask

    def fill(
        self, shape: Path, fill: Fill, strength: float = 1.0, blur: float = 0.0, within: Image.Image | None = None
    ) -> None:
        """Paint a closed outline, its edge softened by `blur`, only where `within` is."""
        placed = self.place(shape)
        reach = 3 * blur * self.side + 1
        low, high = np.floor(placed.min(0) - reach), np.ceil(placed.max(0) + reach)
        left, upper, right, lower = (int(v) for v in np.clip([*low, *high], 0, self.side))
        if left >= right or upper >= lower:
            return
        box = left, upper, right, lower
        mask = Image.new("L", (right - left, lower - upper))
        ImageDraw.Draw(mask).polygon([tuple(p) for p in placed - box[:2]], fill=round(255 * strength))
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * self.side))
        if within is not None:
            mask = ImageChops.multiply(mask, within.crop(box))
        self.image.paste(fill.crop(box) if isinstance(fill, Image.Image) else fill, box, mask)

    def shape(self, outline: Path, fill: Fill, line: Colour) -> None:
        """Fill a closed outline, and draw it."""
        self.fill(outline, fill)
        self.line(np.concatenate([outline, outline[:1]]), line, 0.0042, even=True)

    def line(self, path: Path, colour: Colour, width: float, strength: float = 1.0, even: bool = False) -> None:
        """A thin line that swells and tapers, or is as thick everywhere."""
        share = np.full(len(path), 0.8) if even else np.sin(np.linspace(0.2, math.pi - 0.2, len(path))) ** 0.6
        half = (0.5 * width * share)[:, None] * across(path)
        self.fill(ribbon(path + half, path - half), colour, strength)

    def gradient(self, *stops: tuple[float, Colour]) -> Image.Image:
        """A picture whose rows go through colours at given heights."""
        heights, colours = [h for h, _ in stops], np.array([c for _, c in stops], float)
        rows = np.linspace(0, 1, self.side)
        column = np.stack([np.interp(rows, heights, channel) for channel in colours.T], axis=-1)
        return Image.fromarray(column[:, None].round().astype(np.uint8)).resize(self.image.size)
