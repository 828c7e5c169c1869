"""How much a translated clip flickers: the change from frame to frame that neither motion nor the input explains.

Lai et al., "Learning Blind Video Temporal Consistency", 2018, warp a result onto the next by the input's optical flow
and take the difference. Here the warp is the similarity between the landmarks of a face. Whoever compares results
subtracts the change of the input under the same warp: it contains what the warp cannot follow, such as a blink.
"""

from typing import Final

import numpy as np
from PIL import Image

from anime2real.face.geometry import Points, align, around, fit, to_template

SIDE: Final = 128
"""Pixels a side at which faces are compared."""

INSIDE: Final = 0.8
"""Share of a face's crop that is compared; outside it, results fade out."""


def change(before: Image.Image, after: Image.Image, landmarks_before: Points, landmarks_after: Points) -> float:
    """Mean absolute difference, in grey levels of 0-255, of a face and the same face in the next frame, warped onto it.

    Args:
        before, after: successive frames, RGB.
        landmarks_before, landmarks_after: (5, 2), px, of the face in them.
    """
    crop = to_template(landmarks_after)
    x, y = crop.inverse(np.array([0.5, 0.5]))
    frame = around((float(x), float(y)), INSIDE / crop.scale, -crop.angle)
    moved = fit(landmarks_before, landmarks_after).then(frame)
    one, two = (np.asarray(align(i, f, SIDE)).astype(np.float64) for i, f in ((before, moved), (after, frame)))
    return float(np.abs(one - two).mean())
