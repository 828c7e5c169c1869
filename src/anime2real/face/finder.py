"""Find faces of both domains in pictures, their landmarks, and what they show, with three small networks of our own.

The detector runs on the picture at several sizes, each half of the one before; for each 8 by 8 px it gives the score of
a face whose middle lies there, the face's size, and whether it is drawn. The landmark network then runs twice: on the
square around the face, and on the same square turned upright by the first landmarks. Where no sure face is found, both
look once more for one that fills the picture. A third network, asked where it is wanted, reads off a face who it shows.
`scripts/train_detector.py`, `label_faces.py`, `train_landmarks.py`, `research/false_faces/train_verdict.py` and
`research/labels/train_labels.py` made them; research/labels/README.md has the errors of the third on faces that it
never saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Face, Points, align, around, scaling, tilt_of, windows
from anime2real.face.who import LABEL_CROP, LABELS, Labels
from anime2real.image.picture import Picture
from anime2real.session import loaded_once, open_session, to_float

MODELS: Final = Path(__file__).parent / "models"

STRIDE: Final = 8
REFERENCE: Final = 32.0
LARGEST: Final = 1280
"""Longer side of the largest picture that the detector gets, px; faces under a fortieth of it are missed."""

SMALLEST: Final = 96
"""Longer side at which the halving ends, px, so that a face that fills the picture becomes small enough."""

SEEN: Final = 0.35
"""Lowest score of the detector at which the landmark network is asked."""

OVERLAP: Final = 0.35

CROP: Final = 64
"""Pixels a side of the landmark network's crops."""

UNIT_SIDE: Final = 3.0
"""Side of a face's square in units of the face: the mean of the eye distance and 1.1 × that from eyes to mouth."""

FIRST_LOOK: Final = 1.2
"""Side of the landmark network's first square, in sides of the detector's."""

SCORE: Final = 0.6

SURE: Final = 0.7
"""Where no face has this score, the finder looks for one that fills the picture."""

CANVAS: Final = 256
"""Pixels a side of the canvas for that: twice the picture's longer side, what lies beyond it filled quietly."""

CLOSE: Final = 0.85
"""Least side of such a face's square, in shares of the picture's shorter side; eyes and mouths give smaller ones."""

SMALL: Final = 0.25
"""A face is small if its frame is under this share of the picture's shorter side."""

MORE_IF_SMALL: Final = 0.02
"""Small faces need this much more score: there are more places where grass or gravel looks like one by chance."""

LESS_IF_CLOSE: Final = 0.03
"""A face that fills its picture needs so much less: there is one place for it."""

IN_RESULT: Final = 0.5
"""Score of the landmark network below which a result is no face."""


@dataclass(frozen=True)
class Candidate:
    """A face that the detector finds: centre and side in px of the picture."""

    x: float
    y: float
    side: float
    real: float
    score: float


