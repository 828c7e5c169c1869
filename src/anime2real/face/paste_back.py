"""A translated head put back into its picture: along its outline, in the light, the colours and the grain around it.

What is replaced is the head of the crop and that of the result together. Where the result has no head and the crop
had one, as beside a narrower chin, the colours around both spread inwards, as `face.fill` has it.
"""

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from anime2real.face.fill import LEAST, pull_push
from anime2real.face.geometry import Similarity, extent, scaling
from anime2real.face.heads import head_masks
from anime2real.image.guided_filter import box_mean

Pixels = NDArray[np.uint8]
Plane = NDArray[np.floating[Any]]
Planes = NDArray[np.float32]

FEATHER: Final = 1 / 8
"""Width over which a result fades at the edges of its crop, beyond which it knows nothing; shares of the side."""

SOFT: Final = 1 / 128
"""Blur of the heads' outline, shares of the side."""

REACH: Final = 1 / 12
"""How far the difference of backgrounds is carried, shares of the side."""

BINS: Final = 32
"""Of each channel, for the colours of the ground and of the head."""

SMALL: Final = 64
"""Pixels a side at which colours spread behind a head that is gone; a power of two."""

MARGIN: Final = 5
"""Of these, the window whose most of a head decides: strands beside a mask are no surroundings."""

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

NOISE: Final = 256
"""Pixels a side of the grain, which recurs."""

MOST_GRAIN: Final = 10.0
"""Standard deviation, in levels, of the strongest grain that is added."""


def paste_head(
    image: Image.Image, crop: Pixels, result: Pixels, to_unit: Similarity, masks: Planes | None = None
) -> Image.Image:
    """A copy of a picture with the head of a crop replaced by its translation.

    Args:
        image: RGB.
        crop: (S, S, 3), as it was cut out.
        result: (S, S, 3), its translation.
        to_unit: from px of the picture to the unit square of the crop.
        masks: (2, S, S), where both show the head, if that is known already.
    """
    side = len(crop)
    before, after = whole_heads(head_masks(np.stack([crop, result])) if masks is None else masks)
    heads = np.maximum(before, after)
    dimmed = result.astype(np.float32) * np.float32(_dimming(image))
    lit, bare = _lit(crop.astype(np.float32), dimmed, before, after)
    matched = _toned(crop, lit)
    opacity = _to_pixels(np.maximum(heads, bare) * 255).filter(ImageFilter.GaussianBlur(SOFT * side))
    place = to_unit.then(scaling(side))
    left, top, right, bottom = extent(place.inverse, side, image.size, margin=1.0)
    back = Similarity(1 + 0j, complex(left, top)).then(place)
    size = (right - left, bottom - top)
    warped = _warped(_to_pixels(matched), back, size, Image.Resampling.BICUBIC)
    cover = _warped(ImageChops.darker(opacity, _fading(side)), back, size, Image.Resampling.BILINEAR)
    grained = _grained(np.asarray(warped), np.asarray(image.crop((left, top, right, bottom))), np.asarray(cover))
    copy = image.copy()
    copy.paste(Image.fromarray(grained), (left, top), cover)
    return copy


