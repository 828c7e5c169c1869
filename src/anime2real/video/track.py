"""Follow faces through the frames of a clip.

The finder runs on every eighth frame, at cuts, and when a face is lost. In between only the landmark network runs,
where each face was in the frame before. Of the runs on every eighth frame, three in four are quick, and see no faces
under a sixteenth of the frame's longer side. A face that the finder finds for the first time is followed back to the
finder's last whole run, as far as frames are kept, so that its track does not begin late. A face that is gone for less
than a third of a second stays one track, and is interpolated linearly in between. Trackers that match boxes (SORT and
its kin) want the finder to run on every frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.finder import square_of
from anime2real.face.geometry import Face
from anime2real.video.clip import Frame
from anime2real.video.nearness import distance, jumped, same

EVERY: Final = 8
"""Frames from one run of the finder to the next."""

WHOLE: Final = 4
"""Runs of the finder on every eighth frame from one that sees small faces, too, to the next."""

QUICK: Final = 1 / 16
"""Least side of a face that a quick run is sure to see, in shares of the frame's longer side."""

BACK: Final = 32
"""Most frames for which a new face is followed back, repeated ones among them."""

BACK_PIXELS: Final = 32 * 1280 * 720
"""Of larger frames, fewer are kept to be followed back, but `EVERY` at least."""

SEARCH: Final = 3
"""Frames from one run of the finder to the next while a face is lost."""

KEPT: Final = 0.5
"""Lowest score of the landmark network at which a face is followed on; a new face needs the finder's score."""

MISSES: Final = 3
"""Runs of the finder in a row that may miss a face which the landmark network still finds."""

GAP_SECONDS: Final = 0.33
"""A face that is gone for longer begins a new track."""

SHORTEST: Final = 3
"""Fewest frames of a face that is lost again; with fewer it was no face."""

CUT: Final = 30.0
"""Two frames are a cut if their 32×18 thumbnails differ by more than this on average, in grey levels."""

HELD: Final = 1.5
"""A frame repeats a drawing if its thumbnail nowhere differs by more from that of the last frame that did not."""