class FaceFinder:
    """Finds the faces in pictures; it loads the networks once.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._detector = open_session(MODELS / "detector.onnx", threads)
        self._landmarks = open_session(MODELS / "landmarks.onnx", threads)

    def __call__(self, image: Image.Image, *, score: float = SCORE, largest: int = LARGEST) -> list[Face]:
        """The faces in an RGB picture, the largest first.

        Args:
            score: lowest of a face, in [0, 1]; small ones need `MORE_IF_SMALL` more, close-ups `LESS_IF_CLOSE` less.
            largest: longer side of the largest picture that the detector gets, px: half of it takes a quarter as long.
        """
        return self.faces_of(image, self.candidates(image, largest), score)

    def faces_of(self, image: Image.Image, candidates: list[Candidate], score: float = SCORE) -> list[Face]:
        """The faces in an RGB picture, of which the candidates are known, the largest first."""
        faces = self.confirmed(image, best := suppressed(candidates), score)
        if not faces:
            # A lock of hair with a higher score than the face around it hides that face, and only the landmark network
            # refuses it. Try the candidates that overlapped the refused ones.
            faces = self.confirmed(image, [c for c in candidates if c not in best], score)
        if max((face.score for face in faces), default=0.0) < SURE:
            faces = self._close_up(image, score - LESS_IF_CLOSE) or faces
        return sorted(faces, key=lambda face: face.crop.scale)

    def candidates(self, image: Image.Image, largest: int = LARGEST) -> list[Candidate]:
        """The candidates in an RGB picture whose score is at least `SEEN`; some may be the same face at two sizes."""
        found = self._at_sizes(image, largest)
        for left, top, right, bottom in windows(image.size, LARGEST):
            part = self._at_sizes(image.crop((left, top, right, bottom)), largest)
            found += [replace(c, x=c.x + left, y=c.y + top) for c in part]
        return found

    def _at_sizes(self, image: Image.Image, largest: int) -> list[Candidate]:
        factor = (min(largest, max(image.size)) if max(image.size) >= SMALLEST else SMALLEST) / max(image.size)
        found: list[Candidate] = []
        while True:
            size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
            share = image.width // size[0]
            whole = share > 1 and image.size == (share * size[0], share * size[1])  # takes a quarter of the time
            by = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
            found += self._detect(image.reduce(share) if whole else image.resize(size, by), image.size)
            if max(size) / 2 < SMALLEST:
                return found
            factor /= 2

    def _detect(self, small: Image.Image, original: tuple[int, int]) -> list[Candidate]:
        pixels = np.asarray(small)
        height, width = (-(-s // 32) * 32 for s in pixels.shape[:2])
        # Grey around: a face that fills the picture ends at its border.
        padded = np.full((height, width, 3), 127, np.uint8)
        padded[: pixels.shape[0], : pixels.shape[1]] = pixels
        answers: NDArray[np.float32] = self._detector.run(["answers"], {"image": to_float(padded[None])})[0][0]
        heat = answers[0]
        wide = np.pad(heat, 1, constant_values=0)
        rows = np.maximum(np.maximum(wide[:-2], wide[1:-1]), wide[2:])
        highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
        scale = np.array(original) / small.size
        result = []
        for row, column in np.argwhere((heat >= SEEN) & (heat >= highest)):
            _, real, size, dx, dy = answers[:, row, column].tolist()
            x, y = (column + 0.5 + dx) * STRIDE * scale[0], (row + 0.5 + dy) * STRIDE * scale[1]
            side = REFERENCE * 2.0**size * float(scale.mean())
            result.append(Candidate(float(x), float(y), side, real, float(heat[row, column])))
        return result

    def _close_up(self, image: Image.Image, score: float) -> list[Face]:
        """The face that fills a picture, if there is one, which the detector sees where there is room around it."""
        around_it = around((image.width / 2, image.height / 2), 2.0 * max(image.size))
        back = around_it.then(scaling(CANVAS)).inverse
        seen = self.candidates(align(image, around_it, CANVAS))
        places = [back(np.array([c.x, c.y])) for c in seen]
        candidates = [
            replace(c, x=float(x), y=float(y), side=c.side * back.scale)
            for c, (x, y) in zip(seen, places, strict=True)
            if 0 <= x <= image.width and 0 <= y <= image.height
        ]
        found = self.confirmed(image, suppressed(candidates), score)
        return [face for face in found if square_of(face.landmarks)[2] >= CLOSE * min(image.size)][:1]

    def confirmed(self, image: Image.Image, candidates: list[Candidate], score: float) -> list[Face]:
        """The candidates that the landmark network, run twice, confirms; `score` as of a call."""
        if not candidates:
            return []
        first, _ = self.look(image, [(c.x, c.y, FIRST_LOOK * c.side, 0.0) for c in candidates])
        squares = [square_of(p) for p in first]
        points, verdicts = self.look(image, squares)
        faces = []
        for candidate, square, landmarks, verdict in zip(candidates, squares, points, verdicts, strict=True):
            agreement = _agreement(candidate, square, square_of(landmarks))
            certainty = float(np.sqrt(candidate.score * verdict[0])) * agreement
            real = (candidate.real + float(verdict[1])) / 2  # each errs where the other does not
            faces.append(Face(landmarks, "real" if real >= 0.5 else "anime", certainty))
        small = SMALL * min(image.size)
        more = {True: MORE_IF_SMALL, False: 0.0}
        return [face for face in _distinct(faces) if face.score >= score + more[face.box[2] - face.box[0] < small]]

    def look(
        self, image: Picture, squares: Sequence[tuple[float, float, float, float]]
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


class Labeller:
    """Says what faces show; it loads the network once.

    Args:
        threads: CPU threads; the library's choice if not given.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._session = open_session(LABELS, threads)

    def __call__(self, image: Picture, faces: Sequence[Face]) -> list[Labels]:
        """The labels of faces in an RGB picture."""
        # The edge is repeated beyond the picture, as in training: a mirror image would show a second face.
        crops = [np.asarray(align(image, face.crop, LABEL_CROP, beyond="edge")) for face in faces]
        return self.of_crops(np.stack(crops)) if crops else []

    def of_crops(self, crops: NDArray[np.uint8]) -> list[Labels]:
        """The labels of upright crops, (K, `LABEL_CROP`, `LABEL_CROP`, 3) sRGB."""
        rows: NDArray[np.float32] = self._session.run(None, {"image": to_float(crops)})[0]
        return [Labels(*map(float, row)) for row in rows]


@loaded_once
def default_finder(threads: int | None = None) -> FaceFinder:
    """The finder of this process, for each number of threads."""
    return FaceFinder(threads=threads)


@loaded_once
def default_labeller(threads: int | None = None) -> Labeller:
    """The labeller of this process, for each number of threads."""
    return Labeller(threads=threads)


def located(result: NDArray[np.uint8], points: Points) -> Points | None:
    """The landmarks (5, 2), px, of the face in a result (S, S, 3), None if there is none.

    Those of its input, `points`, are near, and not the same: a person's eyes lie closer together than drawn ones.
    """
    found, scores = default_finder(1).look(Image.fromarray(result), [square_of(points)])
    return found[0] if scores[0, 0] >= IN_RESULT else None


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


def _distinct(faces: list[Face]) -> list[Face]:
    """The faces without duplicates; of those in one place the highest score stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        x, y, side, _ = square_of(face.landmarks)
        squares = (square_of(other.landmarks) for other in kept)
        if all(np.hypot(x - a, y - b) > 0.4 * max(side, c) for a, b, c, _ in squares):
            kept.append(face)
    return kept


def suppressed(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates with the highest scores among those that overlap."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        if all(_overlap(candidate, other) < OVERLAP for other in kept):
            kept.append(candidate)
    return kept


def _overlap(one: Candidate, two: Candidate) -> float:
    """Share of the smaller square that lies in the other, at least as large."""
    width, height = (max(0.0, (one.side + two.side) / 2 - abs(a - b)) for a, b in ((one.x, two.x), (one.y, two.y)))
    shared = min(width, one.side, two.side) * min(height, one.side, two.side)
    return shared / min(one.side, two.side) ** 2
