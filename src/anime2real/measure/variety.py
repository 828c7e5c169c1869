"""Do results differ from one another as much as real pictures do? A generator that makes one face for all does not.

The distance of two pictures is `features.map_distances` by the maps of `VGG`.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.measure.distances import Vectors, interval, ratio_interval
from anime2real.measure.features import Maps, map_distances

Pixels = NDArray[np.uint8]

PAIRS: Final = 8
"""In memory at a time: the maps of one pair take up to 26 MB a block."""

NOT_MEASURED: Final = {
    "variety": None, "variety_interval": None, "variety_ratio": None, "variety_ratio_interval": None
}  # fmt: skip
"""The figures where the features are not among those asked for."""


def pair_distances(pictures: Pixels, maps: Maps, *, images: int, seed: int = 0) -> Vectors:
    """The distances (images // 2,) of disjoint random pairs.

    Args:
        pictures: (N, S, S, 3).
        maps: of the features.
        images: how many of the pictures take part, each in one pair at most.
        seed: of the choice.

    Raises:
        ValueError: fewer than two images, or more than there are.
    """
    if not 2 <= images <= len(pictures):
        raise ValueError(f"cannot pair {images} of {len(pictures)} pictures")
    rows = np.random.default_rng(seed).permutation(len(pictures))[: images // 2 * 2].reshape(-1, 2)
    parts = np.split(rows, range(PAIRS, len(rows), PAIRS))
    return np.concatenate([map_distances(maps, pictures[part[:, 0]], pictures[part[:, 1]]) for part in parts])


def variety_figures(results: Vectors, target: Vectors) -> dict[str, Any]:
    """For JSON: the mean distance of pairs of results, and its ratio to that of the target domain's pictures.

    Args:
        results, target: distances (P,) of pairs of results, and (Q,) of pairs of pictures of the target domain.

    Returns:
        `variety`, `variety_ratio` and their 95 % bootstrap intervals; the ratio is None if the features see no
        difference in a pair of the target.
    """
    figures: dict[str, Any] = dict(NOT_MEASURED)
    figures["variety"] = round(float(results.mean()), 4)
    figures["variety_interval"] = [round(v, 4) for v in interval(results)]
    if target.min() > 0:
        figures["variety_ratio"] = round(float(results.mean() / target.mean()), 4)
        figures["variety_ratio_interval"] = [round(v, 4) for v in ratio_interval(results, target)]
    return figures
