"""Follow faces through the frames of a clip.

The whole finder looks at every eighth frame, at cuts, and when a face is lost. In between the landmark network alone
looks where each face was in the frame before. A face that the finder meets for the first time is followed back to where
the finder looked last, so that it does not come late; one that is gone for less than a third of a second is one face,
and lies on a straight line in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.finder import square_of
from anime2real.face.geometry import Face

EVERY: Final = 8
"""Frames from one look at the whole frame to the next."""

BACK: Final = 32
"""Frames for which a new face is followed back at most; they are more than `EVERY` where a drawing was held."""

SEARCH: Final = 3
"""The same, while a face is lost."""

KEPT: Final = 0.5
"""Least verdict of the landmark network on a face that is followed; to be met first, a face needs the finder's."""

JUMP: Final = 0.3
"""A landmark network that sees the face moved by more than this share of its side from one frame to the next has lost
it."""

GROWTH: Final = 1.35
"""The same, for its size."""

SAME: Final = 0.35
"""Two faces whose middles are nearer than this share of the larger's side are one."""

MISSES: Final = 3
"""Looks at the whole frame in a row that may miss a face which the landmark network still sees."""

GAP_SECONDS: Final = 0.33
"""How long a face may be gone and still be the same one."""

SHORTEST: Final = 3
"""Frames; what is seen for less and then lost was no face."""

CUT: Final = 30.0
"""Mean difference of two frames, in grey levels of a 32×18 thumbnail, that makes a cut."""

HELD: Final = 1.5
"""A frame whose thumbnail nowhere differs by more from the last one that did is the same drawing, held."""


