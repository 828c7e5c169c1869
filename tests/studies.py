"""A study of made-up pictures."""

import numpy as np

from anime2real.study.trials import Material

METHODS = ("good", "middling", "poor")


PREFERENCE = {"good": 1.0, "middling": 0.0, "poor": -1.0}


def material(count: int = 12) -> Material:
    random = np.random.default_rng(0)
    pictures = {name: random.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8) for name in METHODS}
    return Material(pictures, random.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8))
