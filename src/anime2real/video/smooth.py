"""Steady landmarks: the landmarks of each frame are replaced by a parabola fitted to the frames around it.

The whole clip is known, so later frames help as well as earlier ones, and nothing lags: Savitzky and Golay, "Smoothing
and Differentiation of Data by Simplified Least Squares Procedures", 1964, with Gaussian weights by time, not by frame.
The one-euro filter (Casiez et al., 2012), made for pointers on a screen, knows only earlier frames: on the same clips
it jitters more and is less accurate, which a test in `tests/video` checks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anime2real.face.geometry import to_template

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Smoothing:
    """How landmarks are steadied.

    Attributes:
        seconds: standard deviation of the weights.
        tolerance: the largest distance of the result from the landmarks as found, in sides of the crop: a parabola
            cuts corners where a face suddenly stops or starts.
    """

    seconds: float = 0.1
    tolerance: float = 0.015


def steady(landmarks: Floats, times: Floats, held: NDArray[np.bool_], settings: Smoothing | None) -> Floats:
    """The landmarks of a track without jitter.

    Args:
        landmarks: (T, 5, 2), px.
        times: (T,), s, rising.
        held: (T,), whether a frame repeats the one before. Drawn animation often changes only every second or third
            frame; landmarks that move over a drawing that does not would make the result swim.
        settings: None leaves the landmarks as they are.

    Returns:
        (T, 5, 2), px.
    """
    if settings is None:
        return landmarks
    fresh = ~held
    fresh[0] = True
    seen, at = landmarks[fresh].reshape(-1, 10), times[fresh]
    side = float(np.median([1 / to_template(points).scale for points in landmarks[fresh]]))
    fitted = np.stack([_fitted(seen, at - moment, settings.seconds) for moment in at])
    # Jitter averages out over five landmarks; motion is left.
    off = (seen - fitted).reshape(-1, 5, 2).mean(1)
    length = np.maximum(np.hypot(off[:, 0], off[:, 1]), 1e-12)
    excess = off * np.maximum(0.0, 1 - settings.tolerance * side / length)[:, None]
    steadied = fitted.reshape(-1, 5, 2) + excess[:, None]
    result: Floats = steadied[np.cumsum(fresh) - 1]
    return result


def _fitted(seen: Floats, offsets: Floats, sigma: float) -> Floats:
    """The value (D,) at offset 0 of a parabola through seen (T, D), weighted by their offsets (T,), s."""
    near = np.abs(offsets) < 3 * sigma
    offsets = offsets[near]
    degree = min(2, len(offsets) - 1)
    roots = np.exp(-((offsets / sigma) ** 2) / 4)  # of the weights
    terms = np.stack([(offsets / sigma) ** power for power in range(degree + 1)], axis=1)
    solved = np.linalg.lstsq(terms * roots[:, None], seen[near] * roots[:, None], rcond=None)[0]
    value: Floats = solved[0]
    return value
