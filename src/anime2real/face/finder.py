"""Find faces of both domains in pictures, and their landmarks, with two small networks of our own.

The detector gives the centre of each face, its size, and whether it is drawn. The landmark network then runs twice: on
the square around the face, and on the same square turned upright by the first landmarks. Where no sure face is found,
both look once more for one that fills the picture. `scripts/label_faces.py` and `train_landmarks.py` made the second.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.detector import MODELS, Candidate, Detector, suppressed
from anime2real.face.geometry import Face, align, around, scaling, tilt_of
from anime2real.face.who import Labels
from anime2real.image.given import Picture, to_image
from anime2real.network import loaded_once, open_session, to_float

CROP: Final = 64
"""Pixels a side of the landmark network's crops."""

LABELS: Final = "labels.onnx"
LABEL_CROP: Final = 112
"""Pixels a side of the label network's crops."""

UNIT_SIDE: Final = 3.0
"""Side of a face's square in units of the face: the mean of the eye distance and 1.1 × that from eyes to mouth."""

FIRST_LOOK: Final = 1.2
"""Side of the landmark network's first square, in sides of the detector's."""

SCORE: Final = 0.55

SURE: Final = 0.7
"""Where no face has this score, the finder looks for one that fills the picture and goes beyond it."""

CANVAS: Final = 256
"""Pixels a side of the canvas for that: twice the picture's longer side, what lies beyond it filled quietly."""

CLOSE: Final = 0.85
"""Least side of such a face's square, in shares of the picture's shorter side; eyes and mouths give smaller ones."""

SMALL: Final = 0.25
"""A face is small if its frame is under this share of the picture's shorter side."""

MORE_IF_SMALL: Final = 0.07
"""Small faces need this much more score: there are more places where grass or gravel looks like one by chance."""

FAR: Final = 0.06
"""If a face of a clip has moved by more than this share of its square, the landmark network runs on it again."""


class FaceFinder:
    """Finds the faces in pictures; it loads the networks once.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._detector = Detector(threads=threads)
        self._landmarks = open_session(MODELS / "landmarks.onnx", threads)

    def __call__(self, image: Image.Image, *, score: float = SCORE) -> list[Face]:
        """The faces in an RGB picture, the largest first.

        Args:
            image: of any size.
            score: lowest score of a face, in [0, 1]; small faces need `MORE_IF_SMALL` more.
        """
        candidates = self._detector(image)
        best = suppressed(candidates)
        faces = self._confirmed(image, best, score)
        if not faces:
            # A lock of hair with a higher score than the face around it hides that face, and only the landmark network
            # refuses it. Try the candidates that overlapped the refused ones.
            faces = self._confirmed(image, [c for c in candidates if c not in best], score)
        if max((face.score for face in faces), default=0.0) < SURE:
            faces = self._close_up(image, score) or faces
        return sorted(faces, key=lambda face: face.crop.scale)

    def _close_up(self, image: Image.Image, score: float) -> list[Face]:
        """The face that fills a picture, which the detector sees where there is room around it; a list of at most one.

        Such faces went unseen, or one of their eyes was taken for a face.
        """
        around_it = around((image.width / 2, image.height / 2), 2.0 * max(image.size))
        back = around_it.then(scaling(CANVAS)).inverse
        seen = self._detector(align(image, around_it, CANVAS))
        places = [back(np.array([c.x, c.y])) for c in seen]
        candidates = [
            replace(c, x=float(x), y=float(y), side=c.side * back.scale)
            for c, (x, y) in zip(seen, places, strict=True)
            if 0 <= x <= image.width and 0 <= y <= image.height
        ]
        found = self._confirmed(image, suppressed(candidates), score)
        return [face for face in found if square_of(face.landmarks)[2] >= CLOSE * min(image.size)][:1]

    def _confirmed(self, image: Image.Image, candidates: list[Candidate], score: float) -> list[Face]:
        """The candidates that the landmark network, run twice, confirms."""
        if not candidates:
            return []
        squares = [(c.x, c.y, FIRST_LOOK * c.side, 0.0) for c in candidates]
        first, _ = self.look(image, squares)
        squares = [square_of(p) for p in first]
        points, verdicts = self.look(image, squares)
        faces = []
        for candidate, square, landmarks, verdict in zip(candidates, squares, points, verdicts, strict=True):
            agreement = _agreement(candidate, square, square_of(landmarks))
            certainty = float(np.sqrt(candidate.score * verdict[0])) * agreement
            real = (candidate.real + 2 * float(verdict[1])) / 3
            faces.append(Face(landmarks, "real" if real >= 0.5 else "anime", certainty))
        return [face for face in _distinct(faces) if face.score >= _least(face, image, score)]

    def look(
        self, image: Image.Image, squares: Sequence[tuple[float, float, float, float]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Run the landmark network on squares of a picture.

        Args:
            image: RGB.
            squares: centre x and y, side (px) and tilt (radians) of each.

        Returns:
            landmarks (N, 5, 2) in px of the picture; scores (N, 2) in [0, 1]: that it is a face; that it is a real one.
        """
        frames = [around((x, y), max(side, 1e-3), tilt) for x, y, side, tilt in squares]
        crops = np.stack([np.asarray(align(image, frame, CROP, beyond="edge")) for frame in frames])
        points, verdicts = self._landmarks.run(["points", "verdict"], {"image": to_float(crops)})
        located = np.stack([frame.inverse(p.astype(np.float64)) for frame, p in zip(frames, points, strict=True)])
        return located, verdicts.astype(np.float64)

    def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame of a clip: the landmark network runs where each was, twice if it moved far.

        Args:
            image: RGB, the next frame.
            faces: of the frame before.

        Returns:
            As many, in order; their scores are those of the landmark network, low if there is no face.
        """
        if not faces:
            return []
        before = [square_of(face.landmarks) for face in faces]
        points, verdicts = self.look(image, before)
        after = [square_of(p) for p in points]
        far = [
            i
            for i, (a, b) in enumerate(zip(before, after, strict=True))
            if np.hypot(b[0] - a[0], b[1] - a[1]) > FAR * a[2]
        ]
        if far:
            points[far], verdicts[far] = self.look(image, [after[i] for i in far])
        return [
            Face(landmarks, "real" if real >= 0.5 else "anime", float(sure))
            for landmarks, (sure, real) in zip(points, verdicts, strict=True)
        ]


class Labeller:
    """Says what faces show: sex, age, mouth, smile, eyes, glasses; it loads the network once.

    `research/labels/train_labels.py` made the network; research/labels/README.md has its errors on faces it never saw.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._session = open_session(MODELS / LABELS, threads)

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


