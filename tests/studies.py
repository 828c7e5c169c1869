"""Random pictures for a study."""

import numpy as np

from anime2real.study.create import DirectionPictures

METHODS = ("good", "middling", "poor")


PREFERENCE = {"good": 1.0, "middling": 0.0, "poor": -1.0}


def pictures(count: int = 12) -> DirectionPictures:
    random = np.random.default_rng(0)
    results = {name: random.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8) for name in METHODS}
    return DirectionPictures(results, random.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8))
