"""Is there a face in the result, is it tilted as the input's was, and are its parts where they were?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import Domain
from anime2real.face.geometry import Face, fit, tilt_of
from anime2real.measure.distances import interval

BINS = ((0.0, 10.0), (10.0, 20.0), (20.0, 30.0), (30.0, 180.0))
"""Degrees of the input's tilt, either way."""


@dataclass(frozen=True)
class FaceFigures:
    """Of N results; NaN where there is none to measure.

    Attributes:
        found: (N,) of bool: a face of the target domain is there.
        tilt_error: (N,) degrees, absolute, NaN where no face was found.
        arrangement: (N,) mean distance of the landmarks from the input's, after aligning, in the input's eye
            distances; NaN where no face was found.
        tilt: (N,) degrees, of the input.
    """

    found: NDArray[np.bool_]
    tilt_error: NDArray[np.float64]
    arrangement: NDArray[np.float64]
    tilt: NDArray[np.float64]

    def as_record(self) -> dict[str, Any]:
        """For JSON: over all, with 95 % bootstrap intervals, and in bins of the input's tilt."""
        record = self._summary(np.ones(len(self.found), bool))
        record["tilt_bins"] = [
            {"from": low, "to": high} | self._summary((abs(self.tilt) >= low) & (abs(self.tilt) < high))
            for low, high in BINS
        ]
        return record

    def _summary(self, rows: NDArray[np.bool_]) -> dict[str, Any]:
        summary: dict[str, Any] = {"images": int(rows.sum())}
        for name, values in (
            ("face_rate", self.found.astype(np.float64)),
            ("tilt_mae_degrees", self.tilt_error),
            ("arrangement_nme", self.arrangement),
        ):
            known = values[rows & ~np.isnan(values)]
            summary[name] = round(float(known.mean()), 4) if len(known) else None
            summary[f"{name}_interval"] = [round(v, 4) for v in interval(known)] if len(known) else None
        return summary


def compare_faces(inputs: NDArray[np.float64], results: Sequence[Sequence[Face]], target: Domain) -> FaceFigures:
    """Compare results with what went in.

    Args:
        inputs: landmarks (N, 5, 2) of the inputs, px.
        results: the faces found in each result, the largest first, in px of the same size.
        target: the domain that they should be of.
    """
    found = np.array([any(face.domain == target for face in faces) for faces in results], bool)
    tilt_error = np.full(len(inputs), np.nan)
    arrangement = np.full(len(inputs), np.nan)
    for i, faces in enumerate(results):
        if found[i]:
            face = next(face for face in faces if face.domain == target)
            difference = face.tilt - tilt_of(inputs[i])
            tilt_error[i] = abs(np.degrees((difference + np.pi) % (2 * np.pi) - np.pi))
            arrangement[i] = misplacement(inputs[i], face.landmarks)
    return FaceFigures(found, tilt_error, arrangement, np.degrees([tilt_of(points) for points in inputs]))


def misplacement(expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Mean distance of landmarks (5, 2) from expected ones after the best similarity, in expected eye distances."""
    aligned = fit(found, expected)(found)
    distance = float(np.hypot(*(expected[1] - expected[0])))
    return float(np.hypot(*(aligned - expected).T).mean() / distance)
