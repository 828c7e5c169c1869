"""A translated head put back into its picture: along its outline, in the light, the colours and the grain around it.

What is replaced is the head of the crop and that of the result together. Between them lies what the network made of the
background: it takes the colours of the real one, whose difference is carried inwards from around the heads.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Similarity, extent, scaling
from anime2real.face.heads import head_masks
from anime2real.image.guided_filter import box_mean

Pixels = NDArray[np.uint8]
Plane = NDArray[np.floating[Any]]

FEATHER: Final = 1 / 8
"""Width over which a result fades at the edges of its crop, beyond which it knows nothing; shares of the side."""

SOFT: Final = 1 / 128
"""Blur of the heads' outline, shares of the side."""

REACH: Final = 1 / 12
"""How far colours of the background are carried, shares of the side."""

SMALL: Final = 64
"""Pixels a side at which they are."""

LIGHT: Final = 8.0
"""Levels by which the head follows the light around it at most."""

MIDDLE: Final = (slice(7, 12), slice(6, 10))
"""Rows and columns, in sixteenths of a crop, of eyes, nose and mouth: where a mask leaves them out, it is none."""

BRIGHT: Final = 210.0
"""Where the brightest hundredth of a picture is darker than this, in levels, results are dimmed in proportion …"""

DARKEST: Final = 0.3
"""… to this share of their light at most."""

COLOURLESS: Final = 6.0
"""Levels by which the colours of a black-and-white or toned picture stray from its tone at most."""

BAND: Final = 64
"""Rows to which grain is added at once."""

MOST_GRAIN: Final = 10.0
"""Standard deviation, in levels, of the strongest grain that is added."""


