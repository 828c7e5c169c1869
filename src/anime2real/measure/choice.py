"""Which of several results of a drawing is the best, and which drawings have a result worth learning from.

By what `rates.py` measures of single results: no sum over a set, so every drawing stands for itself.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.measure.distances import Vectors
from anime2real.measure.rates import AGE, EYES_OPEN, SEX

MOUTH_OPEN: Final = 2
"""Place of how sure an open mouth is in a row of labels."""

YEARS: Final = 30.0
"""Years too old or too young from which nothing is left of a mark."""

FULL: Final = {"sharp": 0.25, "symmetric": 0.5, "steady": 0.5}
"""How well a result is drawn: marks by rank, and the share of all results below which the mark is full."""

KEPT: Final = ("sex", "age", "mouth", "eyes")
"""What it keeps of the drawing."""

MARKS: Final = (*FULL, *KEPT)
"""What is marked from 0 to 1, in this order."""


@dataclass(frozen=True)
class Measurements:
    """What was measured of C results for each of N drawings.

    Attributes:
        faces: (N, C) from 0 to 1, the share of the detectors that find a photographed face.
        details: (N, C), as `fine_detail`.
        symmetry: (N, C), as `symmetry`.
        steadiness: (N, C), as `steadiness`.
        told: (N, C, 6), labels of the drawing, with the sex and the age that the translator was to show.
        after: (N, C, 6), labels of the result.
    """

    faces: Vectors
    details: Vectors
    symmetry: Vectors
    steadiness: Vectors
    told: Vectors
    after: Vectors


def marks(seen: Measurements) -> Vectors:
    """(N, C, 7), the `MARKS` of each result, from 0 to 1.

    How well it is drawn counts by rank among all results, since there are no photographs to compare with, and in full
    from some rank on: more detail than most have is as often noise. What labels tell counts by how near it is to what
    the drawing's tell.
    """
    apart = abs(seen.told - seen.after)
    drawn = [
        _ranked(values, full)
        for values, full in zip((seen.details, seen.symmetry, seen.steadiness), FULL.values(), strict=True)
    ]
    kept = [1 - apart[..., SEX] / 2, 1 - apart[..., AGE] / YEARS, 1 - apart[..., MOUTH_OPEN], 1 - apart[..., EYES_OPEN]]
    return np.stack([*drawn, *kept], axis=-1).clip(0, 1)


def _ranked(values: Vectors, full: float) -> Vectors:
    """The share of all values that are smaller, over the share from which nothing more is asked for."""
    smaller = np.searchsorted(np.sort(values, axis=None), values, "left")
    return np.asarray((smaller / max(values.size - 1, 1) / full).clip(0, 1))


def scores(seen: Measurements) -> Vectors:
    """(N, C) from 0 to 1: how well a result is drawn counts two thirds, what it keeps of the drawing one.

    Times the share of the detectors that find a face.
    """
    marked, drawn = marks(seen), len(FULL)
    return np.asarray((2 * marked[..., :drawn].mean(-1) + marked[..., drawn:].mean(-1)) / 3 * seen.faces)


def choose(scored: Vectors, keep: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best result of each drawing, and the drawings that stay.

    Args:
        scored: (N, C).
        keep: share of the drawings whose best results are the best of all; one stays at least.

    Returns:
        (N,), places of the best results, the first of equals; and places of the drawings that stay, ascending.
    """
    best = scored.argmax(1)
    order = np.argsort(-scored.max(1), kind="stable")
    count = max(1, round(keep * len(scored)))
    return best, np.sort(order[:count])
