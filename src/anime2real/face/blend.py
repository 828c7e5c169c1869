"""A translated head in the light and the tone of its crop, and around it what the crop shows around its own head.

Where the result has no head and the crop had one, as beside a narrower chin, the network made a background. If it has
the colours of the result's ground, the colours around both heads spread there, as in `face.fill`; else, as where it is
hair that the mask missed, or a neck, it takes the light of the background, whose difference is carried inwards.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from anime2real.face.fill import LEAST, pull_push
from anime2real.image.guided_filter import box_mean

Plane = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]

SOFT: Final = 1 / 128
"""Blur of the heads' outline, shares of the side."""

REACH: Final = 1 / 12
"""How far the difference of backgrounds is carried, shares of the side."""

BINS: Final = 16
"""Of each channel, for the colours of the ground and of the head."""

SMALL: Final = 64
"""Pixels a side at which light is measured and colours spread; a power of two. Colours are told apart at twice."""

MARGIN: Final = 5
"""Of these, the window whose most of a head decides: strands beside a mask are no surroundings."""

LIGHT: Final = 8.0
"""Levels by which the head follows the light around it at most."""

COLOURLESS: Final = 6.0
"""Levels by which the colours of a black-and-white or toned picture stray from its tone at most."""


def blended(
    crop: Image.Image,
    result: Image.Image,
    before: Image.Image,
    after: Image.Image,
    alpha: Image.Image | None = None,
) -> tuple[Image.Image, Image.Image, Image.Image | None]:
    """The result as it is to be pasted, how far it is to cover the picture, and how opaque it is to be there.

    Args:
        crop, result: RGB, (S, S).
        before, after: L, (S, S), where they show the head.
        alpha: L, (S, S), how opaque the crop is; None if it is everywhere, and so will the result be.
    """
    heads = ImageChops.lighter(before, after)
    beside = 1 - _plane(heads, SMALL)
    if beside.mean() >= 0.01:
        result, gone, ground = _lit(crop, result, before, after, beside)
        heads = ImageChops.lighter(heads, gone)
        if alpha is not None:
            alpha = ImageChops.invert(ImageChops.multiply(ground, ImageChops.invert(_ground_alpha(alpha, beside))))
    return _toned(crop, result), heads.filter(ImageFilter.GaussianBlur(SOFT * crop.width)), alpha


def _ground_alpha(alpha: Image.Image, beside: Plane) -> Image.Image:
    """How opaque a crop is without heads, L: where they are, it is as around them."""
    levels = Image.merge("RGB", [alpha] * 3)
    return _surroundings(levels, np.asarray(_smaller(levels, SMALL), np.float32), beside).getchannel(0)


def _lit(
    crop: Image.Image, result: Image.Image, before: Image.Image, after: Image.Image, beside: Plane
) -> tuple[Image.Image, Image.Image, Image.Image]:
    """The result in the light of the crop; how surely what the crop's head left bare is to be covered, L; and how far
    what is around the crop's head shows in the result, L."""
    size, head = crop.size, _plane(after, SMALL)
    near, made = (np.asarray(_smaller(picture, SMALL), np.float32) for picture in (crop, result))
    away = (near - made) * beside[..., None]
    light = np.clip(away.sum((0, 1)) / beside.sum(), -LIGHT, LIGHT)
    known, *blurred = _blurred(np.stack([beside, *away.transpose(2, 0, 1)]), REACH * SMALL)
    trust = np.minimum(1, known * 10)[..., None]
    away = trust * np.stack(blurred, -1) / np.maximum(known, 1e-3)[..., None] + (1 - trust) * light
    there = _image(away + 128).resize(size, BILINEAR)
    carried = ImageChops.add(result, there, 1, -128)
    ground, closed = _ground(result, after, beside), _enlarged(_without_holes(head), 2 * SMALL)
    sure = closed * (1 - ground) / (closed * (1 - ground) + (1 - closed) * ground + 1e-6)  # Bayes
    bare = _image(ground * (1 - sure) * 255).resize(size, BILINEAR)
    around = Image.composite(_surroundings(crop, near, beside), carried, bare)
    lit = result.point([level for more in light for level in level_table(np.arange(256) + more / 2)])
    kept = ImageChops.darker(after, _image(sure * 255).resize(size, BILINEAR))
    lost = _dilated((2 * (_plane(before, 2 * SMALL) - _plane(after, 2 * SMALL)) - 1).clip(0), MARGIN)
    gone = ImageChops.multiply(_image(lost * 255).resize(size, BILINEAR), bare)
    return Image.composite(lit, around, kept), gone, ImageChops.multiply(bare, ImageChops.invert(kept))


