"""The random numbers of a training step: which of them decides what.

The host draws uniform numbers in [0, 1) for each pair from (seed, step), so that a resumed run sees the same, and the
device gets them as one tensor (N, COLUMNS). Every use has columns of its own, allocated here alone.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anime2real.bundle.format import STYLE

CROP: Final = 5
"""Numbers that the crop of a picture takes: mirror, side, horizontal place, vertical place, turn."""

AUGMENTATION: Final = 7
"""Numbers that an augmentation takes: brightness, saturation, contrast, two of the shift, two of the cutout."""

HARDNESS: Final = 7
"""Numbers that a hard input takes: whether it is soft, how, whether its colours change, grey, and three of the tint."""

FLATNESS: Final = 2
"""Numbers that a flat drawing takes: whether it is one, and how flat."""

CUT: Final = 6
"""Numbers that a cut close around a face takes: whether, its four sides, and its turn."""

STRAND: Final = 5
"""Numbers that hair over an eye takes: whether, over which, how far down, how broad, and how it leans."""

STYLES: Final = 4
"""Sets of styles that a step may draw."""

_USES: Final = {
    "anime_crop": CROP,
    "real_crop": CROP,
    "augmentation": AUGMENTATION,
    "recolouring": 1,
    "pool_real": 2,
    "pool_anime": 2,
    "styles": STYLES * STYLE,
    "anime_hardness": HARDNESS,
    "real_hardness": HARDNESS,
    "flatness": FLATNESS,
    "eye_recolouring": 1,
    "skin_recolouring": 1,
    "cut": CUT,
    "strand": STRAND,
}
_ENDS: Final = dict(zip(_USES, np.cumsum(list(_USES.values())).tolist(), strict=True))
_LAST_OF_BLOCKS: Final = ("recolouring", "styles", "real_hardness", "flatness", "skin_recolouring", "strand")
_BLOCKS: Final = (0, *(_ENDS[use] for use in _LAST_OF_BLOCKS))

COLUMNS: Final = sum(_USES.values())
"""Numbers of a pair."""

_PRIMES: Final = (1, 7, 11, 13, 17, 19, 23, 29)


def draw_numbers(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    """The numbers of `count` pairs: (count, COLUMNS) in [0, 1).

    In blocks: what was there first keeps its numbers when a use is added behind it.
    """
    blocks = [generator.random((count, end - start), np.float32) for start, end in pairwise(_BLOCKS)]
    return np.concatenate(blocks, axis=1)


@dataclass(frozen=True)
class RandomNumbers:
    """The numbers of a batch by what they decide.

    Attributes:
        values: (N, COLUMNS) in [0, 1).
    """

    values: Tensor

    @classmethod
    def random(cls, count: int, generator: torch.Generator | None = None) -> "RandomNumbers":
        """Numbers of torch's own, on the CPU."""
        return cls(torch.rand(count, COLUMNS, generator=generator))

    @property
    def anime_crop(self) -> Tensor:
        """(N, CROP), for the drawings."""
        return self._of("anime_crop")

    @property
    def real_crop(self) -> Tensor:
        """(N, CROP), for the photographs."""
        return self._of("real_crop")

    @property
    def recolouring(self) -> Tensor:
        """(N,): whether a photograph's hair is recoloured, and how."""
        return self._of("recolouring")[:, 0]

    @property
    def pool_real(self) -> Tensor:
        """(N, 2), for the pool of fake photographs."""
        return self._of("pool_real")

    @property
    def pool_anime(self) -> Tensor:
        """(N, 2), for the pool of fake drawings."""
        return self._of("pool_anime")

    @property
    def anime_hardness(self) -> Tensor:
        """(N, HARDNESS), for the drawings."""
        return self._of("anime_hardness")

    @property
    def real_hardness(self) -> Tensor:
        """(N, HARDNESS), for the photographs."""
        return self._of("real_hardness")

    @property
    def flatness(self) -> Tensor:
        """(N, FLATNESS), for the drawings."""
        return self._of("flatness")

    @property
    def eye_recolouring(self) -> Tensor:
        """(N,): whether a photograph's irises are recoloured."""
        return self._of("eye_recolouring")[:, 0]

    @property
    def skin_recolouring(self) -> Tensor:
        """(N,): whether a drawing's skin is recoloured."""
        return self._of("skin_recolouring")[:, 0]

    @property
    def cut(self) -> Tensor:
        """(N, CUT), for the pictures that are translated."""
        return self._of("cut")

    @property
    def strand(self) -> Tensor:
        """(N, STRAND), for the pictures that are translated."""
        return self._of("strand")

    def augmentation(self, variant: int) -> Tensor:
        """(N, AUGMENTATION), other ones for each variant from 0 to 7.

        All come from the same columns: multiplied by a prime and cut to [0, 1), uniform numbers are as evenly spread,
        and say little about each other.
        """
        return (self._of("augmentation") * _PRIMES[variant] + 0.37 * variant) % 1.0

    def style(self, variant: int) -> Tensor:
        """(N, STYLE), other ones for each variant below STYLES."""
        return self._of("styles")[:, variant * STYLE : (variant + 1) * STYLE]

    def _of(self, use: str) -> Tensor:
        return self.values[:, _ENDS[use] - _USES[use] : _ENDS[use]]
