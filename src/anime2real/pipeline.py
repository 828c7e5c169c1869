"""The crops that a bundle takes, cut out of a picture, and results put back where they came from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.face.face import Face
from anime2real.face.geometry import TEMPLATE, Similarity, align, around, paste, upright
from anime2real.image.picture import centre_box, square


@dataclass(frozen=True)
class Crops:
    """K squares of a picture, as a network takes them.

    Attributes:
        pixels: (K, S, S, 3), sRGB.
        frames: from px of the picture to the unit square, K of them.
        landmarks: (K, 5, 2), shares of the crop's side.
    """

    pixels: NDArray[np.uint8]
    frames: tuple[Similarity, ...]
    landmarks: NDArray[np.float64]


def line_up(image: Image.Image, faces: Sequence[Face], bundle: Bundle) -> Crops:
    """Cut out each of at least one face: upright, or leaning as it leans if the bundle wants to know how."""
    # Whoever is told the tilt wants to see it.
    frames = tuple(upright(face.crop) if bundle.leaning else face.crop for face in faces)
    landmarks = np.stack([frame(face.landmarks) for frame, face in zip(frames, faces, strict=True)])
    return Crops(np.stack([np.asarray(align(image, frame, bundle.px)) for frame in frames]), frames, landmarks)


def centre(image: Image.Image, px: int) -> Crops:
    """The centre square, taken for one upright face."""
    left, top, side = centre_box(*image.size)
    frame = around((left + side / 2, top + side / 2), side)
    return Crops(np.asarray(square(image, px))[None], (frame,), TEMPLATE[None])


def put_back(image: Image.Image, frames: Sequence[Similarity], results: NDArray[np.uint8]) -> Image.Image:
    """A copy of the picture with results (K, S, S, 3) where `frames` cut them out; the first comes on top."""
    for frame, result in reversed(list(zip(frames, results, strict=True))):
        image = paste(image, Image.fromarray(result), frame)
    return image
