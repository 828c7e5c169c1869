"""Where a crop shows the head: face and hair, drawn or photographed, found by a small network of our own.

`research/head_masks` made the network, from photographs with labelled parts and from what `galatea` drew of them.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.finder import MODELS
from anime2real.image.guided_filter import along_edges
from anime2real.session import loaded_once, open_session, to_float

SIDE: Final = 128
"""Pixels a side that the network sees; its answers have half as many."""

RADIUS: Final = 1 / 40
"""Of the guided filter that brings a mask to the edges of its crop, shares of the side."""

SMOOTHNESS: Final = 1e-3

CERTAIN: Final = 0.25
"""Levels this near to 0 and 1 become 0 and 1."""

Masks = NDArray[np.float32]


def head_masks(crops: NDArray[np.uint8]) -> Masks:
    """Where crops show the head, (N, S, S) in [0, 1].

    Args:
        crops: (N, S, S, 3) sRGB, of faces lined up or upright.
    """
    return fine_masks(head_levels(crops), crops)


def head_levels(crops: NDArray[np.uint8]) -> Masks:
    """What the network says of crops (N, S, S, 3), (N, 64, 64) in [0, 1]: rough masks, which `fine_masks` completes."""
    return np.asarray(face_and_hair(crops).max(1))


def face_and_hair(crops: NDArray[np.uint8]) -> Masks:
    """Where the network sees the face and the hair, (N, 2, 64, 64) in [0, 1], of crops as of `head_masks`."""
    small = np.stack([np.asarray(Image.fromarray(c).resize((SIDE, SIDE), Image.Resampling.BOX)) for c in crops])
    return np.asarray(_session(1).run(["masks"], {"image": to_float(small)})[0])


def fine_masks(levels: Masks, crops: NDArray[np.uint8]) -> Masks:
    """Rough masks (N, 64, 64) at the size of their crops (N, S, S, 3) and along their edges, (N, S, S)."""
    return np.stack([_fine(*each) for each in zip(levels, crops, strict=True)])


def _fine(level: NDArray[np.float32], crop: NDArray[np.uint8]) -> Masks:
    """The network's answer, (64, 64), at the size of a crop (S, S, 3) and along its edges."""
    return along_edges(level, crop, max(1, round(RADIUS * len(level))), SMOOTHNESS, certain=CERTAIN)


@loaded_once
def _session(threads: int) -> Any:
    return open_session(MODELS / "head.onnx", threads)