def _ground(result: Image.Image, head: Image.Image, beside: Plane) -> Plane:
    """How surely the colours of a result are its ground's and not its head's, in [0, 1], twice `SMALL` a side.

    Masks miss strands of drawn hair, and know no necks: these have the colours of heads.

    Args:
        result: RGB.
        head: L, where it shows the head.
        beside: (SMALL, SMALL), where there is no head before or after.
    """
    side = 2 * SMALL
    red, green, blue = (np.asarray(band).ravel() // (256 // BINS) for band in _smaller(result, side).split())
    bins = (red.astype(np.int64) * BINS + green) * BINS + blue
    shares = []
    for weights in (_enlarged(beside, side), _plane(head, side)):
        counts = np.bincount(bins, weights.ravel(), BINS**3).astype(np.float32)
        shares.append(counts / max(counts.sum(), 1.0) + 1e-6)
    odds = (shares[0] / (shares[0] + shares[1]))[bins].reshape(side, side)
    both = _blurred(odds, SOFT * side)  # neighbours agree: their odds are squared
    return np.asarray(both**2 / (both**2 + (1 - both) ** 2))


def _without_holes(mask: Plane) -> Plane:
    """A mask (H, W) whose holes are closed, as a strand that was not seen makes one: what is not seen from an edge."""
    sides = [np.maximum.accumulate(turned, axis) for axis in (0, 1) for turned in (mask, np.flip(mask, axis))]
    return np.asarray(np.minimum.reduce([sides[0], np.flip(sides[1], 0), sides[2], np.flip(sides[3], 1)]))


def _surroundings(crop: Image.Image, near: NDArray[np.float32], beside: Plane) -> Image.Image:
    """The crop without heads: where they are, the colours around them, spread inwards.

    Args:
        crop: RGB.
        near: it, (SMALL, SMALL, 3).
        beside: (SMALL, SMALL), where there are no heads.
    """
    known = (1 - _dilated(1 - beside, MARGIN)).clip(LEAST, 1)
    spread, there = _image(pull_push(near, known[..., None])), _image(known * 255)
    return Image.composite(crop, spread.resize(crop.size, BILINEAR), there.resize(crop.size, BILINEAR))


def _toned(crop: Image.Image, result: Image.Image) -> Image.Image:
    """The result without colours, or in the tone of the crop, as of sepia, if the crop has no others."""
    levels = np.asarray(crop)[::3, ::3].astype(np.float32).reshape(-1, 3)
    grey = levels @ np.full(3, 1 / 3, np.float32)
    # The tone is what each channel is of the grey, a straight line.
    spread = float(grey.var()) + 1  # of a crop of one colour, the slope is that of grey
    middle = levels.mean(0)
    slope = 1 + (grey - grey.mean()) @ (levels - middle - (grey - grey.mean())[:, None]) / len(grey) / spread
    offset = middle - slope * grey.mean()
    strays = np.maximum.reduce([abs(grey * slope[c] + offset[c] - levels[:, c]) for c in range(3)])
    if (strays > COLOURLESS).mean() > 0.02:
        return result
    lines = zip(slope.tolist(), offset.tolist(), strict=True)
    plain = Image.merge("RGB", [result.convert("L")] * 3)
    return plain.point([level for m, b in lines for level in level_table(np.arange(256) * m + b)])


def level_table(levels: Plane) -> list[int]:
    """What `Image.point` makes of each of 256 levels, rounded."""
    table: list[int] = np.rint(levels).clip(0, 255).astype(int).tolist()
    return table


BOX: Final = Image.Resampling.BOX
BILINEAR: Final = Image.Resampling.BILINEAR


def _image(levels: Plane) -> Image.Image:
    """L or RGB of levels, (H, W) or (H, W, 3)."""
    return Image.fromarray(np.asarray((levels + 0.5).clip(0, 255), np.uint8))


def _plane(mask: Image.Image, side: int) -> Plane:
    """A mask, L, as shares of 1 at another size."""
    sized = _smaller(mask, side) if side < mask.width else mask.resize((side, side), BILINEAR)
    return np.asarray(sized, np.float32) / 255


def _enlarged(plane: Plane, side: int) -> Plane:
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize((side, side), BILINEAR))


def _smaller(picture: Image.Image, side: int) -> Image.Image:
    """A square picture, whole blocks of it first, which takes Pillow a quarter of the time."""
    return picture.resize((side, side), BOX, reducing_gap=1.0)


def _blurred(planes: Plane, sigma: float) -> Plane:
    """Planes (…, H, W), blurred by two boxes, nearly a Gaussian of a standard deviation in px."""
    radius = max(1, round(1.22 * sigma))
    return box_mean(box_mean(planes, radius), radius)


def _dilated(mask: Plane, window: int) -> Plane:
    """The most of each window of a mask (H, W): Pillow's filter takes forty times as long."""
    reach, (height, width) = window // 2, mask.shape
    tall = np.pad(mask, ((reach, reach), (0, 0)), "edge")
    rows = np.maximum.reduce([tall[at : at + height] for at in range(window)])
    wide = np.pad(rows, ((0, 0), (reach, reach)), "edge")
    return np.asarray(np.maximum.reduce([wide[:, at : at + width] for at in range(window)]))
