"""Which pictures a step sees: a pure function of (seed, step), so that resuming needs no saved state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.train import random_numbers


@dataclass(frozen=True)
class BatchIndices:
    """One step's host-side data.

    Attributes:
        anime, real: (N,) rows of the pack.
        numbers: (N, COLUMNS) in [0, 1), see `random_numbers.py`.
        real_set: the same of the real set, where it has pictures of its own.
    """

    anime: NDArray[np.int64]
    real: NDArray[np.int64]
    numbers: NDArray[np.float32]
    real_set: "BatchIndices | None" = None

    def part(self, rank: int, world_size: int) -> "BatchIndices":
        """What process `rank` of `world_size` takes of the step: every so manieth pair, from its own on."""
        mine = slice(rank, None, world_size)
        real_set = None if self.real_set is None else self.real_set.part(rank, world_size)
        return BatchIndices(self.anime[mine], self.real[mine], self.numbers[mine], real_set)


def from_sources(rows: NDArray[np.int64], sources: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """Those of the rows (R,) whose sources (R,) have one of the names; all of them where none has."""
    chosen = rows[np.isin(np.array(sources), list(names))]
    return chosen if len(chosen) else rows


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


def weighted(rows: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Rows repeated in proportion to their weights: `_REPEATS` times in the mean, once at least, or never for weight 0.

    Args:
        rows: (R,) of one domain.
        weights: (R,), 0 or more.
        seed: of the run; it decides which rows get the repeat that a fraction stands for.
    """
    times = _REPEATS * weights / weights.mean()
    generator = np.random.default_rng([seed, 5])
    repeats = np.floor(times) + (generator.random(len(rows)) < times % 1)
    return np.repeat(rows, np.where(weights > 0, np.maximum(1, repeats), 0).astype(np.int64))


_REPEATS: Final = 4

GREATEST: Final = 8.0
"""Times, by which a picture is drawn more or less often than it would be, at most."""

_PARTS: Final = 8
"""Rows that a picture drawn as often as before has in `matched`, so that others can have fewer."""


def matched(
    rows: NDArray[np.int64], features: NDArray[np.float64], wanted: NDArray[np.float64], strength: float
) -> NDArray[np.int64]:
    """Rows repeated, so that their features are spread more as others are.

    Importance weights by a histogram of three bins a feature, divided at 1/6 and 1/2: pictures of a bin are drawn as
    often as the bin is commoner among those wanted, to the power of `strength`, within `GREATEST` times either way.

    Args:
        rows: (R,).
        features: (R, F) in [0, 1].
        wanted: (W, F) in [0, 1], of the pictures to be like.
        strength: in [0, 1]; 0 returns the rows.
    """
    if strength == 0 or not len(rows) or not len(wanted):
        return rows
    own, others = _bins(features), _bins(wanted)
    count = 3 ** features.shape[1]
    have, want = (np.bincount(bins, minlength=count) / len(bins) for bins in (own, others))
    weight = np.clip(want[own] / have[own], 1e-9, None) ** strength
    weight = np.clip(weight / np.average(weight), 1 / GREATEST, GREATEST)
    return np.repeat(rows, np.maximum(1, np.rint(_PARTS * weight).astype(np.int64)))


def _bins(features: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of the 3^F bins each of (N, F) lies in."""
    digits = np.digitize(features, [1 / 6, 1 / 2])
    return np.asarray(digits @ 3 ** np.arange(features.shape[1]), np.int64)


class Sampler:
    """Walks through a fresh permutation of each domain every epoch, each domain at its own length.

    Args:
        anime, real: (A,), (R,) training rows of the pack, neither empty; a row that stands there twice is seen twice
            an epoch.
        batch_size: N.
        seed: of the whole run.
        real_set: (A',), (R',) rows of the real set, where it has pictures of its own.
        paired: whether `anime` and `real` are pairs, row by row, and walked through together.
    """

    def __init__(
        self,
        anime: NDArray[np.int64],
        real: NDArray[np.int64],
        batch_size: int,
        seed: int,
        real_set: Sequence[NDArray[np.int64]] = (),
        *,
        paired: bool = False,
    ) -> None:
        self._paired = paired
        self._rows = (anime, real, *real_set)
        self._batch_size = batch_size
        self._seed = seed
        self._cache: dict[tuple[int, int], NDArray[np.int64]] = {}

    def draw(self, step: int) -> BatchIndices:
        """The data of `step`, counted from 0."""
        generator = np.random.default_rng([self._seed, 2, step])
        draws = [
            BatchIndices(
                self._walk(first, first, step),
                self._walk(first + 1, first if self._paired else first + 1, step),
                random_numbers.draw_numbers(generator, self._batch_size),
            )
            for first in range(0, len(self._rows), 2)
        ]
        return replace(draws[0], real_set=draws[1]) if len(draws) > 1 else draws[0]

    def _walk(self, place: int, walk: int, step: int) -> NDArray[np.int64]:
        rows = self._rows[place]
        places = step * self._batch_size + np.arange(self._batch_size)
        epochs = places // len(rows)
        chosen = np.empty(self._batch_size, np.int64)
        for epoch in np.unique(epochs):
            inside = epochs == epoch
            chosen[inside] = self._permutation(walk, int(epoch))[places[inside] % len(rows)]
        return rows[chosen]

    def _permutation(self, walk: int, epoch: int) -> NDArray[np.int64]:
        key = (walk, epoch)
        if key not in self._cache:
            self._cache = {k: v for k, v in self._cache.items() if k[0] != walk or k[1] == epoch - 1}
            # 2, 3 and 4 in the middle are taken by other draws of the run.
            generator = np.random.default_rng([self._seed, walk if walk < 2 else 3 + walk, epoch])
            self._cache[key] = generator.permutation(len(self._rows[walk]))
        return self._cache[key]
