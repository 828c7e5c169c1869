"""A face from its first frame to its last: while frames come, and when it is finished; and both as records for JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import Domain
from anime2real.face.geometry import Face
from anime2real.face.who import Labels

SHORTEST: Final = 3
"""Fewest frames of a face that is lost again; with fewer it was no face."""

IMPRESSIONS: Final = 10
"""Most moments of a face that say how old it looks, and whether it is a man's or a woman's."""


@dataclass(frozen=True)
class Track:
    """One face, from frame `first` on.

    Attributes:
        first: number of its first frame in the clip.
        landmarks: (T, 5, 2), px, of T frames in a row.
        domain: the domain that most of its frames have.
        looks: the sex, from -1 (woman) to 1 (man), and the age in years that it has in the median; None if nobody
            looked.
    """

    first: int
    landmarks: NDArray[np.float64]
    domain: Domain
    looks: tuple[float, float] | None = None

    @property
    def end(self) -> int:
        """Number of the first frame after it."""
        return self.first + len(self.landmarks)

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first,
            "domain": self.domain,
            "landmarks": self.landmarks.tolist(),
            "looks": self.looks,
        }

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Track":
        """The track of a record."""
        landmarks = np.array(record["landmarks"], np.float64).reshape(-1, 5, 2)
        looks = record["looks"]
        if looks is not None:
            sex, age = map(float, looks)
            looks = sex, age
        return cls(record["first"], landmarks, record["domain"], looks)


@dataclass
class Impressions:
    """How a face looks at moments spread evenly over the time that it has been seen, however long that is.

    Attributes:
        seen: sex and age at each, `IMPRESSIONS` at most.
        every: of so many moments one is taken.
        passed: moments so far.
    """

    seen: list[list[float]] = field(default_factory=list)
    every: int = 1
    passed: int = 0

    def due(self) -> bool:
        """Whether this moment, one more, is to be taken."""
        self.passed += 1
        return (self.passed - 1) % self.every == 0

    def take(self, labels: Labels) -> None:
        """Take a moment; where they become too many, every second one is dropped."""
        self.seen.append([labels.sex, labels.age])
        if len(self.seen) > IMPRESSIONS:
            del self.seen[1::2]
            self.every *= 2

    def median(self) -> tuple[float, float] | None:
        """Sex and age."""
        if not self.seen:
            return None
        sex, age = np.median(self.seen, axis=0).tolist()
        return sex, age


@dataclass(eq=False)  # one is equal to itself alone: faces that began at one time are told apart
class Live:
    """A track that is not finished.

    Attributes:
        first: number of its first frame.
        seen: the face in each frame since, None in a gap.
        misses: runs of the finder in a row that have not seen it.
        lost_at: since when it is gone, s; None while it is there.
        impressions: of it.
    """

    first: int
    seen: list[Face | None]
    misses: int = 0
    lost_at: float | None = None
    impressions: Impressions = field(default_factory=Impressions)

    @property
    def last(self) -> Face:
        """The face where it was seen last."""
        return next(face for face in reversed(self.seen) if face is not None)

    @property
    def next(self) -> Face:
        """Where the face will be in the next frame if it goes on as from the frame before to this one."""
        return onward(self.seen)

    def finished(self, *, lost: bool) -> Track | None:
        """The track, its gaps filled and what comes after its last face cut off; None if it was lost too soon."""
        places = [place for place, face in enumerate(self.seen) if face is not None]
        faces = [face for face in self.seen if face is not None]
        if lost and len(faces) < SHORTEST:
            return None
        flat = np.stack([face.landmarks for face in faces]).reshape(len(faces), 10)
        whole = np.arange(places[0], places[-1] + 1)
        filled = np.stack([np.interp(whole, places, flat[:, i]) for i in range(10)], axis=1)
        real = 2 * sum(face.domain == "real" for face in faces) >= len(faces)
        domain: Domain = "real" if real else "anime"
        return Track(self.first, filled.reshape(-1, 5, 2), domain, self.impressions.median())

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        seen = [None if face is None else [face.landmarks.tolist(), face.domain, face.score] for face in self.seen]
        return {
            "first": self.first,
            "seen": seen,
            "misses": self.misses,
            "lost_at": self.lost_at,
            "impressions": vars(self.impressions),
        }

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Live":
        """The track of a record."""
        return cls(**record | {"seen": list(map(_face, record["seen"])), "impressions": _impressions(record)})


def onward(seen: Sequence[Face | None]) -> Face:
    """Where a face will be next that goes on as it did.

    The landmark network errs by how far a face lies from the middle of its square: where that follows the face, less.

    Args:
        seen: of each frame so far; the last one has it.
    """
    *before, last = [face for face in seen[-2:] if face is not None]
    return replace(last, landmarks=2 * last.landmarks - before[0].landmarks) if before else last


def _face(record: list[Any] | None) -> Face | None:
    if record is None:
        return None
    landmarks, domain, score = record
    return Face(np.array(landmarks, np.float64).reshape(5, 2), domain, float(score))


def _impressions(record: dict[str, Any]) -> Impressions:
    return Impressions(**record["impressions"])
