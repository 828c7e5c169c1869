"""Are the left and the right half of a face alike? Eyes that are smeared, of two sizes or half shut make them differ.

Of the 96 results that were looked at blind (research/fixed_sheets/shipped-2026-11-30), two fifths of the broken ones
and a tenth of the others are less alike than all but a quarter of the photographs there. A turned head is less alike as
well, in photographs too: so compare with the target domain's pictures, and do not ask for all.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from anime2real.face.geometry import Points, align, to_template

Pixels = NDArray[np.uint8]

SIDE: Final = 128
"""Px a side of the lined-up face that is compared."""

BLUR: Final = 2.0
"""Radius in px of the blur before: the shapes of parts count, no hair and no pores."""

TOP: Final = 46
BOTTOM: Final = 110
"""Px: from the brows to the mouth."""

REACH: Final = 31
"""Px from the middle of the face to the end of a half."""

SHIFT: Final = 6
"""Px that the middle may lie from the template's."""


def symmetry(pictures: Pixels, landmarks: Points) -> NDArray[np.float64]:
    """How alike the halves of each face are, (N,) from -1 to 1; 1 if they are the same.

    The correlation of the grey levels of one half of the inner face with those of the other, mirrored, about the best
    middle: no more light on one cheek and no slightly turned head counts against it.

    Args:
        pictures: (N, S, S, 3) sRGB.
        landmarks: (N, 5, 2) px; of a result, those of its input, so that no failure of the finder decides.
    """
    return np.array([_of(Image.fromarray(p), points) for p, points in zip(pictures, landmarks, strict=True)])


def steadiness(results: Pixels, mirrored: Pixels, landmarks: Points) -> NDArray[np.float64]:
    """How alike each result is to that of the mirrored input, (N,) from -1 to 1; 1 if they are the same.

    The correlation of the grey levels of the inner face. What a translator is sure of it draws the same both ways;
    smeared eyes and holes it draws otherwise. Unlike symmetry, it holds nothing against a turned head.

    Args:
        results: (N, S, S, 3) sRGB.
        mirrored: (N, S, S, 3), results of the mirrored inputs, mirrored back.
        landmarks: (N, 5, 2) px of the inputs.
    """
    inner = slice(SIDE // 2 - REACH, SIDE // 2 + REACH)
    both = (
        [_grey(Image.fromarray(picture), points)[:, inner] for picture in pair]
        for *pair, points in zip(results, mirrored, landmarks, strict=True)
    )
    return np.array([_correlation(one, two) for one, two in both])


def _of(picture: Image.Image, points: Points) -> float:
    grey = _grey(picture, points)
    middles = range(SIDE // 2 - SHIFT, SIDE // 2 + SHIFT + 1)
    return max(_correlation(grey[:, x : x + REACH], grey[:, x - REACH : x][:, ::-1]) for x in middles)


def _grey(picture: Image.Image, points: Points) -> NDArray[np.float64]:
    """The lined-up face from the brows to the mouth, blurred: (BOTTOM - TOP, SIDE)."""
    face = align(picture, to_template(points), SIDE, beyond="edge").convert("L")
    return np.asarray(face.filter(ImageFilter.GaussianBlur(BLUR)), np.float64)[TOP:BOTTOM]


def _correlation(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Pearson's, of all their values; 1 of halves of one grey each, which differ in nothing."""
    one, two = one - one.mean(), two - two.mean()
    power = float((one**2).sum() * (two**2).sum())
    return float((one * two).sum() / np.sqrt(power)) if power > 1e-6 else 1.0