@loaded_once
def default_finder(threads: int | None = None) -> FaceFinder:
    """The finder of this process, for each number of threads."""
    return FaceFinder(threads=threads)


def find_faces(picture: Picture) -> list[Face]:
    """The faces in a picture, the largest first.

    Args:
        picture: a Pillow image, an (H, W, 3) uint8 array, or a file.

    Raises:
        PictureError: the file cannot be read, or the array is none of a picture.
    """
    return default_finder()(to_image(picture))


def square_of(landmarks: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Centre and side, px, and tilt, radians, of the landmark network's second square, around landmarks (5, 2)."""
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    across = float(np.hypot(*(landmarks[1] - landmarks[0])))
    down = float(np.hypot(*(mouth - eyes)))
    x, y = (eyes + mouth) / 2
    return float(x), float(y), UNIT_SIDE * (across + 1.1 * down) / 2, tilt_of(landmarks)


def _agreement(
    candidate: Candidate, first: tuple[float, float, float, float], second: tuple[float, float, float, float]
) -> float:
    """How far the detector and the two runs of the landmark network agree on place and size of a face, in [0, 1].

    On a face they agree to a few hundredths of its side; on grass or fur they do not.
    """
    moved = np.hypot(second[0] - first[0], second[1] - first[1]) / second[2]
    grown = abs(np.log2(second[2] / first[2]))
    apart = np.hypot(second[0] - candidate.x, second[1] - candidate.y) / candidate.side
    return float(np.exp(-moved / 0.1 - grown / 0.5 - apart / 0.4))


def _least(face: Face, image: Image.Image, score: float) -> float:
    """The score that a face of this size needs."""
    left, _, right, _ = face.box
    return score + MORE_IF_SMALL if right - left < SMALL * min(image.size) else score


def _distinct(faces: list[Face]) -> list[Face]:
    """The faces without duplicates; of those in one place the highest score stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        x, y, side, _ = square_of(face.landmarks)
        squares = (square_of(other.landmarks) for other in kept)
        if all(np.hypot(x - a, y - b) > 0.4 * max(side, c) for a, b, c, _ in squares):
            kept.append(face)
    return kept