def paste_head(image: Image.Image, crop: Pixels, result: Pixels, to_unit: Similarity) -> Image.Image:
    """A copy of a picture with the head of a crop replaced by its translation.

    Args:
        image: RGB.
        crop: (S, S, 3), as it was cut out.
        result: (S, S, 3), its translation.
        to_unit: from px of the picture to the unit square of the crop.
    """
    side = len(crop)
    before, after = head_masks(np.stack([crop, result]))
    middle = tuple(slice(side * part.start // 16, side * part.stop // 16) for part in MIDDLE)
    if min(before[middle].mean(), after[middle].mean()) < 0.5:
        before, after = np.ones_like(before), np.ones_like(after)  # the square is put back
    heads = np.maximum(before, after)
    opacity = np.minimum(_blurred(heads, SOFT * side), _fading(side))
    dimmed = result.astype(np.float32) * _dimming(image)
    matched = _toned(crop, _lit(crop.astype(np.float32), dimmed, heads, after))
    place = to_unit.then(scaling(side))
    left, top, right, bottom = extent(place.inverse, side, image.size, margin=1.0)
    back = Similarity(1 + 0j, complex(left, top)).then(place)
    size = (right - left, bottom - top)
    warped, cover = (_warped(part, back, size) for part in (_to_pixels(matched), _to_pixels(opacity * 255)))
    around = image.crop((left, top, right, bottom))
    grained = _grained(np.asarray(warped), np.asarray(around), np.asarray(cover, np.float32) / 255)
    copy = image.copy()
    copy.paste(Image.fromarray(grained), (left, top), cover)
    return copy


def _dimming(image: Image.Image) -> float:
    """The share of its light that a result keeps in a picture: networks draw all faces as if by day."""
    brightest = float(np.quantile(np.asarray(image.resize((64, 64), Image.Resampling.BOX).convert("L")), 0.99))
    return min(1.0, max(DARKEST, brightest / BRIGHT))


def _lit(crop: Plane, result: Plane, heads: Plane, head: Plane) -> Plane:
    """The result in the light of the crop, (S, S, 3).

    Args:
        crop, result: (S, S, 3), levels.
        heads: (S, S), the heads of both.
        head: (S, S), that of the result.
    """
    outside = 1 - heads
    if outside.mean() < 0.01:
        return result
    away = (crop - result) * outside[..., None]
    light = np.clip(away.sum((0, 1)) / outside.sum(), -LIGHT, LIGHT)
    small = [_resized(plane, SMALL) for plane in (outside, *away.transpose(2, 0, 1))]
    known, *blurred = _blurred(np.stack(small), REACH * SMALL)
    carried = np.stack([_resized(plane / np.maximum(known, 1e-3), len(crop)) for plane in blurred], -1)
    trust = _resized(np.minimum(1, known * 10), len(crop))[..., None]
    head = head[..., None]
    return np.asarray(result + (1 - head) * (trust * carried + (1 - trust) * light) + head * light / 2)


def _toned(crop: Pixels, result: Plane) -> Plane:
    """The result without colours, or in the tone of the crop, as of sepia, if the crop has no others."""
    levels = crop[::3, ::3].astype(np.float64).reshape(-1, 3)
    grey = levels.mean(-1)
    # The tone is what each channel is of the grey, a straight line.
    spread = float(grey.var()) + 1  # of a crop of one colour, the slope is that of grey
    slope = 1 + (grey - grey.mean()) @ (levels - levels.mean(0) - (grey - grey.mean())[:, None]) / len(grey) / spread
    offset = levels.mean(0) - slope * grey.mean()
    if np.quantile(abs(grey[:, None] * slope + offset - levels).max(-1), 0.98) > COLOURLESS:
        return result
    return np.asarray((result @ np.array([0.299, 0.587, 0.114]))[..., None] * slope + offset)


def _grained(result: Pixels, around: Pixels, cover: Plane) -> Pixels:
    """The result with as much grain as there is around it, the same each time.

    Args:
        result, around: (H, W, 3).
        cover: (H, W) in [0, 1], where the result goes.
    """
    outside, inside = cover < 0.05, cover > 0.95
    if min(outside.sum(), inside.sum()) < 500:
        return result
    wanted, there = grain(around, outside), grain(result, inside)
    more = float(np.sqrt(max(0.0, wanted**2 - there**2)))
    if more < 0.7:
        return result
    random, grained = np.random.default_rng(0), np.empty_like(result)
    for top in range(0, len(result), BAND):  # all at once takes twice the time, and gigabytes where heads are large
        band = result[top : top + BAND]
        noise = random.normal(0, min(more, MOST_GRAIN), band.shape[:2])
        grained[top : top + BAND] = _to_pixels_of(band + noise[..., None])
    return grained


def grain(picture: Pixels, where: NDArray[np.bool_]) -> float:
    """The standard deviation of the grain of a picture, (H, W, 3), in levels, read off its flat places.

    Immerkær, "Fast noise variance estimation", 1996, with the median in place of the mean, which edges do not move.
    """
    grey = picture.astype(np.float32).mean(-1)
    down = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    both = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
    return float(np.median(abs(both[where[1:-1, 1:-1]])) / 0.6745 / 6)


def _fading(side: int) -> Plane:
    """1 in the middle of a square, 0 at its edges, smooth between."""
    places = np.arange(side)
    steps = (np.minimum(places, side - 1 - places) / (side * FEATHER)).clip(0, 1)
    ramp = steps * steps * (3 - 2 * steps)
    return np.asarray(np.minimum(ramp[:, None], ramp[None]))


def _blurred(planes: Plane, sigma: float) -> Plane:
    """Planes (…, H, W), blurred by two boxes, nearly a Gaussian of a standard deviation in px."""
    radius = max(1, round(1.22 * sigma))
    return box_mean(box_mean(np.asarray(planes, np.float64), radius), radius)


def _resized(plane: Plane, side: int) -> Plane:
    """A plane (S, S) at another size."""
    image = Image.fromarray(plane.astype(np.float32))
    smaller = side < image.width
    return np.asarray(image.resize((side, side), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR))


def _warped(part: Image.Image, back: Similarity, size: tuple[int, int]) -> Image.Image:
    """A crop as it lies in a part of the picture; bicubic by many times would show its pixels."""
    enlarged = int(1.0 / back.scale)
    if enlarged >= 2:
        part = part.resize((part.width * enlarged, part.height * enlarged), Image.Resampling.LANCZOS)
        back = back.then(scaling(enlarged))
    matrix = tuple(back.matrix().flatten())
    return part.transform(size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BICUBIC)


def _to_pixels(levels: Plane) -> Image.Image:
    return Image.fromarray(_to_pixels_of(levels))


def _to_pixels_of(levels: Plane) -> Pixels:
    return np.asarray(np.rint(levels).clip(0, 255), np.uint8)
