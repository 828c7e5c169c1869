"""Drawn faces, by code alone: pictures that anybody may use, with landmarks known exactly.

    python scripts/draw_faces.py examples

Everything is a filled curve in a unit square, y down, drawn four times too large and scaled down.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Colour = tuple[int, int, int]

OVERSAMPLING = 4
EYE = (0.35, 0.575)
MOUTH = (0.5, 0.755)


@dataclass(frozen=True)
class Look:
    """What one face looks like; all lengths are shares of the picture's side."""

    name: str
    hair: Colour
    eyes: Colour
    skin: Colour = (255, 226, 205)
    background: Colour = (226, 236, 245)
    clothes: Colour = (70, 80, 120)
    length: float = 1.0  # of the back hair: 0.6 ends at the chin, 1 reaches the shoulders, 1.3 goes on
    fringe: str = "swept"  # swept, straight or parted
    tails: bool = False
    mouth: str = "smile"  # smile, open or line
    eye_height: float = 0.085
    brow: float = 0.0  # raised inner ends: worried; negative: angry
    spikes: bool = False


LOOKS = (
    Look("aoi", (58, 84, 170), (50, 110, 220), background=(235, 240, 250), fringe="straight", mouth="smile"),
    Look("hana", (240, 150, 180), (190, 70, 120), background=(255, 240, 235), clothes=(250, 250, 250), tails=True,
         mouth="open"),
    Look("kuro", (38, 34, 44), (120, 70, 50), background=(206, 220, 205), length=0.62, spikes=True, mouth="line",
         eye_height=0.062, clothes=(40, 44, 52), brow=-0.012),
    Look("mika", (224, 176, 92), (60, 140, 90), background=(214, 230, 246), length=1.3, fringe="parted",
         clothes=(160, 60, 70)),
    Look("rin", (176, 60, 50), (200, 120, 30), background=(250, 236, 212), length=0.75, fringe="swept", mouth="open",
         clothes=(60, 100, 90)),
    Look("yuki", (206, 212, 226), (130, 100, 190), background=(60, 70, 104), length=1.2, fringe="straight",
         mouth="line", skin=(250, 228, 216), brow=0.012),
    Look("sora", (112, 76, 52), (90, 60, 40), background=(190, 222, 236), length=0.62, spikes=True, mouth="smile",
         eye_height=0.07, skin=(240, 204, 176), clothes=(240, 200, 80)),
    Look("midori", (74, 146, 110), (150, 80, 50), background=(246, 228, 232), length=1.15, fringe="parted", tails=True,
         mouth="smile", clothes=(90, 60, 100)),
)  # fmt: skip


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


