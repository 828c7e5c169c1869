"""Pixels as networks take them, and back."""

import numpy as np
from numpy.typing import NDArray


def to_float(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, S, S, 3) in 0…255 to (N, 3, S, S) in [-1, 1]."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_uint8(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, 3, S, S) in [-1, 1] to (N, S, S, 3), rounded to 0…255; undoes `to_float` exactly."""
    levels = np.rint((images + np.float32(1)) * np.float32(127.5)).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
