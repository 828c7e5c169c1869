"""A translated head put back into its picture: along its outline, in the light, the colours and the grain around it.

What is replaced is the head of the crop and that of the result together; `face.blend` says by what.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from anime2real.face.blend import blended, level_table
from anime2real.face.geometry import Similarity, Size, align, extent, scaling
from anime2real.face.heads import Masks, head_masks
from anime2real.image.picture import Light, Picture, light
from anime2real.image.warp import warped_with_mask

Pixels = NDArray[np.uint8]
AnyPicture = TypeVar("AnyPicture", bound=Picture)

FEATHER: Final = 1 / 8
"""Width over which a result fades at the edges of its crop, beyond which it knows nothing; shares of the side."""

MIDDLE: Final = (slice(7, 12), slice(6, 10))
"""Rows and columns, in sixteenths of a crop, of eyes, nose and mouth: where a mask leaves them out, it is none."""

BRIGHT: Final = 210.0
"""Where the brightest hundredth of a picture is darker than this, in levels, results are dimmed in proportion …"""

SEEN: Final = 64
"""Pixels a side of a picture whose light is looked at."""

DARKEST: Final = 0.3
"""… to this share of their light at most."""

_LEAST: Final = [0] * 4 + list(range(4, 256))
"""Of opacity: a hundredth changes nothing, and makes the part of the picture larger that is worked on."""

AROUND: Final = 3
"""Pixels of a crop around what is pasted: nothing of it shows at their edge, which goes on beyond."""

_AFFINE: Final = Image.Transform.AFFINE

NOISE: Final = 256
"""Pixels a side of the grain, which recurs."""

ROWS: Final = 96
"""Of a picture, at most, are looked at for its grain."""

LEAST_GRAIN: Final = 0.7
MOST_GRAIN: Final = 10.0
"""Standard deviation, in levels, of the weakest and the strongest grain that is added."""


@dataclass(frozen=True)
class Head:
    """A translated head, ready to be pasted.

    Attributes:
        made, opacity: RGB and L, the part of its crop that shows.
        corner: left and top of that part in the crop, px.
        side: S of the crop, px.
        alpha: L, how opaque that part is, if its picture is transparent somewhere.
    """

    made: Image.Image
    opacity: Image.Image
    corner: tuple[int, int]
    side: int
    alpha: Image.Image | None = None


def paste_head(
    image: AnyPicture, crop: Pixels, result: Pixels, to_unit: Similarity, masks: Masks | None = None
) -> AnyPicture:
    """A copy of a picture with the head of a crop replaced by its translation.

    Args:
        image: RGB, or RGBA, which becomes transparent where the head was, is no more, and nothing is around it.
        crop, result, masks: as of `head_of`.
        to_unit: from px of the picture to the unit square of the crop.
    """
    dim = dimming(image) if isinstance(image, Image.Image) else 1.0
    alpha = crop_alpha(image, to_unit, len(crop)) if isinstance(image, Image.Image) and image.mode == "RGBA" else None
    return with_head(image, head_of(crop, result, masks, dim, alpha), to_unit)


def crop_alpha(image: Image.Image, to_unit: Similarity, side: int) -> Image.Image:
    """How opaque a crop of a picture, RGBA, is: L, (side, side)."""
    return align(Image.merge("RGB", [image.getchannel("A")] * 3), to_unit, side).getchannel(0)


def head_of(
    crop: Pixels, result: Pixels, masks: Masks | None = None, dim: float = 1.0, alpha: Image.Image | None = None
) -> Head | None:
    """The head of a result in the light and the colours of its crop; None if nothing of it is to be seen.

    Args:
        crop: (S, S, 3), as it was cut out.
        result: (S, S, 3), its translation.
        masks: (2, S, S), where both show the head, if that is known already.
        dim: the share of its light that a result keeps (`dimming`).
        alpha: L, how opaque the crop is (`crop_alpha`), if its picture is transparent somewhere.
    """
    side = len(crop)
    masks = whole_heads(head_masks(np.stack([crop, result])) if masks is None else masks)
    before, after = (Image.fromarray(np.asarray(mask * 255 + 0.5, np.uint8)) for mask in masks)
    dimmed = Image.fromarray(result)
    if dim < 1:
        dimmed = dimmed.point(level_table(np.arange(256) * dim) * 3)
    made, opacity, alpha = blended(Image.fromarray(crop), dimmed, before, after, alpha)
    opacity = ImageChops.darker(opacity, _fading(side)).point(_LEAST)
    seen = opacity.getbbox()
    if seen is None:
        return None
    seen = max(0, seen[0] - AROUND), max(0, seen[1] - AROUND), min(side, seen[2] + AROUND), min(side, seen[3] + AROUND)
    return Head(made.crop(seen), opacity.crop(seen), seen[:2], side, alpha and alpha.crop(seen))


def with_head(image: AnyPicture, head: Head | None, to_unit: Similarity) -> AnyPicture:
    """A copy of a picture, RGB or RGBA, with a head pasted in; `to_unit` is from its px to the crop's unit square."""
    copy = image.copy()
    if head is None:
        return copy
    x, y = head.corner
    place = to_unit.then(scaling(head.side)).then(Similarity(1 + 0j, complex(-x, -y)))
    left, top, right, bottom = extent(place.inverse, head.made.size, image.size, margin=1.0)
    back = Similarity(1 + 0j, complex(left, top)).then(place)
    size = (right - left, bottom - top)
    placed, cover = _placed(head.made, head.opacity, back, size)
    grained = _grained(placed, light(image, (left, top, right, bottom)), np.asarray(cover))
    if isinstance(copy, Image.Image) and copy.mode == "RGBA":
        alpha = Image.new("L", head.made.size, 255) if head.alpha is None else head.alpha
        placed, _ = _placed(Image.merge("RGB", [alpha] * 3), head.opacity, back, size)
        under = copy.crop((left, top, right, bottom))
        copy.paste(_over(under, grained, placed.getchannel(0), cover), (left, top))
    else:
        copy.paste(grained, (left, top), cover)
    return copy


