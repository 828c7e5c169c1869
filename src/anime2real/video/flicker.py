"""How much a translated clip flickers: what changes from frame to frame beyond what moved and what changed anyway.

Lai et al., "Learning Blind Video Temporal Consistency", 2018, warp a result onto the next by the input's optical flow
and take the difference. Here the flow is the similarity between a face's landmarks, known or tracked, and the input's
own difference under the same warp is taken off: it holds what the warp cannot follow, a blink or noise.
"""

from typing import Final

import numpy as np
from PIL import Image

from anime2real.face.geometry import Points, align, around, fit, to_template

SIDE: Final = 128
"""Pixels a side at which faces are compared."""

INSIDE: Final = 0.8
"""Share of a face's crop that is compared; results fade out outside it."""


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


def flicker(
    inputs: tuple[Image.Image, Image.Image],
    results: tuple[Image.Image, Image.Image],
    landmarks: tuple[Points, Points],
) -> float:
    """The change of a face in the results less that of the same face in the inputs, grey levels of 0-255.

    Args:
        inputs: two successive frames, RGB.
        results: what was made of them.
        landmarks: (5, 2), px, of the face in each.
    """
    return change(*results, *landmarks) - change(*inputs, *landmarks)
