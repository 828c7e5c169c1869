"""Whether a face of one frame and a face of another are one, by where they are and how large."""

from typing import Final

import numpy as np

from anime2real.face.finder import square_of
from anime2real.face.geometry import Face

JUMP: Final = 0.3
"""A face is lost if it seems to move by more than this share of its side from one frame to the next."""

GROWTH: Final = 1.35
"""A face is lost if its size seems to change by more than this factor from one frame to the next."""

SAME: Final = 0.35
"""Two faces are one if their middles are nearer than this share of the larger one's side."""


def distance(one: Face, two: Face) -> float:
    """Distance between the middles of two faces, in sides of the larger one."""
    (ax, ay, a, _), (bx, by, b, _) = square_of(one.landmarks), square_of(two.landmarks)
    return float(np.hypot(ax - bx, ay - by)) / max(a, b)


def same(one: Face, two: Face) -> bool:
    return distance(one, two) < SAME


def jumped(before: Face, after: Face, frames: float = 1) -> bool:
    """Whether a face has moved or changed its size by more than a face does in so many frames."""
    sides = square_of(before.landmarks)[2], square_of(after.landmarks)[2]
    if min(sides) <= 0:
        return True
    return distance(before, after) > JUMP * frames or max(sides) / min(sides) > GROWTH**frames
