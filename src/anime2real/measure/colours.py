"""Are eyes and skin still of the colour they were? CIELAB under the irises and of the skin, of inputs and results."""

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import Domain
from anime2real.face.finder import located
from anime2real.face.geometry import Points
from anime2real.face.irises import eye_colour
from anime2real.face.skin import skin_tone


def colour_pairs(
    inputs: NDArray[np.uint8], results: NDArray[np.uint8], landmarks: Points, to: Domain
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """CIELAB of the irises and of the skin, (N, 2, 3) each, of inputs and results; NaN where either is not found.

    A result is looked at where its own face lies.

    Args:
        inputs, results: (N, S, S, 3) sRGB.
        landmarks: (N, 5, 2) of the inputs, px.
        to: the results' domain.
    """
    source: Domain = "anime" if to == "real" else "real"
    eyes, skins = np.full((2, len(inputs), 2, 3), np.nan)
    for row, (before, after, points) in enumerate(zip(inputs, results, landmarks, strict=True)):
        if (there := located(after, points)) is None:
            continue
        irises = eye_colour(before, points, source), eye_colour(after, there, to)
        tones = skin_tone(before, points), skin_tone(after, there)
        for found, pair in ((eyes, irises), (skins, tones)):
            if pair[0] is not None and pair[1] is not None:
                found[row] = pair
    return eyes, skins
