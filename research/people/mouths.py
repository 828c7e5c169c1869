"""How far the mouths of pictures of people are open, by mediapipe's points, for kept.py; in an environment of its own.

    python -m venv teachers && teachers/bin/pip install mediapipe==0.10.21   # it wants numpy < 2
    teachers/bin/python research/people/mouths.py MOUTHS.json RESULTS/PEM-real ...

MOUTHS.json gets, for each folder and picture, the gap between the inner lips in eye distances, null where no face is
found. The label network read the mouths that training holds results to; these points did not.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from PIL import Image

PX = 384
"""Px a side that pictures are brought to: the detector inside likes no small ones."""

LIPS = (13, 14)
EYES = ((33, 133), (263, 362))
"""Points of the lips' inner edges, in the middle, and of the corners of each eye."""


def gap_of(mesh: Any, path: Path) -> float | None:
    """The gap between the lips in eye distances."""
    picture = Image.open(path).convert("RGB").resize((PX, PX), Image.Resampling.BICUBIC)
    faces = mesh.process(np.asarray(picture)).multi_face_landmarks
    if not faces:
        return None
    points = np.array([(p.x, p.y) for p in faces[0].landmark])
    left, right = (points[list(corners)].mean(0) for corners in EYES)
    return float(np.linalg.norm(points[LIPS[0]] - points[LIPS[1]]) / np.linalg.norm(left - right))


def main() -> None:
    """Write the gaps of all folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("folders", nargs="+", type=Path)
    options = parser.parse_args()
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.2
    )
    gaps = {
        folder.name: {path.stem: gap_of(mesh, path) for path in sorted(folder.glob("*.png"))}
        for folder in options.folders
    }
    options.output.write_text(json.dumps(gaps))


if __name__ == "__main__":
    main()
