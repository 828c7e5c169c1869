"""Follow faces through the frames of a clip.

The finder runs on every eighth frame, at cuts, and when a face is lost. In between only the landmark network runs,
where each face should be after the two frames before. Of the runs on every eighth frame one in eight is whole, three
are on half of the size, sure to see faces of a sixteenth of the frame's longer side, and four on a quarter, a tenth of
the work. A face that the finder finds for the first time is followed back to the finder's last whole run, as far as
frames are kept, so that its track does not begin late. A face that is gone for less than a third of a second stays one
track, and is interpolated linearly in between. Trackers that match boxes (SORT and its kin) want the finder to run on
every frame.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.finder import square_of
from anime2real.face.geometry import Face
from anime2real.face.who import Labels
from anime2real.image.picture import Picture
from anime2real.video.clip import Frame
from anime2real.video.nearness import distance, jumped, same
from anime2real.video.tracks import Live, Track, onward

EVERY: Final = 8
"""Frames from one run of the finder to the next."""

WHOLE: Final = 8
"""Runs of the finder on every eighth frame from one that sees small faces, too, to the next."""

SURE: Final = 1 / 32
"""Least side of a face that a whole run is sure to see, in shares of the frame's longer side; a run on a half or a
quarter of the size sees those of twice and four times as much."""

COARSEST: Final = 2
"""Most times that a frame is halved for a run of the finder."""

BACK: Final = 64
"""Most frames for which a new face is followed back, repeated ones among them."""

BACK_BYTES: Final = 120_000_000
"""Of large frames, fewer are kept to be followed back, but `EVERY` at least; coded ones of 1280×960 px all."""

SEARCH: Final = 3
"""Frames from one run of the finder to the next while a face is lost."""

KEPT: Final = 0.5
"""Lowest score of the landmark network at which a face is followed on; a new face needs the finder's score."""

MISSES: Final = 3
"""Runs of the finder in a row that may miss a face which the landmark network still finds."""

GAP_SECONDS: Final = 0.33
"""A face that is gone for longer begins a new track."""

CUT: Final = 30.0
"""Two frames are a cut if their 32×18 thumbnails differ by more than this on average, in grey levels."""

HELD: Final = 1.5
"""A frame repeats a drawing if its thumbnail nowhere differs by more from that of the last frame that did not."""