def _over(under: Image.Image, made: Image.Image, alpha: Image.Image, cover: Image.Image) -> Image.Image:
    """A picture, RGBA, part of which is exchanged for another: each counts as far as it is opaque.

    Args:
        under: the picture.
        made, alpha: RGB and L, the other one.
        cover: L, how far it is exchanged.
    """
    opaque = Image.composite(alpha, under.getchannel("A"), cover)
    levels = [np.asarray(one, np.float32) for one in (cover, alpha, opaque)]
    share = levels[0] * levels[1] / np.maximum(levels[2], 1)  # of what is seen
    colours = Image.composite(made, under.convert("RGB"), Image.fromarray(np.rint(share).clip(0, 255).astype(np.uint8)))
    colours.putalpha(opaque)
    return colours


def whole_heads(masks: Masks) -> Masks:
    """Masks (2, S, S) of a crop and its result, or of everything, where eyes, nose and mouth are left out of one."""
    side = masks.shape[-1]
    rows, columns = (slice(side * part.start // 16, side * part.stop // 16) for part in MIDDLE)
    unsure = min(mask[rows, columns].mean() for mask in masks) < 0.5
    return np.ones_like(masks) if unsure else masks  # the square is put back


def dimming(image: Image.Image) -> float:
    """The share of its light that a result keeps in a picture, RGB or L: networks draw all faces as if by day."""
    small = image.resize((SEEN, SEEN), Image.Resampling.BOX, reducing_gap=1.0).convert("L")
    brightest = float(np.quantile(np.asarray(small), 0.99))
    return min(1.0, max(DARKEST, brightest / BRIGHT))


def _grained(result: Image.Image, around: Light, cover: Pixels) -> Image.Image:
    """The result with as much grain as there is around it, the same each time.

    Args:
        result: RGB.
        around: (H, W), the light of what it goes into (`image.picture.light`).
        cover: (H, W), where the result goes.
    """
    outside, inside = cover < 12, cover > 242
    if min(np.count_nonzero(outside), np.count_nonzero(inside)) < 500:
        return result
    if (wanted := grain(around, outside)) < LEAST_GRAIN:
        return result
    pixels = np.asarray(result)
    there = grain(light(result, (0, 0, *result.size)), inside)
    more = float(np.sqrt(max(0.0, wanted**2 - there**2)))
    if more < LEAST_GRAIN:
        return result
    grained, noise = np.empty_like(pixels), _noise() * np.float32(min(more, MOST_GRAIN))
    height, width = cover.shape
    for top in range(0, height, NOISE):  # in bands: all at once takes gigabytes where heads are large
        band = pixels[top : top + NOISE].astype(np.float32)
        noisy = band + np.tile(noise, (1, -(-width // NOISE)))[: len(band), :width, None]
        grained[top : top + NOISE] = np.rint(noisy).clip(0, 255)
    return Image.fromarray(grained)


@cache
def _noise() -> NDArray[np.float32]:
    """(NOISE, NOISE) of the normal distribution, always the same."""
    return np.random.default_rng(0).standard_normal((NOISE, NOISE), np.float32)


def grain(around: Light, where: NDArray[np.bool_]) -> float:
    """The standard deviation of the grain of a picture, by its light, (H, W), in levels, read off its flat places.

    Immerkær, "Fast noise variance estimation", 1996, with the median in place of the mean, which edges do not move.
    """
    step = max(1, len(around) // ROWS)
    upper, middle, lower = (around[number : len(around) - 2 + number : step] for number in range(3))
    down = upper - 2 * middle + lower
    both = down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]
    return float(np.median(abs(both[where[1:-1:step, 1:-1]])) / 0.6745 / 6 / 3)


@cache
def _fading(side: int) -> Image.Image:
    """White in the middle of a square, black at its edges, smooth between."""
    places = np.arange(side)
    steps = (np.minimum(places, side - 1 - places) / (side * FEATHER)).clip(0, 1)
    ramp = steps * steps * (3 - 2 * steps)
    return Image.fromarray(np.asarray(np.minimum(ramp[:, None], ramp[None]) * 255 + 0.5, np.uint8))


def _placed(made: Image.Image, opacity: Image.Image, back: Similarity, size: Size) -> tuple[Image.Image, Image.Image]:
    """A crop and its opacity as they lie in a part of the picture.

    Resampled to many times its size, it would show its pixels; to a fraction, but a few of them.
    """
    reduced = int(back.scale)
    if reduced >= 2:
        made, opacity = made.reduce(reduced), opacity.reduce(reduced)
        matrix = tuple(back.then(scaling(1 / reduced)).matrix().flatten())
        cubic, linear = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
        return made.transform(size, _AFFINE, matrix, cubic), opacity.transform(size, _AFFINE, matrix, linear)
    enlarged = int(1.0 / back.scale)
    if enlarged >= 2:
        larger = made.width * enlarged, made.height * enlarged
        made, opacity = (part.resize(larger, Image.Resampling.LANCZOS) for part in (made, opacity))
        back = back.then(scaling(enlarged))
    return warped_with_mask(made, opacity, back.matrix(), size)
