"""A face in a box that somebody drew, where the finder saw none in the whole picture."""

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from anime2real.domain import Domain, other
from anime2real.face.finder import default_finder
from anime2real.face.geometry import TEMPLATE, Face, align, around, scaling

VIEW: Final = 1.6
"""Side of what the finder looks at around a box, in sides of the box."""

PIXELS: Final = 384
ALIKE: Final = 2.5
"""A face found there counts if its frame is at most this many times larger or smaller than the box."""


def face_in_box(image: Image.Image, box: tuple[float, float, float, float], to: Domain | None) -> Face:
    """The face that the finder sees in a box, brought closer; else the box taken for one.

    Args:
        image: RGB.
        box: left, top, right and bottom, px.
        to: the domain to translate to: a face that is not seen is taken to be of the other one.

    Returns:
        The face; its score is 0 if the finder does not see it.
    """
    x, y, side = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, max(box[2] - box[0], box[3] - box[1])
    frame, view = around((x, y), side), around((x, y), VIEW * side)
    back = view.then(scaling(PIXELS)).inverse
    for face in default_finder(1)(align(image, view, PIXELS)):
        found = replace(face, landmarks=back(face.landmarks))
        middle = frame(found.crop.inverse(np.array([0.5, 0.5])))
        if ((middle >= 0) & (middle <= 1)).all() and 1 / ALIKE < found.crop.scale * side < ALIKE:
            return found
    return Face(frame.inverse(TEMPLATE), other(to or "real"), 0.0)