def whole_heads(masks: Planes) -> Planes:
    """Masks (2, S, S) of a crop and its result, or of everything, where eyes, nose and mouth are left out of one."""
    side = masks.shape[-1]
    rows, columns = (slice(side * part.start // 16, side * part.stop // 16) for part in MIDDLE)
    unsure = min(mask[rows, columns].mean() for mask in masks) < 0.5
    return np.ones_like(masks) if unsure else masks  # the square is put back


def _dimming(image: Image.Image) -> float:
    """The share of its light that a result keeps in a picture: networks draw all faces as if by day."""
    brightest = float(np.quantile(np.asarray(image.resize((64, 64), Image.Resampling.BOX).convert("L")), 0.99))
    return min(1.0, max(DARKEST, brightest / BRIGHT))


def _lit(crop: Plane, result: Plane, before: Plane, after: Plane) -> tuple[Plane, Plane]:
    """The result in the light of the crop, (S, S, 3), and how surely nothing of either head is left, (S, S).

    Args:
        crop, result: (S, S, 3), levels.
        before, after: (S, S), where they show the head.
    """
    side, heads = len(crop), np.maximum(before, after)
    outside = 1 - heads
    if outside.mean() < 0.01:
        return result, heads
    near, made, beside, head = (_reduced(plane, SMALL) for plane in (crop, result, outside, after))
    away = (near - made) * beside[..., None]
    light = np.clip(away.sum((0, 1)) / beside.sum(), -LIGHT, LIGHT)
    known, *blurred = _blurred(np.stack([beside, *away.transpose(2, 0, 1)]), REACH * SMALL)
    carried = np.stack(blurred, -1) / np.maximum(known, 1e-3)[..., None]
    trust = np.minimum(1, known * 10)[..., None]
    away = trust * carried + (1 - trust) * light
    ground, closed = _ground(result, after, outside), _enlarged(_without_holes(head), side)
    sure = closed * (1 - ground) / (closed * (1 - ground) + (1 - closed) * ground + 1e-6)  # Bayes
    bare = (ground * (1 - sure))[..., None]
    around = (1 - bare) * (result + _enlarged(away, side)) + bare * _surroundings(crop, near, heads)
    sure = np.minimum(sure, after)[..., None]
    fringe = _dilated((2 * _reduced(before - after, 2 * SMALL) - 1).clip(0), MARGIN)
    return sure * (result + light / 2) + (1 - sure) * around, _enlarged(fringe, side) * bare[..., 0]


def _ground(result: Plane, head: Plane, outside: Plane) -> Plane:
    """How surely the colours of a result are its ground's and not its head's, (S, S) in [0, 1].

    Masks miss strands of drawn hair, and know no necks: these have the colours of heads.

    Args:
        result: (S, S, 3), levels.
        head: (S, S), where it shows the head.
        outside: (S, S), where there is no head before or after.
    """
    side = len(result)
    colours = _to_pixels_of(_reduced(result, side // 2)) // (256 // BINS)
    bins = (colours.astype(np.int64) @ (BINS * BINS, BINS, 1)).ravel()
    shares = []
    for weights in (outside, head):
        counts = np.bincount(bins, _reduced(weights, side // 2).ravel(), BINS**3).astype(np.float32)
        near = box_mean(box_mean(counts.reshape(BINS, BINS, BINS), 1).swapaxes(0, 1), 1).swapaxes(0, 1)
        shares.append(near / max(counts.sum(), 1.0) + 1e-6)
    ground = (shares[0] / (shares[0] + shares[1])).ravel()[bins].reshape(side // 2, side // 2)
    both = _blurred(ground, SOFT * side / 2)  # neighbours agree: their odds are squared
    return _enlarged(both**2 / (both**2 + (1 - both) ** 2), side)


def _without_holes(mask: Plane) -> Plane:
    """A mask (H, W) whose holes are closed, as a strand that was not seen makes one: what is not seen from an edge."""
    sides = [np.maximum.accumulate(turned, axis) for axis in (0, 1) for turned in (mask, np.flip(mask, axis))]
    return np.asarray(np.minimum.reduce([sides[0], np.flip(sides[1], 0), sides[2], np.flip(sides[3], 1)]))


def _surroundings(crop: Plane, near: Plane, heads: Plane) -> Plane:
    """The crop (S, S, 3) without its head: where heads (S, S) are, the colours around them, spread inwards.

    Args:
        crop: levels.
        near: it, reduced to `SMALL`.
        heads: those of the crop and of the result.
    """
    known = (1 - _dilated(_reduced(heads, SMALL), MARGIN)).clip(LEAST, 1)[..., None]
    spread = _enlarged(np.concatenate([pull_push(near, known), known], -1), len(crop))
    return np.asarray(spread[..., 3:] * crop + (1 - spread[..., 3:]) * spread[..., :3])


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


def _grained(result: Pixels, around: Pixels, cover: Pixels) -> Pixels:
    """The result with as much grain as there is around it, the same each time.

    Args:
        result, around: (H, W, 3).
        cover: (H, W), where the result goes.
    """
    outside, inside = cover < 12, cover > 242
    if min(outside.sum(), inside.sum()) < 500:
        return result
    wanted, there = grain(around, outside), grain(result, inside)
    more = float(np.sqrt(max(0.0, wanted**2 - there**2)))
    if more < 0.7:
        return result
    grained, noise = np.empty_like(result), _noise() * np.float32(min(more, MOST_GRAIN))
    height, width = cover.shape
    for top in range(0, height, NOISE):  # in bands: all at once takes gigabytes where heads are large
        band = result[top : top + NOISE].astype(np.float32)
        grained[top : top + NOISE] = _to_pixels_of(band + np.resize(noise.T, (width, NOISE)).T[: len(band), :, None])
    return grained


@cache
def _noise() -> Plane:
    """(NOISE, NOISE) of the normal distribution, always the same."""
    return np.random.default_rng(0).standard_normal((NOISE, NOISE), np.float32)


def grain(picture: Pixels, where: NDArray[np.bool_]) -> float:
    """The standard deviation of the grain of a picture, (H, W, 3), in levels, read off its flat places.

    Immerkær, "Fast noise variance estimation", 1996, with the median in place of the mean, which edges do not move.
    """
    step = max(1, len(picture) // 128)  # rows that are looked at

    def row(number: int) -> Plane:
        taken = picture[number : len(picture) - 2 + number : step]
        return np.asarray(taken.sum(-1, dtype=np.int16))

    down = row(0) - 2 * row(1) + row(2)
    both = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
    return float(np.median(abs(both[where[1:-1:step, 1:-1]])) / 0.6745 / 6 / 3)


@cache
def _fading(side: int) -> Image.Image:
    """White in the middle of a square, black at its edges, smooth between."""
    places = np.arange(side)
    steps = (np.minimum(places, side - 1 - places) / (side * FEATHER)).clip(0, 1)
    ramp = steps * steps * (3 - 2 * steps)
    return _to_pixels(np.minimum(ramp[:, None], ramp[None]) * 255)


def _blurred(planes: Plane, sigma: float) -> Plane:
    """Planes (…, H, W), blurred by two boxes, nearly a Gaussian of a standard deviation in px."""
    radius = max(1, round(1.22 * sigma))
    return box_mean(box_mean(planes, radius), radius)


def _dilated(mask: Plane, window: int) -> Plane:
    return np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(window)))


def _reduced(planes: Plane, side: int) -> Plane:
    """Planes, (S, S) or (S, S, K), at a smaller size, or as they are."""
    return _resized(planes, min(side, len(planes)), Image.Resampling.BOX)


def _enlarged(planes: Plane, side: int) -> Plane:
    """Planes, (S, S) or (S, S, K), at a larger size."""
    return _resized(planes, side, Image.Resampling.BILINEAR)


def _resized(planes: Plane, side: int, how: Image.Resampling) -> Plane:
    if planes.ndim == 3:
        return np.stack([_resized(plane, side, how) for plane in planes.transpose(2, 0, 1)], -1)
    return np.asarray(Image.fromarray(np.asarray(planes, np.float32)).resize((side, side), how))


def _warped(part: Image.Image, back: Similarity, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
    """A crop as it lies in a part of the picture; resampled to many times its size, it would show its pixels."""
    enlarged = int(1.0 / back.scale)
    if enlarged >= 2:
        part = part.resize((part.width * enlarged, part.height * enlarged), Image.Resampling.LANCZOS)
        back = back.then(scaling(enlarged))
    return part.transform(size, Image.Transform.AFFINE, tuple(back.matrix().flatten()), resample=how)


def _to_pixels(levels: Plane) -> Image.Image:
    return Image.fromarray(_to_pixels_of(levels))


def _to_pixels_of(levels: Plane) -> Pixels:
    return np.asarray(np.rint(levels).clip(0, 255), np.uint8)
