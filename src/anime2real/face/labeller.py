"""What faces show, read off them by a small network of our own: sex, age, mouth, smile, eyes, glasses.

`research/labels/train_labels.py` made the network; research/labels/README.md has its errors on faces it never saw.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Face, align
from anime2real.face.who import Labels
from anime2real.network import loaded_once, open_session, to_float

LABELS: Final = Path(__file__).parent / "models" / "labels.onnx"
"""The network."""

LABEL_CROP: Final = 112
"""Pixels a side of its crops."""


class Labeller:
    """Says what faces show; it loads the network once.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._session = open_session(LABELS, threads)

    def __call__(self, image: Image.Image, faces: Sequence[Face]) -> list[Labels]:
        """The labels of faces in an RGB picture."""
        # The edge is repeated beyond the picture, as in training: a mirror image would show a second face.
        crops = [np.asarray(align(image, face.crop, LABEL_CROP, beyond="edge")) for face in faces]
        return self.of_crops(np.stack(crops)) if crops else []

    def of_crops(self, crops: NDArray[np.uint8]) -> list[Labels]:
        """The labels of upright crops, (K, `LABEL_CROP`, `LABEL_CROP`, 3) sRGB."""
        rows: Any = self._session.run(None, {"image": to_float(crops)})[0]
        return [Labels(*map(float, row)) for row in rows]


@loaded_once
def default_labeller(threads: int | None = None) -> Labeller:
    """The labeller of this process, for each number of threads."""
    return Labeller(threads=threads)