class Finder(Protocol):
    """What tracking needs of a `FaceFinder`."""

    def __call__(self, image: Image.Image) -> list[Face]:
        """The faces in a picture."""

    def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame."""


@dataclass(frozen=True)
class Frame:
    """A frame of a clip.

    Attributes:
        image: RGB, upright.
        time: s.
        pts: the same in the clip's own unit.
        duration: in that unit; 0 where the clip does not say.
    """

    image: Image.Image
    time: float
    pts: int
    duration: int = 0


@dataclass(frozen=True)
class Track:
    """One face, from frame `first` on.

    Attributes:
        first: number of its first frame in the clip.
        landmarks: (T, 5, 2), px, of T frames in a row.
        domain: drawn or photographed, as most of its frames have it.
    """

    first: int
    landmarks: NDArray[np.float64]
    domain: Domain

    @property
    def end(self) -> int:
        """Number of the first frame after it."""
        return self.first + len(self.landmarks)


@dataclass
class _Live:
    """A face that is being followed: where it was in each frame, None in a gap."""

    first: int
    seen: list[Face | None]
    misses: int = 0
    lost_at: float | None = None

    @property
    def last(self) -> Face:
        return next(face for face in reversed(self.seen) if face is not None)


class Tracker:
    """Feed it the frames in order, then take the tracks.

    Args:
        finder: to look with.
        every: frames from one look at the whole frame to the next.

    Attributes:
        held: of each frame, whether it repeats the one before.
    """

    def __init__(self, finder: Finder, every: int = EVERY) -> None:
        self._finder, self._every = finder, every
        self._live: list[_Live] = []
        self._done: list[Track] = []
        self._recent: list[Image.Image] = []  # the frames since the whole finder's last look
        self._thumbnail: NDArray[np.float64] | None = None
        self._number = 0
        self.held: list[bool] = []
        self._since = every

    def __call__(self, frame: Frame) -> None:
        """Take the next frame."""
        image = frame.image
        changed = self._changed(image)
        self.held.append(changed is not None and float(changed.max()) < HELD)
        self._number += 1
        if self.held[-1]:
            for live in self._live:
                live.seen.append(live.seen[-1])
            self._recent.append(self._recent[-1] if self._recent else image)  # a clip may stand still for long
            return
        if changed is not None and float(changed.mean()) > CUT:
            for live in self._live:
                self._finish(live, lost=False)
            self._live, self._recent, self._since = [], [], self._every
        lost = self._follow(image, frame.time)
        self._since += 1
        if lost or self._since >= (SEARCH if self._gone() else self._every):
            self._look(image)
            self._recent, self._since = [], 0
        else:
            self._recent.append(image)

    def tracks(self) -> list[Track]:
        """All tracks, by their first frame; no more frames may come."""
        for live in self._live:
            self._finish(live, lost=live.lost_at is not None)
        self._live = []
        return sorted(self._done, key=lambda track: track.first)

    def _gone(self) -> list[_Live]:
        return [live for live in self._live if live.lost_at is not None]

    def _changed(self, image: Image.Image) -> NDArray[np.float64] | None:
        """How far each pixel of the thumbnail is from that of the last frame that was not held; None at first."""
        small = image.convert("L").resize((32, 18), Image.Resampling.BOX)
        thumbnail = np.asarray(small).astype(np.float64)
        changed = None if self._thumbnail is None else np.abs(thumbnail - self._thumbnail)
        if changed is None or changed.max() >= HELD:  # against the frame before, a slow pan would seem to stand
            self._thumbnail = thumbnail
        return changed

    def _follow(self, image: Image.Image, time: float) -> bool:
        """Every face where it was in the frame before; whether one of them has just been lost."""
        here = [live for live in self._live if live.lost_at is None]
        any_lost = False
        kept: list[Face] = []
        for live, face in zip(here, self._finder.follow(image, [live.last for live in here]), strict=True):
            if face.score < KEPT or _jumped(live.last, face):
                live.lost_at, any_lost = time, True
                live.seen.append(None)
            elif any(_same(face, other) for other in kept):  # two tracks on one face: the older keeps it
                self._end(live)
            else:
                kept.append(face)
                live.seen.append(face)
        for live in self._gone():
            if live not in here:
                live.seen.append(None)
            if live.lost_at is not None and time - live.lost_at > GAP_SECONDS:
                self._end(live)
        return any_lost

    def _look(self, image: Image.Image) -> None:
        """The whole finder: confirm what is followed, go on with what was lost, begin what is new."""
        found = self._finder(image)
        for live in [live for live in self._live if live.lost_at is None]:
            same = next((face for face in found if _same(face, live.last)), None)
            live.misses = 0 if same else live.misses + 1
            if same:
                found = [face for face in found if face is not same]
            elif live.misses >= MISSES:
                self._end(live)
        for live in self._gone():
            near = [face for face in found if not _jumped(live.last, face, 3)]
            if near:
                again = min(near, key=lambda face: _distance(live.last, face))
                found = [face for face in found if face is not again]
                live.seen[-1], live.lost_at, live.misses = again, None, 0
        for face in found:
            self._live.append(self._begin(image, face))

    def _begin(self, image: Image.Image, face: Face) -> _Live:
        """A new track, followed back through the frames that only the landmark network has seen."""
        seen = [face]
        taken = [live for live in self._live if live.lost_at is None]
        for back, earlier in enumerate(islice(reversed(self._recent), BACK), start=2):
            before = self._finder.follow(earlier, seen[-1:])[0]
            others = (live.seen[-back] for live in taken if len(live.seen) >= back)
            if before.score < KEPT or _jumped(seen[-1], before) or any(o and _same(o, before) for o in others):
                break
            seen.append(before)
        return _Live(self._number - len(seen), list(reversed(seen)))

    def _end(self, live: _Live) -> None:
        self._live.remove(live)
        self._finish(live, lost=True)

    def _finish(self, live: _Live, *, lost: bool) -> None:
        """Close a track: its gaps filled in, what follows its last face left off."""
        places = [place for place, face in enumerate(live.seen) if face is not None]
        faces = [face for face in live.seen if face is not None]
        if lost and len(faces) < SHORTEST:
            return
        flat = np.stack([face.landmarks for face in faces]).reshape(len(faces), 10)
        whole = np.arange(places[0], places[-1] + 1)
        filled = np.stack([np.interp(whole, places, flat[:, i]) for i in range(10)], axis=1)
        real = 2 * sum(face.domain == "real" for face in faces) >= len(faces)
        self._done.append(Track(live.first, filled.reshape(-1, 5, 2), "real" if real else "anime"))


def _distance(one: Face, two: Face) -> float:
    """Between the middles of two faces, in sides of the larger."""
    (ax, ay, a, _), (bx, by, b, _) = square_of(one.landmarks), square_of(two.landmarks)
    return float(np.hypot(ax - bx, ay - by)) / max(a, b)


def _same(one: Face, two: Face) -> bool:
    return _distance(one, two) < SAME


def _jumped(before: Face, after: Face, frames: float = 1) -> bool:
    """Whether a face has moved or grown by more than one does in so many frames."""
    sides = square_of(before.landmarks)[2], square_of(after.landmarks)[2]
    if min(sides) <= 0:
        return True
    return _distance(before, after) > JUMP * frames or max(sides) / min(sides) > GROWTH**frames
