"""The guided filter: a rough mask brought to the edges of the picture that it belongs to.

He, Sun and Tang, "Guided Image Filtering", ECCV 2010. In every window the result is a linear function of the guide's
colour, the one nearest to the mask; each pixel takes the mean over the windows that hold it. Of the libraries only
OpenCV's contributed modules have it, with all of OpenCV.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.floating[Any]]

FEW: Final = 3
"""Radius up to which adding the neighbours one by one takes less than running sums."""


def box_mean(planes: Plane, radius: int) -> Plane:
    """The mean of each pixel's window, as far as that lies inside the picture.

    Args:
        planes: (…, H, W).
        radius: px; the window is 2 · radius + 1 a side.
    """
    for axis in (-2, -1):
        planes = _along(planes, radius, axis)
    return planes


def _along(planes: Plane, radius: int, axis: int) -> Plane:
    length = planes.shape[axis]
    places = np.arange(length)
    first, last = np.maximum(places - radius, 0), np.minimum(places + radius + 1, length)
    if radius <= FEW:
        total = planes.copy()
        ahead, behind = total.swapaxes(axis, -1), planes.swapaxes(axis, -1)
        for away in range(1, min(radius + 1, length)):
            ahead[..., away:] += behind[..., :-away]
            ahead[..., :-away] += behind[..., away:]
    else:
        sums = np.zeros_like(planes, shape=tuple(n + (i == axis % planes.ndim) for i, n in enumerate(planes.shape)))
        np.cumsum(planes, axis, out=sums[(..., slice(1, None), slice(None)) if axis == -2 else (..., slice(1, None))])
        total = sums.take(last, axis) - sums.take(first, axis)
    counts = (last - first).astype(planes.dtype)
    total /= counts[:, None] if axis == -2 else counts
    return total


def guided_filter(mask: Plane, guide: Plane, radius: int, smoothness: float) -> Plane:
    """The mask with the guide's edges.

    Args:
        mask: (H, W).
        guide: (3, H, W) in [0, 1].
        radius: px of the windows.
        smoothness: ε: a difference in the guide whose square is well above it is an edge.

    Returns:
        (H, W); not clipped.
    """
    line = guided_lines(mask, guide, radius, smoothness)
    return np.asarray((line[:3] * guide).sum(0) + line[3])


def guided_lines(mask: Plane, guide: Plane, radius: int, smoothness: float) -> Plane:
    """What the guided filter makes of each pixel's colour: three slopes and an offset, (4, H, W)."""
    red, green, blue = guide
    pairs = ((red, red), (red, green), (red, blue), (green, green), (green, blue), (blue, blue))
    means = box_mean(np.stack([*guide, mask, *(one * two for one, two in pairs), *(guide * mask)]), radius)
    colour, level = means[:3], means[3]
    r, g, b = colour
    rr, rg, rb, gg, gb, bb = means[4:10] - np.stack([r * r, r * g, r * b, g * g, g * b, b * b])
    rr, gg, bb = rr + smoothness, gg + smoothness, bb + smoothness
    # a = (Σ + ε·1)⁻¹ · cov(guide, mask), equation 19, by the adjugate.
    adjugate = (
        (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg),
        (rb * gb - rg * bb, rr * bb - rb * rb, rb * rg - rr * gb),
        (rg * gb - rb * gg, rb * rg - rr * gb, rr * gg - rg * rg),
    )
    determinant = rr * adjugate[0][0] + rg * adjugate[0][1] + rb * adjugate[0][2]
    shared = means[10:] - colour * level
    slope = np.stack([(row[0] * shared[0] + row[1] * shared[1] + row[2] * shared[2]) / determinant for row in adjugate])
    offset = level - (slope * colour).sum(0)
    return box_mean(np.concatenate([slope, offset[None]]), radius)


def along_edges(
    level: NDArray[np.float32], crop: NDArray[np.uint8], radius: int, smoothness: float, *, certain: float = 0.0
) -> NDArray[np.float32]:
    """A rough mask at the size of its crop and along the crop's edges: He and Sun, "Fast Guided Filter", 2015.

    Args:
        level: (s, s) in [0, 1].
        crop: (S, S, 3) sRGB.
        radius: px of `level`, of the filter's windows.
        smoothness: as of `guided_lines`.
        certain: levels this near to 0 and 1 become 0 and 1.

    Returns:
        (S, S) in [0, 1].
    """
    reduced = Image.fromarray(crop).resize(level.shape, Image.Resampling.BOX, reducing_gap=1.0)
    guide = np.asarray(reduced, np.float32).transpose(2, 0, 1) / 255
    lines = guided_lines(level, guide, radius, smoothness)
    # What is done to levels at the end, done to the lines, which are small.
    lines[:3] /= 255
    lines[3] -= certain
    lines /= 1 - 2 * certain
    whole = (Image.fromarray(line).resize(crop.shape[:2], Image.Resampling.BILINEAR) for line in lines)
    *slopes, offset = map(np.asarray, whole)
    fine = offset.copy()
    for slope, colour in zip(slopes, crop.transpose(2, 0, 1), strict=True):
        fine += slope * colour
    return np.asarray(fine.clip(0, 1, out=fine))
