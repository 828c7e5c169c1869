"""What a face shows, drawn or photographed: sex, age, mouth, smile, eyes and glasses, by a small network of our own.

It sees the upright crop of the face; `research/labels/train_labels.py` made it, and research/labels/README.md has its
errors on faces that it never saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Face, align
from anime2real.network import open_session, to_float

MODEL: Final = Path(__file__).parent / "models" / "labels.onnx"

CROP: Final = 112
"""Pixels a side of the network's crops."""


@dataclass(frozen=True)
class Labels:
    """How a face looks.

    Attributes:
        sex: from -1 (woman) to 1 (man).
        age: in years, 18 to 80; whoever looks younger is 18.
        mouth_open, smile, eyes_open, glasses: how sure that is, from 0 to 1.
    """

    sex: float
    age: float
    mouth_open: float
    smile: float
    eyes_open: float
    glasses: float

    def as_record(self) -> dict[str, Any]:
        """For JSON, rounded to what the network can tell."""
        return {
            "sex": round(self.sex, 2), "age": round(self.age), "mouth_open": round(self.mouth_open, 2),
            "smile": round(self.smile, 2), "eyes_open": round(self.eyes_open, 2), "glasses": round(self.glasses, 2),
        }  # fmt: skip


class Labeller:
    """Says what faces show; it loads the network once.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._session = open_session(MODEL, threads)

    def __call__(self, image: Image.Image, faces: Sequence[Face]) -> list[Labels]:
        """The labels of faces in an RGB picture."""
        # The edge is repeated beyond the picture, as in training: a mirror image would show a second face.
        crops = [np.asarray(align(image, face.crop, CROP, beyond="edge")) for face in faces]
        return self.of_crops(np.stack(crops)) if crops else []

    def of_crops(self, crops: NDArray[np.uint8]) -> list[Labels]:
        """The labels of upright crops, (K, `CROP`, `CROP`, 3) sRGB."""
        rows: Any = self._session.run(None, {"image": to_float(crops)})[0]
        return [Labels(*map(float, row)) for row in rows]


@lru_cache(maxsize=4)
def default_labeller(threads: int | None = None) -> Labeller:
    """The package's labeller, loaded once for each number of threads."""
    return Labeller(threads=threads)
