"""Drawn faces, by code alone: pictures that anybody may use, with landmarks known exactly.

    python scripts/draw_faces.py examples

A face is painted as an illustrator would: backdrop, back hair, neck and clothes, face, eyes, then locks of hair over
it. Each part is a curve filled with one or two tones. `draw_faces_looks.py` says who is drawn, and
`draw_faces_canvas.py` has the curves, the colours and the canvas.
"""

import argparse
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path as File

import numpy as np
from draw_faces_canvas import (
    OVERSAMPLING,
    Canvas,
    Colour,
    Fill,
    Path,
    Point,
    across,
    both,
    curve,
    edges,
    lit,
    mirrored,
    mix,
    oval,
    ribbon,
    shadowed,
    symmetric,
)
from draw_faces_looks import LOOKS, STYLES, Lock, Look, Style
from PIL import Image, ImageChops

EYE = (-0.122, 0.57)
NOSE = (0.0, 0.684)
MOUTH = (0.0, 0.772)
EYE_HALF = 0.06  # half the width of an eye
LASH: Colour = (58, 38, 46)
BLUSH: Colour = (244, 128, 118)
LIP: Colour = (214, 112, 108)
WHITE: Colour = (255, 255, 255)
SHIRT: Colour = (246, 244, 244)

DrawnLock = tuple[Path, Path, Path]  # from root to tip: the path and its two sides


def draw_face(look: Look, side: int = 256) -> tuple[Image.Image, np.ndarray]:
    """Draw a look.

    Returns:
        the picture, (side, side), and its landmarks (5, 2) in px: left eye, right eye, nose, left and right mouth
        corner.
    """
    canvas = Canvas(side)
    random = np.random.default_rng(zlib.crc32(look.name.encode()))
    style = STYLES[look.style]
    _backdrop(canvas, look, random)
    canvas.tilt, canvas.turn = math.radians(look.tilt), look.turn
    hair = _hair_colours(canvas, look, random)
    _back_hair(canvas, look, style)
    canvas.tilt /= 3
    canvas.turn = 0
    _body(canvas, look)
    canvas.tilt, canvas.turn = math.radians(look.tilt), look.turn
    locks = list(_fringe(style))
    _face(canvas, look, style, locks)
    for flip in (False, True):
        _eye(canvas, look, flip)
    _nose(canvas, look)
    _mouth(canvas, look)
    _front_hair(canvas, look, style, locks, hair)
    for flip in (False, True):
        _brow(canvas, look, flip)
    half = _mouth_half(look)
    points = canvas.place([EYE, (-EYE[0], EYE[1]), NOSE, (-half, MOUTH[1]), (half, MOUTH[1])]) / OVERSAMPLING
    return canvas.image.resize((side, side), Image.Resampling.LANCZOS), points


def _backdrop(canvas: Canvas, look: Look, random: np.random.Generator) -> None:
    """A soft background: lights out of focus, clouds, or light that falls through a window."""
    above, below = look.colours
    canvas.image.paste(canvas.gradient((0, above), (1, below)))
    if look.backdrop == "sky":
        for _ in range(5):
            x, y = random.uniform(-0.5, 0.5), random.uniform(0.25, 0.9)
            for _ in range(7):
                dx, dy, r = random.normal(0, 0.09), random.normal(0, 0.015), random.uniform(0.03, 0.07)
                canvas.fill(oval((x + dx, y + dy), 1.5 * r, 0.6 * r), lit(below, 0.8), 0.5, 0.012)
    elif look.backdrop == "window":
        for x in (-0.52, -0.2, 0.2):
            slant = [(x, -0.1), (x + 0.2, -0.1), (x - 0.1, 1.1), (x - 0.3, 1.1)]
            canvas.fill(np.array(slant), lit(above, 0.7), 0.4, 0.012)
    else:
        for _ in range(16):
            x, y, r = random.uniform(-0.55, 0.55), random.uniform(-0.05, 1), random.uniform(0.02, 0.1)
            glow = lit(mix(above, below, random.random()), random.uniform(0.3, 0.8))
            canvas.fill(oval((x, y), r, r), glow, random.uniform(0.2, 0.5), 0.006)