class _Canvas:
    def __init__(self, side: int, background: Colour) -> None:
        self.side = side * OVERSAMPLING
        self.image = Image.new("RGB", (self.side, self.side), background)
        self.pen = ImageDraw.Draw(self.image)

    def place(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.side, y * self.side) for x, y in points]

    def fill(self, points: Sequence[Point], colour: Colour, line: Colour | None = None, width: float = 0.006) -> None:
        self.pen.polygon(self.place(points), fill=colour)
        if line is not None:
            self.stroke([*points, points[0]], line, width)

    def stroke(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        self.pen.line(self.place(points), fill=colour, width=max(1, round(width * self.side)), joint="curve")

    def ellipse(self, centre: Point, rx: float, ry: float, colour: Colour) -> None:
        x, y = centre
        self.pen.ellipse(self.place([(x - rx, y - ry), (x + rx, y + ry)]), fill=colour)  # type: ignore[arg-type]

    def soft(self, centre: Point, rx: float, ry: float, colour: Colour, strength: float) -> None:
        """A blurred spot."""
        mask = Image.new("L", self.image.size, 0)
        x, y = centre
        ImageDraw.Draw(mask).ellipse(
            self.place([(x - rx, y - ry), (x + rx, y + ry)]),  # type: ignore[arg-type]
            fill=round(255 * strength),
        )
        mask = mask.filter(ImageFilter.GaussianBlur(0.02 * self.side))
        self.image.paste(Image.new("RGB", self.image.size, colour), (0, 0), mask)


def draw_face(look: Look, side: int = 256) -> tuple[Image.Image, np.ndarray]:
    """Draw a look.

    Returns:
        the picture, (side, side), and its landmarks (5, 2) in px: left eye, right eye, nose, left and right mouth
        corner.
    """
    c = _Canvas(side, look.background)
    _back(c, look)
    _head(c, look)
    for flip in (False, True):
        _eye(c, look, flip)
    _mouth(c, look)
    _front(c, look)
    image = c.image.resize((side, side), Image.Resampling.LANCZOS)
    half = 0.05
    points = np.array([EYE, (1 - EYE[0], EYE[1]), (0.5, 0.675), (0.5 - half, MOUTH[1]), (0.5 + half, MOUTH[1])])
    return image, points * side


def _back(c: _Canvas, look: Look) -> None:
    dark = shade(look.hair, 0.72)
    line = shade(look.hair, 0.4)
    bottom = 0.42 + 0.42 * look.length
    hair = [(0.5, 0.05), (0.27, 0.1), (0.14, 0.32), (0.13, 0.55), (0.12, bottom - 0.08), (0.2, bottom), (0.36, bottom)]
    c.fill(curve(symmetric(hair)), dark, line)
    if look.tails:
        for side in (lambda p: list(p), mirrored):
            tail = [(0.16, 0.25), (0.05, 0.35), (0.02, 0.6), (0.06, 0.9), (0.13, 0.98), (0.17, 0.7), (0.2, 0.4)]
            c.fill(curve(side(tail)), shade(look.hair, 0.9), line)
            c.ellipse(side([(0.155, 0.28)])[0], 0.035, 0.035, (210, 50, 60))
    neck = shade(look.skin, 0.88)
    c.fill([(0.42, 0.75), (0.58, 0.75), (0.6, 0.98), (0.4, 0.98)], neck)
    shoulders = [(0.5, 0.93), (0.4, 0.92), (0.2, 0.97), (0.1, 1.1), (0.5, 1.1)]
    c.fill(curve(symmetric(shoulders)), look.clothes, shade(look.clothes, 0.5))
    c.fill([(0.41, 0.9), (0.59, 0.9), (0.5, 1.0)], neck)


def _head(c: _Canvas, look: Look) -> None:
    for ear in ((0.235, 0.6), (0.765, 0.6)):
        c.ellipse(ear, 0.032, 0.055, shade(look.skin, 0.92))
    face = [(0.5, 0.22), (0.33, 0.26), (0.235, 0.42), (0.235, 0.6), (0.29, 0.73), (0.38, 0.82), (0.46, 0.868)]
    c.fill(curve(symmetric(face)), look.skin, shade(look.skin, 0.6), 0.005)
    for x in (0.32, 0.68):
        c.soft((x, 0.675), 0.045, 0.022, (245, 140, 130), 0.5)
    c.stroke(curve([(0.5, 0.655), (0.492, 0.678), (0.503, 0.684)], closed=False), shade(look.skin, 0.66), 0.006)
    c.soft((0.5, 0.33), 0.17, 0.04, shade(look.skin, 0.8), 0.5)


def _eye(c: _Canvas, look: Look, flip: bool) -> None:
    def place(points: Sequence[Point]) -> list[Point]:
        return mirrored(points) if flip else list(points)

    x, y = EYE
    h = look.eye_height
    white = [(x - 0.075, y - 0.1 * h), (x - 0.05, y - 0.75 * h), (x + 0.01, y - h), (x + 0.06, y - 0.5 * h),
             (x + 0.062, y + 0.4 * h), (x + 0.02, y + 0.9 * h), (x - 0.045, y + 0.75 * h)]  # fmt: skip
    outline = place(curve(white))
    c.fill(outline, (255, 255, 255))
    mask = Image.new("L", c.image.size, 0)
    ImageDraw.Draw(mask).polygon(c.place(outline), fill=255)
    iris = Image.new("L", c.image.size, 0)
    centre = place([(x, y)])[0]
    rx, ry = 0.05, 0.95 * h
    box = c.place([(centre[0] - rx, centre[1] - ry), (centre[0] + rx, centre[1] + ry)])
    ImageDraw.Draw(iris).ellipse(box, fill=255)  # type: ignore[arg-type]
    rows = np.linspace(0, 1, c.side)[:, None, None]
    share = ((rows - (y - ry)) / (2 * ry)).clip(0, 1)
    colours = (1 - share) * np.array(shade(look.eyes, 0.35)) + share * np.array(shade(look.eyes, 1.45))
    gradient = Image.fromarray(np.broadcast_to(colours, (c.side, c.side, 3)).astype(np.uint8))
    c.image.paste(gradient, (0, 0), ImageChops.multiply(mask, iris))
    c.ellipse((centre[0], y + 0.1 * h), 0.019, 0.4 * h, shade(look.eyes, 0.25))
    c.ellipse((centre[0] - 0.018, y - 0.45 * h), 0.016, 0.24 * h, (255, 255, 255))
    c.ellipse((centre[0] + 0.02, y + 0.5 * h), 0.009, 0.12 * h, (255, 255, 255))
    dark = (46, 34, 40)
    lash = [(x - 0.092, y + 0.06 * h), (x - 0.06, y - 0.78 * h), (x + 0.01, y - 1.08 * h), (x + 0.07, y - 0.5 * h),
            (x + 0.01, y - 0.86 * h), (x - 0.05, y - 0.55 * h)]  # fmt: skip
    c.fill(place(curve(lash)), dark)
    c.stroke(place(curve([(x - 0.04, y + 0.8 * h), (x + 0.02, y + 0.95 * h), (x + 0.05, y + 0.7 * h)], False)), dark,
             0.005)  # fmt: skip
    brow = [(x - 0.08, y - 1.45 * h + look.brow), (x - 0.01, y - 1.85 * h), (x + 0.065, y - 1.65 * h - look.brow)]
    c.stroke(place(curve(brow, closed=False)), shade(look.hair, 0.5), 0.011)


def _mouth(c: _Canvas, look: Look) -> None:
    x, y = MOUTH
    line = shade(look.skin, 0.45)
    if look.mouth == "open":
        mouth = [
            (x - 0.05, y),
            (x, y + 0.008),
            (x + 0.05, y),
            (x + 0.03, y + 0.045),
            (x, y + 0.055),
            (x - 0.03, y + 0.045),
        ]
        c.fill(curve(mouth), (190, 70, 80), line)
        c.ellipse((x, y + 0.04), 0.022, 0.011, (236, 130, 130))
    elif look.mouth == "smile":
        c.stroke(curve([(x - 0.05, y - 0.004), (x, y + 0.018), (x + 0.05, y - 0.004)], closed=False), line, 0.008)
    else:
        c.stroke(curve([(x - 0.042, y), (x, y + 0.004), (x + 0.042, y)], closed=False), line, 0.008)


def _front(c: _Canvas, look: Look) -> None:
    line = shade(look.hair, 0.45)
    for side in (lambda p: list(p), mirrored):
        lock = [(0.3, 0.2), (0.19, 0.36), (0.17, 0.55), (0.2, 0.74), (0.235, 0.8), (0.245, 0.6), (0.28, 0.42)]
        c.fill(curve(side(lock)), look.hair, line)
    tips: dict[str, list[Point]] = {
        "straight": [
            (0.25, 0.46),
            (0.33, 0.47),
            (0.415, 0.48),
            (0.5, 0.485),
            (0.585, 0.48),
            (0.67, 0.47),
            (0.75, 0.46),
        ],
        "swept": [(0.235, 0.5), (0.31, 0.47), (0.4, 0.49), (0.49, 0.47), (0.6, 0.43), (0.7, 0.4), (0.765, 0.48)],
        "parted": [(0.225, 0.56), (0.28, 0.46), (0.36, 0.38), (0.44, 0.3), (0.55, 0.34), (0.67, 0.42), (0.77, 0.54)],
    }
    ends = tips[look.fringe]
    outline: list[Point] = [(0.5, 0.06), (0.32, 0.09), (0.19, 0.22), (0.185, 0.42)]
    for i, tip in enumerate(ends):
        outline.append(tip)
        if i + 1 < len(ends):
            following = ends[i + 1]
            outline.append(((tip[0] + following[0]) / 2, min(tip[1], following[1]) - 0.07))
    outline += [(0.815, 0.42), (0.81, 0.22), (0.68, 0.09)]
    smooth = curve(outline, steps=8)
    c.fill(smooth, look.hair, line)
    if look.spikes:
        for angle in range(-80, 81, 20):
            a = math.radians(angle)
            tip = (0.5 + 0.43 * math.sin(a), 0.42 - 0.42 * math.cos(a))
            left = (0.5 + 0.31 * math.sin(a - 0.22), 0.4 - 0.3 * math.cos(a - 0.22))
            right = (0.5 + 0.31 * math.sin(a + 0.22), 0.4 - 0.3 * math.cos(a + 0.22))
            c.fill([left, tip, right], look.hair)
            c.stroke([left, tip, right], line, 0.005)
        c.fill(curve([(0.5, 0.1), (0.3, 0.15), (0.24, 0.3), (0.5, 0.36), (0.76, 0.3), (0.7, 0.15)]), look.hair)
    shine = [
        (0.27, 0.27),
        (0.36, 0.2),
        (0.5, 0.18),
        (0.64, 0.2),
        (0.73, 0.27),
        (0.62, 0.24),
        (0.5, 0.225),
        (0.38, 0.24),
    ]
    c.fill(curve(shine), shade(look.hair, 1.45))
    for start, tip in zip(np.linspace(0.36, 0.64, 4), ends[1:6:1], strict=False):
        strand = [(float(start), 0.27), ((float(start) + tip[0]) / 2, 0.34), (tip[0], tip[1] - 0.05)]
        c.stroke(curve(strand, closed=False), shade(look.hair, 0.7), 0.004)


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
