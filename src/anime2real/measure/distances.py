"""Distances between two sets of feature vectors, and intervals of a mean and of a ratio of means.

torch-fidelity computes them of pictures, through its own features; these take vectors, whatever they are features of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]

SUBSETS = 100
SUBSET_SIZE = 1000

FEWEST = 50
"""Pictures of each side below which KID and FID say nothing."""


@dataclass(frozen=True)
class Spread:
    """A mean and a standard deviation over subsets."""

    mean: float
    std: float


def kid(one: Vectors, two: Vectors, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = 0) -> Spread:
    """Kernel inception distance: the unbiased squared MMD under the kernel (x·y / D + 1)³.

    Bińkowski et al., "Demystifying MMD GANs", 2018, section 4. Zero in expectation for two samples of one
    distribution, so it may come out a little below.

    Args:
        one, two: (N, D), (M, D).
        subsets: random ones that are averaged.
        size: vectors of each side in a subset, at most; all there are if fewer.
        seed: of the choice.

    Raises:
        ValueError: fewer than two vectors, or of different lengths.
    """
    _check(one, two)
    random = np.random.default_rng(seed)
    count = min(size, len(one), len(two))
    values = [
        squared_mmd(one[random.permutation(len(one))[:count]], two[random.permutation(len(two))[:count]])
        for _ in range(subsets if count < max(len(one), len(two)) else 1)
    ]
    return Spread(float(np.mean(values)), float(np.std(values)))


def squared_mmd(one: Vectors, two: Vectors) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy under the kernel (x·y / D + 1)³."""
    n, m, d = len(one), len(two), one.shape[1]

    def kernel(a: Vectors, b: Vectors) -> Vectors:
        return np.asarray((a @ b.T / d + 1) ** 3)

    within_one, within_two = kernel(one, one), kernel(two, two)
    return float(
        (within_one.sum() - np.trace(within_one)) / (n * (n - 1))
        + (within_two.sum() - np.trace(within_two)) / (m * (m - 1))
        - 2 * kernel(one, two).mean()
    )


def fid(one: Vectors, two: Vectors) -> float:
    """Fréchet distance of the Gaussians fitted to (N, D) and (M, D) vectors.

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017, equation 6:
    |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½). Biased upwards for few vectors: compare equal numbers alone.

    Raises:
        ValueError: fewer than two vectors, or of different lengths.
    """
    _check(one, two)
    means = one.mean(0) - two.mean(0)
    first, second = (np.atleast_2d(np.cov(vectors, rowvar=False)) for vectors in (one, two))
    # tr (Σ₁ Σ₂)^½ is that of the symmetric Σ₁^½ Σ₂ Σ₁^½, whose eigenvalues are real and not negative.
    values, directions = np.linalg.eigh(first)
    root = (directions * np.sqrt(values.clip(0))) @ directions.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    return float(means @ means + np.trace(first) + np.trace(second) - 2 * shared)


def interval(
    values: Vectors, *, share: float = 0.95, draws: int = 1000, seed: int = 0, of: Callable[..., Any] = np.mean
) -> tuple[float, float]:
    """The bootstrap percentile interval of the mean of values (N,), or what else `of` is: Efron, 1979.

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("no values to draw from")
    random = np.random.default_rng(seed)
    drawn = of(values[random.integers(0, len(values), (draws, len(values)))], axis=1)
    low, high = np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def ratio_interval(
    one: Vectors, two: Vectors, *, share: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The bootstrap percentile interval of mean(one) / mean(two), values (N,) and (M,): both sides are drawn anew.

    Raises:
        ValueError: no values on a side, or one of `two` that is not positive.
    """
    if not len(one) or not len(two) or two.min() <= 0:
        raise ValueError("a ratio needs values on both sides, positive ones below")
    random = np.random.default_rng(seed)
    above, below = (values[random.integers(0, len(values), (draws, len(values)))].mean(1) for values in (one, two))
    low, high = np.quantile(above / below, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _check(one: Vectors, two: Vectors) -> None:
    if min(len(one), len(two)) < 2 or one.shape[1] != two.shape[1]:
        raise ValueError(f"need at least two vectors of one length on each side, not {one.shape} and {two.shape}")