def _hair_colours(canvas: Canvas, look: Look, random: np.random.Generator) -> Image.Image:
    """The picture that every front lock is cut from: darker at the crown and the ends, with a band of light."""
    base = look.hair
    picture = canvas.gradient(
        (0.1, shadowed(base, 0.16)), (0.3, base), (0.5, lit(base, 0.12)), (0.95, shadowed(base, 0.1))
    )
    glints = []
    for angle in np.arange(-1.12, 1.12, 0.075):
        fade = math.cos(1.25 * angle) ** 0.6
        outward = np.array([math.sin(angle), -math.cos(angle)])
        low, high = 0.232 - fade * random.uniform(0.012, 0.05), 0.238 + fade * random.uniform(0.006, 0.03)
        spine = np.array([0, 0.44]) + np.linspace(high, low, 12)[:, None] * outward
        glints.append(ribbon(*edges(spine, random.uniform(0.022, 0.032), 0.2)))
    picture.paste(
        lit(base, 0.48), mask=canvas.mask(glints, 0.001).point(lambda v: round(v * (0.4 + 0.3 * sum(base) / 765)))
    )
    return picture


def _spine(points: Sequence[Point] | Path, waves: float = 0.0) -> Path:
    """The path of a lock, swinging more towards its tip."""
    path = curve(points)
    t = np.linspace(0, 1, len(path))
    return path + (waves * t**0.7 * np.sin(3.2 * math.pi * t))[:, None] * across(path)


def _fringe(style: Style) -> Iterator[DrawnLock]:
    """The locks before the forehead: path and two sides each, from the parting over the round of the head."""
    for x, y, width, bend in style.fringe:
        away = x - style.part
        points = [(style.part + 0.16 * away, 0.125 + 0.3 * away**2), (style.part + 0.66 * away, 0.2 + 1.3 * away**2),
                  (style.part + 0.95 * away - bend, 0.36 + 0.16 * (y - 0.45)), (x, y)]  # fmt: skip
        spine = _spine(points, 0.4 * style.waves)
        yield spine, *edges(spine, width, 0.3)


