"""What a face is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import Domain
from anime2real.face.geometry import Similarity, tilt_of, to_template


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        landmarks: (5, 2), px of the picture, x then y, pixel centres at whole numbers + 0.5: the eye on the left of the
            face when it is upright, the other eye, the nose, the mouth corner on the left, the other one.
        domain: drawn or photographed.
        score: in [0, 1], how sure it is that this is a face.
    """

    landmarks: NDArray[np.float64]
    domain: Domain
    score: float

    @property
    def tilt(self) -> float:
        """Radians, the eye line against the horizontal, positive clockwise on screen."""
        return tilt_of(self.landmarks)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in px, of the upright square that its crop covers if it is not tilted."""
        crop = self.crop
        x, y = crop.inverse(np.array([[0.5, 0.5]]))[0]
        half = 0.5 / crop.scale
        return float(x - half), float(y - half), float(x + half), float(y + half)

    @property
    def crop(self) -> Similarity:
        """From px of the picture to the unit square of the aligned crop."""
        return to_template(self.landmarks)

    def as_record(self) -> dict[str, Any]:
        """For JSON: box, landmarks, tilt_degrees, domain, score."""
        return {
            "box": [round(v, 1) for v in self.box],
            "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in self.landmarks],
            "tilt_degrees": round(float(np.degrees(self.tilt)), 2),
            "domain": self.domain,
            "score": round(self.score, 4),
        }
