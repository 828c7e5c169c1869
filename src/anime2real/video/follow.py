"""Find faces in a frame of a clip, and follow them into the next one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from anime2real.face.finder import LARGEST, SCORE, FaceFinder, square_of, suppressed
from anime2real.face.geometry import Face
from anime2real.image.picture import Picture

FAR: Final = 0.06
"""If a face is further from where it should be than this share of its square, the landmark network runs again."""

NEAR: Final = 0.4
"""What the detector sees is a face if their middles are nearer than this share of the larger one's side."""


class FollowingFinder:
    """What `Tracker` asks for faces.

    Args:
        finder: finds them, and has the landmark network.
    """

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder

    def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
        """The faces in an RGB picture, as the detector sees it when it is halved `coarse` times.

        Args:
            image: a frame.
            coarse: how often it is halved.
            known: faces that the landmark network has just followed to this frame: where the detector is sure of one,
                it is there, and the landmark network looks at others alone.
        """
        new, seen = self._finder.candidates(image, LARGEST >> coarse), []
        for face in known:
            x, y, side, _ = square_of(face.landmarks)
            near = [c for c in new if np.hypot(c.x - x, c.y - y) < NEAR * max(c.side, side)]
            if any(c.score >= SCORE for c in near):
                seen.append(face)
                new = [c for c in new if c not in near]
        if not seen:
            return self._finder.faces_of(image, new)
        return seen + self._finder.confirmed(image, suppressed(new), SCORE)

    def follow(self, image: Picture, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame of a clip: the landmark network looks where each should be.

        Args:
            image: RGB, the next frame.
            faces: where they should be in it, if they go on as they did; where one is far from there, it looks again.

        Returns:
            As many, in order; their scores are those of the landmark network, low if there is no face.
        """
        if not faces:
            return []
        before = [square_of(face.landmarks) for face in faces]
        points, verdicts = self._finder.look(image, before)
        after = [square_of(p) for p in points]
        far = [
            i
            for i, (a, b) in enumerate(zip(before, after, strict=True))
            if np.hypot(b[0] - a[0], b[1] - a[1]) > FAR * a[2]
        ]
        if far:
            points[far], verdicts[far] = self._finder.look(image, [after[i] for i in far])
        return [
            Face(landmarks, "real" if real >= 0.5 else "anime", float(sure))
            for landmarks, (sure, real) in zip(points, verdicts, strict=True)
        ]
