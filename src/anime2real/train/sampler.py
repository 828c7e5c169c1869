"""Which pictures a step sees: a pure function of (seed, step), so that resuming needs no saved state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anime2real.train.method import UNIFORMS

VARIATION = 5
"""Random numbers of the augmentation, a picture."""


@dataclass(frozen=True)
class Draw:
    """One step's host-side data.

    Attributes:
        anime, real: (N,) rows of the pack.
        uniforms: (N, 2 * VARIATION + UNIFORMS) in [0, 1), fp32.
    """

    anime: NDArray[np.int64]
    real: NDArray[np.int64]
    uniforms: NDArray[np.float32]


def balanced(rows: NDArray[np.int64], sources: Sequence[str], balance: float, seed: int) -> NDArray[np.int64]:
    """Rows repeated, so that small sources are seen more often than they are large.

    A source of n rows gets a share in proportion to n to the power of 1 - balance. The largest source's rows stay as
    they are; another's are repeated whole times, and some of them, chosen by the seed, once more.

    Args:
        rows: (R,) of one domain.
        sources: (R,) names of where they come from.
        balance: in [0, 1]; 0 returns the rows, 1 gives every source the same share.
        seed: of the run.
    """
    if not 0 <= balance <= 1:
        raise ValueError(f"balance must lie in [0, 1], not {balance}")
    names = np.array(sources)
    groups = [rows[names == name] for name in sorted(set(sources))]
    largest = max(len(group) for group in groups)
    generator = np.random.default_rng([seed, 4])
    repeated = [
        np.resize(generator.permutation(group), round(largest * (len(group) / largest) ** (1 - balance)))
        for group in groups
    ]
    return np.sort(np.concatenate(repeated))


class Sampler:
    """Walks through a fresh permutation of each domain every epoch, each domain at its own length.

    Args:
        anime, real: (A,), (R,) training rows of the pack, neither empty; a row that stands there twice is seen twice
            an epoch.
        batch_size: N.
        seed: of the whole run.
    """

    def __init__(self, anime: NDArray[np.int64], real: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._rows = (anime, real)
        self._batch_size = batch_size
        self._seed = seed
        self._cache: dict[tuple[int, int], NDArray[np.int64]] = {}

    def draw(self, step: int) -> Draw:
        """The data of `step`, counted from 0."""
        anime, real = (self._domain(d, step) for d in (0, 1))
        generator = np.random.default_rng([self._seed, 2, step])
        uniforms = generator.random((self._batch_size, 2 * VARIATION + UNIFORMS), np.float32)
        return Draw(anime, real, uniforms)

    def _domain(self, domain: int, step: int) -> NDArray[np.int64]:
        rows = self._rows[domain]
        places = step * self._batch_size + np.arange(self._batch_size)
        epochs = places // len(rows)
        chosen = np.empty(self._batch_size, np.int64)
        for epoch in np.unique(epochs):
            inside = epochs == epoch
            chosen[inside] = self._permutation(domain, int(epoch))[places[inside] % len(rows)]
        return rows[chosen]

    def _permutation(self, domain: int, epoch: int) -> NDArray[np.int64]:
        key = (domain, epoch)
        if key not in self._cache:
            self._cache = {k: v for k, v in self._cache.items() if k[0] != domain or k[1] == epoch - 1}
            generator = np.random.default_rng([self._seed, domain, epoch])
            self._cache[key] = generator.permutation(len(self._rows[domain]))
        return self._cache[key]