class Finder(Protocol):
    """The part of `follow.FollowingFinder` that tracking uses."""

    def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
        """The faces in a picture that was halved `coarse` times: small ones may be missing; some are known already."""

    def follow(self, image: Picture, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame."""


Label = Callable[[Image.Image, Sequence[Face]], Sequence[Labels]]
"""Says how faces of a picture look."""


class Tracker:
    """Makes tracks: call it with each frame in order, then ask for `tracks`.

    Args:
        finder: finds and follows faces.
        every: frames from one run of the finder to the next.
        label: asked now and then how a face looks; nobody is, if None.

    Attributes:
        held: of each frame, whether it repeats the one before.
    """

    def __init__(self, finder: Finder, every: int = EVERY, label: Label | None = None) -> None:
        self._finder, self._every, self._label = finder, every, label
        self._live: list[Live] = []
        self._done: list[Track] = []
        self._recent: list[Frame] = []  # the frames since the finder's last whole run
        self._thumbnail: NDArray[np.float64] | None = None
        self._number = 0
        self.held: list[bool] = []
        self._since, self._searched = every, 0  # frames since the finder's last run that was due, and since any
        self._coarse = WHOLE  # runs that were due since a whole one

    def __call__(self, frame: Frame) -> None:
        """Take the next frame."""
        changed = self._changed(frame)
        self.held.append(changed is not None and float(changed.max()) < HELD)
        self._number += 1
        if self.held[-1]:
            for live in self._live:
                live.seen.append(live.seen[-1])
            self._keep(self._recent[-1] if self._recent else frame)  # a clip may stand still for long
            return
        if changed is not None and float(changed.mean()) > CUT:
            for live in self._live:
                self._finish(live, lost=False)
            self._live, self._recent, self._since, self._coarse = [], [], self._every, WHOLE
        lost = self._follow(frame)
        self._since, self._searched = self._since + 1, self._searched + 1
        due, gone = self._since >= self._every, self._gone()
        if due or lost or (gone and self._searched >= SEARCH):
            coarse = min([self._next()] * due + [_halvings(live.last, frame) for live in gone], default=0)
            self._look(frame, coarse)
            self._searched = 0
            if due:
                self._since, self._coarse = 0, self._coarse + 1
            if not coarse:
                self._since, self._coarse, self._recent = 0, 0, []
                return
        self._keep(frame)

    def _next(self) -> int:
        """How often the frame is halved for the next of the finder's runs: 2, 1 in turn, and 0 where it is whole."""
        run = self._coarse + 1
        return 0 if run >= WHOLE else COARSEST if run % 2 else 1

    def _keep(self, frame: Frame) -> None:
        self._recent.append(frame)
        del self._recent[: -max(self._every, min(BACK, BACK_BYTES // frame.bytes))]

    def tracks(self) -> list[Track]:
        """All tracks, by their first frame; no more frames may come.

        The last frame is looked at, if it was not, at half of its size: a face that came since the look before would
        never be found.
        """
        if self._recent:
            self._look(self._recent.pop(), 1)
        for live in self._live:
            self._finish(live, lost=live.lost_at is not None)
        self._live = []
        return sorted(self._done, key=lambda track: track.first)

    def state(self) -> dict[str, Any] | None:
        """What `resumed` needs to go on from here, for JSON; None while frames are kept to follow new faces back."""
        if self._recent:
            return None
        live = [one.as_record() for one in self._live]
        thumbnail = None if self._thumbnail is None else self._thumbnail.tolist()
        done = [track.as_record() for track in self._done]
        since = self._since, self._searched, self._coarse
        return {"live": live, "done": done, "thumbnail": thumbnail, "held": self.held, "since": since}

    @classmethod
    def resumed(cls, finder: Finder, state: dict[str, Any], label: Label | None = None) -> "Tracker":
        """A tracker that goes on where another one's state was taken.

        Raises:
            ValueError, KeyError, TypeError: the state is none.
        """
        tracker = cls(finder, label=label)
        tracker._live = list(map(Live.of_record, state["live"]))
        tracker._done = [Track.of_record(record) for record in state["done"]]
        tracker._thumbnail = None if state["thumbnail"] is None else np.array(state["thumbnail"], np.float64)
        tracker.held = list(state["held"])
        tracker._since, tracker._searched, tracker._coarse = map(int, state["since"])
        tracker._number = len(tracker.held)
        return tracker

    def _gone(self) -> list[Live]:
        return [live for live in self._live if live.lost_at is not None]

    def _changed(self, frame: Frame) -> NDArray[np.float64] | None:
        """Differences of the thumbnail from that of the last frame that was no repeat, grey levels; None at first."""
        thumbnail = np.asarray(frame.grey((32, 18))).astype(np.float64)
        changed = None if self._thumbnail is None else np.abs(thumbnail - self._thumbnail)
        if changed is None or changed.max() >= HELD:  # against the frame before, a slow pan would seem to stand
            self._thumbnail = thumbnail
        return changed

    def _follow(self, frame: Frame) -> bool:
        """Follow every face from the frame before; returns whether one of them was lost."""
        here, time = [live for live in self._live if live.lost_at is None], frame.time
        any_lost = False
        kept: list[Face] = []
        for live, face in zip(here, self._finder.follow(frame.picture, [live.next for live in here]), strict=True):
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

    def _look(self, frame: Frame, coarse: int) -> None:
        """Run the finder: confirm the faces that are followed, continue those that were lost, begin new ones."""
        image = frame.image
        here = [live for live in self._live if live.lost_at is None]
        found = self._finder(image, coarse=coarse, known=[live.last for live in here])
        for live in here:
            again = next((face for face in found if same(face, live.last)), None)
            if again:
                live.misses, found = 0, [face for face in found if face is not again]
                continue
            live.misses += coarse <= _halvings(live.last, frame)
            if live.misses >= MISSES:
                self._end(live)
        for live in self._gone():
            near = [face for face in found if not jumped(live.last, face, 3)]
            if near:
                again = min(near, key=lambda face: distance(live.last, face))
                found = [face for face in found if face is not again]
                live.seen[-1], live.lost_at, live.misses = again, None, 0
        for face in found:
            self._live.append(self._begin(face))
        here = [live for live in self._live if live.lost_at is None and self._label and live.impressions.due()]
        if here and self._label:
            for live, labels in zip(here, self._label(image, [live.last for live in here]), strict=True):
                live.impressions.take(labels)

    def _begin(self, face: Face) -> Live:
        """Begin a track, and follow its face back through the frames since the finder's last run."""
        seen = [face]
        taken = [live for live in self._live if live.lost_at is None]
        for back, earlier in enumerate(islice(reversed(self._recent), BACK), start=2):
            before = self._finder.follow(earlier.picture, [onward(seen)])[0]
            others = (live.seen[-back] for live in taken if len(live.seen) >= back)
            if before.score < KEPT or jumped(seen[-1], before) or any(o and same(o, before) for o in others):
                break
            seen.append(before)
        return Live(self._number - len(seen), list(reversed(seen)))

    def _end(self, live: Live) -> None:
        self._live.remove(live)
        self._finish(live, lost=True)

    def _finish(self, live: Live, *, lost: bool) -> None:
        if track := live.finished(lost=lost):
            self._done.append(track)


def _halvings(face: Face, frame: Frame) -> int:
    """How often a frame can be halved so that the finder is sure to see a face."""
    sizes = square_of(face.landmarks)[2] / (SURE * max(frame.picture.size))
    return min(COARSEST, int(np.log2(max(1.0, sizes))))
