"""Is the hair still of the colour it was? CIEDE2000 between the hair of inputs and results.

Both are brought to the template by the landmarks of the input, so that no failure of the finder on a result decides.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.hair_colour import hair_colour
from anime2real.face.geometry import Points
from anime2real.image.cielab import ciede2000
from anime2real.measure.distances import interval


def hair_figures(inputs: NDArray[np.uint8], results: NDArray[np.uint8], landmarks: Points) -> dict[str, Any]:
    """For JSON: the mean CIEDE2000 between the hair of inputs and results, where both were found.

    Args:
        inputs, results: (N, S, S, 3) sRGB.
        landmarks: (N, 5, 2) of the inputs, px.

    Returns:
        `hair_delta_e` and its 95 % bootstrap interval, None where no pair was found; `hair_measured`: how many.
    """
    differences = []
    for before, after, points in zip(inputs, results, landmarks, strict=True):
        one = hair_colour(Image.fromarray(before), points)
        two = hair_colour(Image.fromarray(after), points)
        if one is not None and two is not None:
            differences.append(float(ciede2000(one, two)))
    values = np.array(differences)
    return {
        "hair_delta_e": round(float(values.mean()), 4) if len(values) else None,
        "hair_delta_e_interval": [round(v, 4) for v in interval(values)] if len(values) else None,
        "hair_measured": len(values),
    }
