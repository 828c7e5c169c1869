"""Where faces may be in a picture: a small network of our own, run on the picture at several sizes.

Each size is half of the one before; for each 8 by 8 px the network gives the score of a face whose middle lies there,
the face's size, and whether it is drawn. `scripts/train_detector.py` made it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.network import open_session, to_float

MODELS: Final = Path(__file__).parent / "models"

STRIDE: Final = 8
REFERENCE: Final = 32.0
LARGEST: Final = 1280
"""Longer side of the largest picture that the detector gets, px; faces under a fortieth of it are missed."""

SMALLEST: Final = 96
"""Longer side at which the halving ends, px, so that a face that fills the picture becomes small enough."""

SEEN: Final = 0.35
"""Lowest score of the detector at which the landmark network is asked."""

OVERLAP: Final = 0.35

LONG: Final = 2.5
"""A picture that is larger than `LARGEST` and longer than so many times its shorter side is searched in windows too."""


@dataclass(frozen=True)
class Candidate:
    """A face that the detector finds: centre and side in px of the picture."""

    x: float
    y: float
    side: float
    real: float
    score: float


class Detector:
    """Finds candidates; it loads the network once.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._network = open_session(MODELS / "detector.onnx", threads)

    def __call__(self, image: Image.Image) -> list[Candidate]:
        """The candidates in an RGB picture whose score is at least `SEEN`; some may be the same face at two sizes."""
        found = self._candidates(image)
        for left, top, right, bottom in windows(image.size):
            part = self._candidates(image.crop((left, top, right, bottom)))
            found += [replace(candidate, x=candidate.x + left, y=candidate.y + top) for candidate in part]
        return found

    def _candidates(self, image: Image.Image) -> list[Candidate]:
        longest = max(image.size)
        factor = min(1.0, LARGEST / longest) if longest >= SMALLEST else SMALLEST / longest
        found: list[Candidate] = []
        while True:
            size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
            found += self._detect(
                image.resize(size, Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC), image.size
            )
            if max(size) / 2 < SMALLEST:
                return found
            factor /= 2

    def _detect(self, small: Image.Image, original: tuple[int, int]) -> list[Candidate]:
        pixels = np.asarray(small)
        height, width = (-(-s // 32) * 32 for s in pixels.shape[:2])
        # Grey around: a face that fills the picture ends at its border.
        padded = np.full((height, width, 3), 127, np.uint8)
        padded[: pixels.shape[0], : pixels.shape[1]] = pixels
        answers: NDArray[np.float32] = self._network.run(["answers"], {"image": to_float(padded[None])})[0][0]
        heat = answers[0]
        neighbours = np.lib.stride_tricks.sliding_window_view(np.pad(heat, 1, constant_values=0), (3, 3))
        rows, columns = np.nonzero((heat >= SEEN) & (heat >= neighbours.max((2, 3))))
        scale = np.array(original) / small.size
        result = []
        for row, column in zip(rows, columns, strict=True):
            _, real, size, dx, dy = answers[:, row, column].tolist()
            x, y = (column + 0.5 + dx) * STRIDE * scale[0], (row + 0.5 + dy) * STRIDE * scale[1]
            side = REFERENCE * 2.0**size * float(scale.mean())
            result.append(Candidate(float(x), float(y), side, real, float(heat[row, column])))
        return result


def windows(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of the windows, px, in which a long picture is searched beside the whole of it.

    Strips and panoramas are reduced so far that small faces are lost. Windows are `LONG` times as long as wide and
    overlap by half the width; what is larger than that is large enough in the whole picture.
    """
    shorter, longer = sorted(size)
    length = max(round(LONG * shorter), LARGEST)
    if longer <= length:
        return
    count = -(-(longer - length) // max(1, length - shorter // 2)) + 1
    for k in range(count):
        start = round(k * (longer - length) / (count - 1))
        yield (start, 0, start + length, shorter) if size[0] == longer else (0, start, shorter, start + length)


def suppressed(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates with the highest scores among those that overlap."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        if all(_overlap(candidate, other) < OVERLAP for other in kept):
            kept.append(candidate)
    return kept


def _overlap(one: Candidate, two: Candidate) -> float:
    """Share of the smaller square that lies in the other, at least as large."""
    width, height = (max(0.0, (one.side + two.side) / 2 - abs(a - b)) for a, b in ((one.x, two.x), (one.y, two.y)))
    shared = min(width, one.side, two.side) * min(height, one.side, two.side)
    return shared / min(one.side, two.side) ** 2