def _lock(canvas: Canvas, fill: Fill, base: Colour, lock: DrawnLock) -> None:
    """A lock of hair: its fill, its far side in shade, thin lines along it, and a strand that catches light."""
    spine, left, right = lock
    canvas.fill(ribbon(left, right), fill)
    start = len(spine) // 3
    far = right if right[len(right) // 2, 0] > left[len(left) // 2, 0] else left
    share = np.clip(np.linspace(-0.9, 2.2, len(spine)), 0, 1)[:, None]
    middle = far + 0.75 * share * (spine - far)
    canvas.fill(ribbon(middle[start:], far[start:]), shadowed(base, 0.2), 0.75, 0.001)
    near = left if far is right else right
    strand = 0.45 * near + 0.55 * spine
    canvas.line(strand[start : -start // 2], lit(base, 0.3), 0.0045, 0.5)
    for side in (left, right):
        canvas.line(side[start // 2 :], shadowed(base, 0.5), 0.0042)


def _locks(locks: Sequence[Lock], waves: float) -> Iterator[DrawnLock]:
    """Locks on both sides: path and two sides each."""
    for points, width in locks:
        for path in both(points):
            spine = _spine(path, waves if path[0, 0] < 0 else -waves)
            yield spine, *edges(spine, width, 0.5)


def _back_hair(canvas: Canvas, look: Look, style: Style) -> None:
    """What falls behind the head, in its shade."""
    dark, line = shadowed(look.hair, 0.3), shadowed(look.hair, 0.55)
    fill = canvas.gradient(
        (0.3, shadowed(look.hair, 0.22)), (0.65, shadowed(look.hair, 0.42)), (1, shadowed(look.hair, 0.3))
    )
    tail = canvas.gradient((0.2, look.hair), (1, shadowed(look.hair, 0.25)))
    for points, width in style.tail:
        spine = _spine(points, style.waves)
        _lock(canvas, tail, look.hair, (spine, *edges(spine, width, 0.3)))
    canvas.shape(symmetric(style.back), fill, line)
    fill = canvas.gradient((0.4, dark), (1, shadowed(look.hair, 0.18)))
    for lock in _locks(style.behind, style.waves):
        _lock(canvas, fill, dark, lock)


def _body(canvas: Canvas, look: Look) -> None:
    """Neck, its shadow, shoulders and what is worn."""
    wide = 0.078 + 0.022 * look.man
    dark, line = shadowed(look.skin, 0.17), shadowed(look.skin, 0.45)
    neck = [(0, 0.7), (-wide, 0.74), (-wide, 0.87), (-wide - 0.02, 0.92), (-wide - 0.06, 0.965), (-wide - 0.06, 1.1),
            (0, 1.2)]  # fmt: skip
    canvas.shape(symmetric(neck), look.skin, line)
    shade = [(0, 0.7), (-wide, 0.74), (-wide, 0.87), (-0.06, 0.9), (0, look.chin + 0.065)]
    canvas.fill(symmetric(shade), dark, within=canvas.mask([symmetric(neck)]))
    for bone in both(curve([(-0.02, 0.985), (-0.07, 0.965), (-0.12, 0.968)])):
        canvas.line(bone, shadowed(look.skin, 0.3), 0.004)
    _clothes(canvas, look, wide)


def _clothes(canvas: Canvas, look: Look, wide: float) -> None:
    """Shoulders, and a collar of some kind."""
    cloth, trim, kind = look.cloth, look.trim, look.clothes
    fill = canvas.gradient((0.9, lit(cloth, 0.15)), (1, shadowed(cloth, 0.14)))
    low = wide + 0.03
    shoulder = curve([(-low + 0.02, 0.905), (-0.19, 0.945), (-0.31, 0.985), (-0.38, 1.1)])
    depth = 0.93 if kind == "collar" else 1.02

    def pair(points: Sequence[Point] | Path, fill: Fill, of: Colour) -> None:
        for part in both(points):
            canvas.shape(part, fill, shadowed(of, 0.5))

    pair(np.concatenate([shoulder, [(0, 1.1), (0, depth)]]), fill, cloth)
    canvas.fill(np.array([(-0.01, depth + 0.012), (0.01, depth + 0.012), (0.01, 1.1), (-0.01, 1.1)]), fill)
    if kind == "collar":  # a high one, with a ribbon
        pair([(0, 0.9), (-wide - 0.008, 0.872), (-wide - 0.014, 0.925), (0, 0.962)], lit(cloth, 0.3), cloth)
        pair(curve([(0, 0.96), (-0.05, 0.945), (-0.07, 0.985), (-0.01, 0.98)], closed=True), trim, trim)
        pair(curve([(0, 0.965), (-0.035, 1.0), (-0.05, 1.05), (-0.01, 1.05)], closed=True), trim, trim)
    elif kind == "sailor":
        pair([(-low + 0.03, 0.9), (-0.19, 0.94), (-0.2, 1.05), (0, 1.08), (0, 1.02)], trim, trim)
        for stripe in both(curve([(-0.155, 0.938), (-0.16, 0.99), (-0.09, 1.03)])):
            canvas.line(stripe, WHITE, 0.006, even=True)
    elif kind == "hood":
        roll = [(-wide + 0.005, 0.885), (-0.17, 0.905), (-0.2, 0.95), (-0.14, 1.0), (-0.02, 1.06), (0, 1.02),
                (-0.07, 0.965)]  # fmt: skip
        pair(curve(roll, closed=True), canvas.gradient((0.88, lit(cloth, 0.2)), (1, shadowed(cloth, 0.1))), cloth)
        for cord in both(curve([(-0.055, 0.985), (-0.06, 1.02), (-0.055, 1.06)])):
            canvas.line(cord, trim, 0.009, even=True)
    else:
        shirt = cloth if kind == "shirt" else SHIRT
        if kind == "blazer":  # over the shirt
            pair([(-low + 0.015, 0.905), (-0.12, 0.94), (0, 1.1), (0, 1.02)], shirt, shirt)
            pair([(-low - 0.01, 0.918), (-0.17, 0.95), (-0.1, 1.1), (-0.04, 1.1)], lit(cloth, 0.1), cloth)
        pair([(-0.022, 0.96), (0, 0.95), (0, 1.1), (-0.03, 1.1)], trim, trim)
        pair([(-wide - 0.004, 0.875), (-wide - 0.03, 0.93), (-0.068, 1.02), (-0.008, 0.96), (-0.055, 0.925)],
             lit(shirt, 0.5), shirt)  # fmt: skip


def _face(canvas: Canvas, look: Look, style: Style, locks: list[DrawnLock]) -> None:
    """Ears, and the face with its shadows and blush."""
    skin, man = look.skin, look.man
    dark, line = shadowed(skin, 0.14), shadowed(skin, 0.45)
    if style.ears:
        ear = [(-0.2, 0.54), (-0.232, 0.535), (-0.244, 0.57), (-0.232, 0.63), (-0.214, 0.665), (-0.195, 0.65)]
        hollow = curve([(-0.228, 0.555), (-0.218, 0.58), (-0.224, 0.61), (-0.21, 0.635)])
        for outline, inner in zip(both(curve(ear, closed=True)), both(hollow), strict=True):
            canvas.shape(outline, skin, line)
            canvas.fill(inner, dark)
            canvas.line(inner, shadowed(skin, 0.32), 0.004)
    half = [(0, 0.22), (-0.15, 0.26), (-0.207, 0.4), (-0.207, 0.54), (-0.199, 0.645),
            (-0.168 - 0.01 * man, 0.74), (-0.105 - 0.01 * man, look.chin - 0.058),
            (-0.042 - 0.008 * man, look.chin - 0.008), (0, look.chin)]  # fmt: skip
    outline = symmetric(half)
    canvas.fill(outline, skin)
    face = canvas.mask([outline])
    # The light comes from the upper left: the right cheek turns away from it.
    away = [(0.22, 0.4), (0.183, 0.58), (0.176, 0.68), (0.13, 0.775), (0.05, look.chin - 0.012), (0, look.chin + 0.02),
            (0.2, 0.88), (0.3, 0.6)]  # fmt: skip
    canvas.fill(curve(away, closed=True), dark, 0.9, 0.002, face)
    cast = canvas.mask([ribbon(left, right) for _, left, right in locks], 0.0015, (0.008, 0.026))
    cap = canvas.mask([symmetric([(0, 0.2), (-0.24, 0.22), (-0.205, 0.42), (-0.12, 0.36), (0, 0.33)])], 0.003)
    canvas.image.paste(dark, mask=ImageChops.multiply(face, ImageChops.lighter(cast, cap)))
    for x in (-0.128, 0.128):
        canvas.fill(oval((x, 0.672), 0.048, 0.022), BLUSH, 0.34 - 0.16 * man, 0.016, face)
    canvas.line(np.concatenate([outline, outline[:1]]), line, 0.004, even=True)


def _eye(canvas: Canvas, look: Look, flip: bool) -> None:
    """White, iris, pupil, lights, lids and lashes of the left eye, or mirrored of the right one."""
    ex, ey = EYE
    a, h, man = EYE_HALF, look.eye_height, look.man

    def at(*points: Point) -> Path:
        """Points in half widths outwards (negative) and heights, on the picture."""
        path = np.array([(ex + x * a, ey + y * h) for x, y in points])
        return mirrored(path) if flip else path

    upper = ((0.92, 0.2), (0.68, -0.22), (0.2, -0.47), (-0.38, -0.45), (-0.8, -0.16), (-1.0, 0.16))
    lower = ((-0.8, 0.4), (-0.3, 0.53), (0.3, 0.52), (0.75, 0.38))
    opening = np.concatenate([curve(at(*upper)), curve(at(upper[-1], *lower, upper[0]))[1:-1]])
    inside = canvas.mask([opening])
    canvas.fill(opening, (252, 250, 250))

    x, y = ex * (-1 if flip else 1) + look.gaze[0], ey + 0.03 * h + look.gaze[1]
    rx, ry = 0.0395 - 0.005 * man, 0.53 * h + 0.004 * man
    eyes = look.eyes
    iris = canvas.gradient((y - ry, shadowed(eyes, 0.62)), (y - 0.1 * ry, shadowed(eyes, 0.2)),
                           (y + 0.5 * ry, lit(eyes, 0.3)), (y + ry, lit(eyes, 0.5)))  # fmt: skip
    canvas.fill(oval((x, y), rx, ry), shadowed(eyes, 0.62), within=inside)
    canvas.fill(oval((x, y), 0.86 * rx, 0.88 * ry), iris, within=inside)
    canvas.fill(oval((x, y + 0.58 * ry), 0.55 * rx, 0.26 * ry), lit(eyes, 0.62), 0.75, 0.003, inside)
    canvas.fill(oval((x, y - 0.02 * ry), 0.4 * rx, 0.42 * ry), shadowed(eyes, 0.78), blur=0.001, within=inside)
    lid = curve(at(*upper))
    canvas.fill(ribbon(lid, lid + np.array([0, 0.2 * h])), (70, 50, 80), 0.5, 0.002, inside)  # the lid's shadow
    canvas.fill(oval((x - 0.4 * rx, y - 0.42 * ry), 0.3 * rx, 0.24 * ry), WHITE, within=inside)
    canvas.fill(oval((x + 0.42 * rx, y + 0.42 * ry), 0.15 * rx, 0.13 * ry), WHITE, 0.9, within=inside)

    ink = mix(LASH, shadowed(look.hair, 0.6), 0.35)
    thick = 1 - 0.3 * man
    over = ((-1.2, 0.04), (-0.9, -0.34 * thick), (-0.42, -0.5 - 0.14 * thick), (0.2, -0.5 - 0.1 * thick), (0.7, -0.29))
    canvas.fill(np.concatenate([curve(at(*upper)), curve(at(upper[-1], *over, upper[0]))[1:-1]]), ink)
    if man < 0.5:
        for root, tip in (((-0.9, -0.1), (-1.32, -0.12)), ((-0.75, -0.3), (-1.18, -0.42)), ((-1, 0.1), (-1.26, 0.2))):
            canvas.fill(at((root[0] + 0.12, root[1] - 0.1), tip, (root[0] - 0.02, root[1] + 0.12)), ink)
    canvas.line(curve(at((-0.92, 0.3), *lower[:3])), mix(ink, look.skin, 0.25), 0.0042)
    crease = curve(at((-1.02, -0.42), (-0.5, -0.82), (0.2, -0.86), (0.72, -0.6)))
    canvas.line(crease + np.array([0, 0.012 * man]), shadowed(look.skin, 0.36), 0.004)


def _brow(canvas: Canvas, look: Look, flip: bool) -> None:
    """An eyebrow, seen through the fringe."""
    x, y = EYE
    y -= 0.068 + 0.3 * look.eye_height - 0.012 * look.man
    rise = look.brow
    spine = curve([(x + 0.064, y - rise), (x + 0.015, y - 0.007 - 0.3 * rise), (x - 0.04, y - 0.004 + 0.3 * rise),
                   (x - 0.078, y + 0.016 + rise)])  # fmt: skip
    left, right = edges(mirrored(spine) if flip else spine, 0.01 + 0.006 * look.man, 0.45)
    canvas.fill(ribbon(left, right), shadowed(look.hair, 0.48), 0.85)


def _nose(canvas: Canvas, look: Look) -> None:
    """The shadow beside the nose, its tip, and a light on it."""
    x, y = NOSE
    side = np.array([(x + 0.003, y - 0.045 - 0.02 * look.man), (x + 0.019, y), (x + 0.002, y + 0.004)])
    canvas.fill(side, shadowed(look.skin, 0.17), 0.9, 0.001)
    under = curve([(x - 0.01, y + 0.003), (x, y + 0.009), (x + 0.013, y + 0.003)])
    canvas.line(under, shadowed(look.skin, 0.42), 0.0045)
    canvas.fill(oval((x - 0.003, y - 0.016), 0.005, 0.008), lit(look.skin, 0.8), 0.9, 0.002)


def _mouth_half(look: Look) -> float:
    return 0.05 + 0.008 * look.smile + 0.006 * look.man


def _mouth(canvas: Canvas, look: Look) -> None:
    """A line, or an opening with teeth and tongue, and the shade under the lower lip."""
    x, y = MOUTH
    half, rise = _mouth_half(look), 0.02 * look.smile
    line = mix(shadowed(look.skin, 0.6), LIP, 0.2)
    corner, top_y = y - 0.3 * rise, y + 0.5 * rise
    low = top_y + 0.06 * look.opened
    top = curve([(-half, corner), (-0.4 * half, top_y), (0, top_y), (0.4 * half, top_y), (half, corner)])
    if look.opened:
        bottom = curve([(half, corner), (0.66 * half, low - 0.012), (0, low), (-0.66 * half, low - 0.012),
                        (-half, corner)])  # fmt: skip
        opening = np.concatenate([top, bottom[1:-1]])
        inside = canvas.mask([opening])
        canvas.fill(opening, (150, 58, 66))
        canvas.fill(oval((x, low - 0.004), 0.6 * half, 0.4 * (low - y)), (232, 128, 122), within=inside)
        canvas.fill(oval((x, y + 0.2 * rise), 0.75 * half, 0.2 * (low - y) + 0.006), (255, 250, 246), within=inside)
        canvas.line(bottom, line, 0.004)
    elif look.man < 0.5:
        canvas.fill(oval((x, top_y + 0.007), 0.4 * half, 0.007), LIP, 0.4, 0.003)
    canvas.line(top, line, 0.0062)
    canvas.fill(oval((x + 0.003, low + 0.024), 0.024, 0.0055), shadowed(look.skin, 0.2), 0.7, 0.002)


def _front_hair(canvas: Canvas, look: Look, style: Style, locks: list[DrawnLock], fill: Image.Image) -> None:
    """The cap over the head, locks beside the face and the fringe."""
    base, line = look.hair, shadowed(look.hair, 0.55)
    for lock in _locks(style.sides, style.waves):
        _lock(canvas, fill, base, lock)
    for degrees, length in style.top:
        angle = math.radians(degrees)
        places = ((0.14, 0.2), (0.236, 0.5), (0.258, 0.8), (0.26 + length, 1.08))
        spine = _spine([(r * math.sin(share * angle), 0.36 - r * math.cos(share * angle)) for r, share in places])
        _lock(canvas, fill, base, (spine, *edges(spine, 0.11, 0.7)))
    angles = np.linspace(-1.75, 1.75, 40)
    outer = np.stack([0.252 * np.sin(angles), 0.36 - 0.262 * np.cos(angles)], axis=1)
    inner = curve([(0.205, 0.42), (0.14, 0.3), (style.part, 0.22), (-0.14, 0.3), (-0.205, 0.42)])
    canvas.fill(np.concatenate([outer, inner]), fill)
    if not style.top:
        canvas.line(outer, line, 0.0045)
    for lock in locks:
        _lock(canvas, fill, base, lock)


def main() -> None:
    """Write every look as PNG."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=File)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for look in LOOKS:
        draw_face(look, options.side)[0].save(options.folder / f"{look.name}.png", optimize=True)


if __name__ == "__main__":
    main()
