"""Where the heads of a clip are, steady over time: looked for seven times a second, and averaged around each moment.

A crop follows its face, so a head hardly moves in it; a mask of each frame alone would have it tremble. As landmarks
are (`smooth`), masks are weighted by a Gaussian of time, and later frames help as well as earlier ones.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.face.heads import fine_masks, head_levels

LOOK_SECONDS: Final = 0.15
"""From one look at a head to the next."""

SECONDS: Final = 0.1
"""Standard deviation of the weights."""

AHEAD_SECONDS: Final = 0.2
"""How much later a look may be to count; so long, frames wait."""

Levels = NDArray[np.float32]


@dataclass
class Outlines:
    """The heads of the faces of a clip.

    Attributes:
        looks: of each track, the times, s, and what was seen of a crop and its result, (2, 64, 64).
    """

    looks: dict[int, list[tuple[float, Levels]]] = field(default_factory=dict)

    def look(self, track: int, time: float, crop: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
        """Look at a face (S, S, 3) and its translation, unless that was done just before; times rise."""
        seen = self.looks.setdefault(track, [])
        if not seen or time - seen[-1][0] > LOOK_SECONDS - 1e-3:
            seen.append((time, head_levels(np.stack([crop, result]))))

    def masks(self, track: int, time: float, crop: NDArray[np.uint8], result: NDArray[np.uint8]) -> Levels:
        """Where a face and its translation show the head, (2, S, S), by the looks around a time."""
        seen = self.looks[track]
        away = np.array([abs(at - time) for at, _ in seen])
        weights = np.exp(-((away / SECONDS) ** 2) / 2) * (away <= AHEAD_SECONDS + 1e-3)
        if not weights.any():  # the face stood still for long, or the clip has few frames a second
            weights[away.argmin()] = 1
        mean = np.tensordot(weights / weights.sum(), np.stack([levels for _, levels in seen]), 1)
        return fine_masks(mean.astype(np.float32), np.stack([crop, result]))

    def forget(self, before: float) -> None:
        """Drop looks that no frame from a time on will ask for."""
        for seen in self.looks.values():
            while len(seen) > 1 and seen[1][0] < before - AHEAD_SECONDS - 1e-2:
                del seen[0]