class Finder(Protocol):
    """The part of `follow.FollowingFinder` that tracking uses."""

    def __call__(self, image: Image.Image, *, quick: bool = False) -> list[Face]:
        """The faces in a picture; if it is to be quick, small ones may be missing."""

    def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame."""


@dataclass(frozen=True)
class Track:
    """One face, from frame `first` on.

    Attributes:
        first: number of its first frame in the clip.
        landmarks: (T, 5, 2), px, of T frames in a row.
        domain: the domain that most of its frames have.
    """

    first: int
    landmarks: NDArray[np.float64]
    domain: Domain

    @property
    def end(self) -> int:
        """Number of the first frame after it."""
        return self.first + len(self.landmarks)

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        return {"first": self.first, "domain": self.domain, "landmarks": self.landmarks.tolist()}

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Track":
        """The track of a record."""
        return cls(record["first"], np.array(record["landmarks"], np.float64).reshape(-1, 5, 2), record["domain"])


@dataclass
class _Live:
    """A track that is not finished: the face in each frame, None in a gap."""

    first: int
    seen: list[Face | None]
    misses: int = 0
    lost_at: float | None = None

    @property
    def last(self) -> Face:
        return next(face for face in reversed(self.seen) if face is not None)


class Tracker:
    """Makes tracks: call it with each frame in order, then ask for `tracks`.

    Args:
        finder: finds and follows faces.
        every: frames from one run of the finder to the next.

    Attributes:
        held: of each frame, whether it repeats the one before.
    """

    def __init__(self, finder: Finder, every: int = EVERY) -> None:
        self._finder, self._every = finder, every
        self._live: list[_Live] = []
        self._done: list[Track] = []
        self._recent: list[Image.Image] = []  # the frames since the finder's last whole run
        self._thumbnail: NDArray[np.float64] | None = None
        self._number = 0
        self.held: list[bool] = []
        self._since, self._quick = every, WHOLE  # frames since the finder's last run; its quick runs since a whole one

    def __call__(self, frame: Frame) -> None:
        """Take the next frame."""
        image = frame.image
        changed = self._changed(image)
        self.held.append(changed is not None and float(changed.max()) < HELD)
        self._number += 1
        if self.held[-1]:
            for live in self._live:
                live.seen.append(live.seen[-1])
            self._keep(self._recent[-1] if self._recent else image)  # a clip may stand still for long
            return
        if changed is not None and float(changed.mean()) > CUT:
            for live in self._live:
                self._finish(live, lost=False)
            self._live, self._recent, self._since, self._quick = [], [], self._every, WHOLE
        lost = self._follow(image, frame.time)
        self._since += 1
        if lost or self._since >= (SEARCH if self._gone() else self._every):
            quick = not self._gone() and self._quick + 1 < WHOLE
            self._look(image, quick=quick)
            self._since, self._quick = 0, self._quick + 1 if quick else 0
            if not quick:
                self._recent = []
                return
        self._keep(image)

    def _keep(self, image: Image.Image) -> None:
        self._recent.append(image)
        del self._recent[: -max(self._every, min(BACK, BACK_PIXELS // (image.width * image.height)))]

    def tracks(self) -> list[Track]:
        """All tracks, by their first frame; no more frames may come."""
        for live in self._live:
            self._finish(live, lost=live.lost_at is not None)
        self._live = []
        return sorted(self._done, key=lambda track: track.first)

    def state(self) -> dict[str, Any] | None:
        """What `resumed` needs to go on from here, for JSON; None while frames are kept to follow new faces back."""
        if self._recent:
            return None
        live = [[one.first, list(map(_face_record, one.seen)), one.misses, one.lost_at] for one in self._live]
        thumbnail = None if self._thumbnail is None else self._thumbnail.tolist()
        done = [track.as_record() for track in self._done]
        since = self._since, self._quick
        return {"live": live, "done": done, "thumbnail": thumbnail, "held": self.held, "since": since}

    @classmethod
    def resumed(cls, finder: Finder, state: dict[str, Any]) -> "Tracker":
        """A tracker that goes on where another one's state was taken.

        Raises:
            ValueError, KeyError, TypeError: the state is none.
        """
        tracker = cls(finder)
        tracker._live = [_Live(a, list(map(_face_of, seen)), misses, lost) for a, seen, misses, lost in state["live"]]
        tracker._done = [Track.of_record(record) for record in state["done"]]
        tracker._thumbnail = None if state["thumbnail"] is None else np.array(state["thumbnail"], np.float64)
        tracker.held = list(state["held"])
        tracker._since, tracker._quick = map(int, state["since"])
        tracker._number = len(tracker.held)
        return tracker

    def _gone(self) -> list[_Live]:
        return [live for live in self._live if live.lost_at is not None]

    def _changed(self, image: Image.Image) -> NDArray[np.float64] | None:
        """Differences of the thumbnail from that of the last frame that was no repeat, grey levels; None at first."""
        small = image.convert("L").resize((32, 18), Image.Resampling.BOX)
        thumbnail = np.asarray(small).astype(np.float64)
        changed = None if self._thumbnail is None else np.abs(thumbnail - self._thumbnail)
        if changed is None or changed.max() >= HELD:  # against the frame before, a slow pan would seem to stand
            self._thumbnail = thumbnail
        return changed

    def _follow(self, image: Image.Image, time: float) -> bool:
        """Follow every face from the frame before; returns whether one of them was lost."""
        here = [live for live in self._live if live.lost_at is None]
        any_lost = False
        kept: list[Face] = []
        for live, face in zip(here, self._finder.follow(image, [live.last for live in here]), strict=True):
            if face.score < KEPT or jumped(live.last, face):
                live.lost_at, any_lost = time, True
                live.seen.append(None)
            elif any(same(face, other) for other in kept):  # two tracks on one face: the older keeps it
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

    def _look(self, image: Image.Image, *, quick: bool) -> None:
        """Run the finder: confirm the faces that are followed, continue those that were lost, begin new ones."""
        found = self._finder(image, quick=quick)
        for live in [live for live in self._live if live.lost_at is None]:
            again = next((face for face in found if same(face, live.last)), None)
            if again:
                live.misses, found = 0, [face for face in found if face is not again]
                continue
            live.misses += not quick or square_of(live.last.landmarks)[2] >= QUICK * max(image.size)
            if live.misses >= MISSES:
                self._end(live)
        for live in self._gone():
            near = [face for face in found if not jumped(live.last, face, 3)]
            if near:
                again = min(near, key=lambda face: distance(live.last, face))
                found = [face for face in found if face is not again]
                live.seen[-1], live.lost_at, live.misses = again, None, 0
        for face in found:
            self._live.append(self._begin(image, face))

    def _begin(self, image: Image.Image, face: Face) -> _Live:
        """Begin a track, and follow its face back through the frames since the finder's last run."""
        seen = [face]
        taken = [live for live in self._live if live.lost_at is None]
        for back, earlier in enumerate(islice(reversed(self._recent), BACK), start=2):
            before = self._finder.follow(earlier, seen[-1:])[0]
            others = (live.seen[-back] for live in taken if len(live.seen) >= back)
            if before.score < KEPT or jumped(seen[-1], before) or any(o and same(o, before) for o in others):
                break
            seen.append(before)
        return _Live(self._number - len(seen), list(reversed(seen)))

    def _end(self, live: _Live) -> None:
        self._live.remove(live)
        self._finish(live, lost=True)

    def _finish(self, live: _Live, *, lost: bool) -> None:
        """Finish a track: fill its gaps, and cut off the frames after its last face."""
        places = [place for place, face in enumerate(live.seen) if face is not None]
        faces = [face for face in live.seen if face is not None]
        if lost and len(faces) < SHORTEST:
            return
        flat = np.stack([face.landmarks for face in faces]).reshape(len(faces), 10)
        whole = np.arange(places[0], places[-1] + 1)
        filled = np.stack([np.interp(whole, places, flat[:, i]) for i in range(10)], axis=1)
        real = 2 * sum(face.domain == "real" for face in faces) >= len(faces)
        self._done.append(Track(live.first, filled.reshape(-1, 5, 2), "real" if real else "anime"))


def _face_record(face: Face | None) -> list[Any] | None:
    return None if face is None else [face.landmarks.tolist(), face.domain, face.score]


def _face_of(record: list[Any] | None) -> Face | None:
    if record is None:
        return None
    landmarks, domain, score = record
    return Face(np.array(landmarks, np.float64).reshape(5, 2), domain, float(score))
