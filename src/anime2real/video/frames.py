"""Translate the frames of a clip whose faces are known: crop them, translate those that changed, paste them back."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.face.geometry import Face
from anime2real.face.paste_back import SEEN, Head, crop_alpha, dimming, head_of
from anime2real.face.who import Who
from anime2real.network import Network
from anime2real.pipeline import Crops, crop_faces, paste_known_heads, translate_crops
from anime2real.video.clip import Frame
from anime2real.video.outlines import AHEAD_SECONDS, Outlines
from anime2real.video.temporal import Averages
from anime2real.video.tracks import Track

UNCHANGED: Final = 2.5
"""Grey levels, mean of the three colours. A face is translated again only if its crop, reduced to 16×16 px, differs
somewhere by more than this from the crop that was translated last: animation repeats drawings for some frames, and a
face that stands still should not flicker. In compressed clips repeated drawings differed by up to 1.7, moving ones by
at least 3.7."""

FACES: Final = 2
"""Faces that are translated in one go, of twice as many frames at most: the fewer they are, the sooner all threads have
work, and the later they run out of it."""

AHEAD: Final = 2
"""Batches that are on their way: while one is translated the next is cut out, and nobody waits for what is pasted."""

PASTING: Final = 2
"""Frames that are pasted into at a time: where the network's threads wait for one another, there is other work."""


@dataclass(frozen=True)
class _FrameFaces:
    """A frame and its faces.

    Attributes:
        frame: as it was decoded.
        crops: of its faces, the largest first; None if it has none.
        tracks: the number of the track that each face is of.
        fresh: whether each has to be translated anew.
        since: when each was translated, s.
    """

    frame: Frame
    crops: Crops | None = None
    tracks: list[int] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    since: list[float] = field(default_factory=list)


def who_of_tracks(tracks: Sequence[Track], bundle: Bundle, asked: Who) -> list[Who]:
    """Who each face of a clip becomes, one person from its first frame to its last: what `asked` leaves open is how
    the face looks in its clip."""
    if not bundle.takes_who:
        return [asked] * len(tracks)
    people = []
    for track in tracks:
        sex, age = track.looks or (None, None)
        people.append(Who(sex if asked.sex is None else asked.sex, age if asked.age is None else asked.age))
    return people


def translated_frames(
    frames: Iterator[Frame],
    start: int,
    tracks: Sequence[Track],
    translator: Network,
    segment: int,
    who: Sequence[Who],
) -> Generator[Frame, None, None]:
    """Frames of a clip, their faces replaced; while the network works, the next ones are cut out, and the ones before
    pasted back and written.

    Each segment begins with a batch of its own and without the faces of the one before: both may move a level in the
    result, and a resumed run is to give what a straight one gives.

    Args:
        frames: as they were decoded.
        start: number of the first one.
        tracks: the clip's faces.
        translator: that translates them.
        segment: frames in a segment.
        who: who each track's face becomes.
    """
    source = enumerate(frames, start)
    seen: dict[int, tuple[float, NDArray[np.int16]]] = {}
    made: dict[int, NDArray[np.uint8]] = {}

    def prepare() -> tuple[list[_FrameFaces], bool]:
        """The next batch, and whether it is a segment's last."""
        batch: list[_FrameFaces] = []
        number = -1
        for number, frame in source:
            if number % segment == 0:
                seen.clear()
            batch.append(_crop_frame(frame, number, tracks, translator, seen, who))
            full = len(batch) == 2 * FACES or sum(cut.fresh.count(True) for cut in batch) >= FACES
            if full or (number + 1) % segment == 0:
                break
        return batch, (number + 1) % segment == 0

    def translate(cut: Future[tuple[list[_FrameFaces], bool]]) -> tuple[list[_FrameFaces], list[Any], bool]:
        """A batch, the results of its frames, and whether it is a segment's last."""
        batch, last = cut.result()
        return batch, _translated(batch, translator, made), last

    with _threads(1) as cutting, _threads(1) as translating, _threads(PASTING) as pasting:
        paste = _Paste(pasting)
        coming = deque(translating.submit(translate, cutting.submit(prepare)) for _ in range(AHEAD))
        while (batch := coming.popleft().result())[0]:
            coming.append(translating.submit(translate, cutting.submit(prepare)))
            paste.take(*batch)
            yield from paste.ready()
        yield from paste.ready(end=True)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that, at the end, finish what they are at, and begin nothing that waits: so stopped work ends soon."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _face(track: Track, number: int) -> Face:
    return Face(track.landmarks[number - track.first], track.domain, 1.0)


def _crop_frame(
    frame: Frame,
    number: int,
    tracks: Sequence[Track],
    translator: Network,
    seen: dict[int, tuple[float, NDArray[np.int16]]],
    who: Sequence[Who],
) -> _FrameFaces:
    """Crop the faces of a frame; `seen` keeps, for each track, when a crop was translated last, and it, reduced."""
    here = [which for which, track in enumerate(tracks) if track.first <= number < track.end]
    if not here:
        return _FrameFaces(frame)
    faces = [_face(tracks[which], number) for which in here]
    order = sorted(range(len(here)), key=lambda i: faces[i].crop.scale)  # the largest first, which is pasted on top
    people = [who[here[i]] for i in order]
    picture: Any = frame.picture  # around faces, all that is wanted of it is what a `Picture` has
    crops = crop_faces(picture, [faces[i] for i in order], translator.bundle, who=people, linear=True)
    cut = _FrameFaces(frame, crops, [here[i] for i in order])
    for which, pixels in zip(cut.tracks, crops.pixels, strict=True):
        small = np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)).astype(np.int16)
        before = seen.get(which)
        cut.fresh.append(before is None or float(np.abs(small - before[1]).mean(2).max()) > UNCHANGED)
        if cut.fresh[-1]:
            seen[which] = frame.time, small
        cut.since.append(seen[which][0])
    return cut


def _translated(
    batch: Sequence[_FrameFaces], translator: Network, made: dict[int, NDArray[np.uint8]]
) -> list[NDArray[np.uint8] | None]:
    """The results of each frame, (K, S, S, 3), None of one without faces; `made` keeps the last of each track."""
    fresh = [cut.crops.select(np.array(cut.fresh)) for cut in batch if cut.crops is not None]
    results = (face for faces in translate_crops(translator, fresh) for face in faces)
    of_each: list[NDArray[np.uint8] | None] = []
    for cut in batch:
        made.update({which: next(results) for which, anew in zip(cut.tracks, cut.fresh, strict=True) if anew})
        of_each.append(np.stack([made[which] for which in cut.tracks]) if cut.tracks else None)
    return of_each


class _Paste:
    """Pastes heads, averaged over time, along outlines that are, too: a frame waits until those after it are known.

    Args:
        pool: makes heads and pastes into frames, several at a time.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._outlines, self._averages = Outlines(), Averages()
        self._waiting: deque[_FrameFaces] = deque()
        self._heads: dict[int, Future[dict[int, Head | None]]] = {}
        self._whole = False

    def take(self, batch: Sequence[_FrameFaces], results: Sequence[NDArray[np.uint8] | None], last: bool) -> None:
        """Take the next frames, and their results, (K, S, S, 3) each; `last` ends a segment."""
        if self._whole:
            self._outlines, self._averages = Outlines(), Averages()
        self._whole = last
        for cut, faces in zip(batch, results, strict=True):
            self._waiting.append(cut)
            if cut.crops is not None and faces is not None:
                for which, since, crop, face in zip(cut.tracks, cut.since, cut.crops.pixels, faces, strict=True):
                    self._outlines.look(which, since, crop, face)
                    self._averages.take(which, since, crop, face)

    def ready(self, *, end: bool = False) -> Iterator[Frame]:
        """The frames after which enough is known; all, if a segment or the clip is at its end."""
        newest, known = self._waiting[-1].frame.time if self._waiting else 0.0, []
        while self._waiting and (end or self._whole or self._waiting[0].frame.time <= newest - AHEAD_SECONDS):
            cut = self._waiting.popleft()
            if any(cut.fresh):
                made = self._pool.submit(self._made, cut)
                self._heads |= {which: made for which, fresh in zip(cut.tracks, cut.fresh, strict=True) if fresh}
            known.append((cut, [self._heads[which] for which in cut.tracks]))
        yield from self._pool.map(_pasted, *zip(*known, strict=True)) if known else ()
        if self._waiting:
            first = self._waiting[0]
            needed = min([first.frame.time, *first.since])
            self._outlines.forget(needed)
            self._averages.forget(needed)

    def _made(self, cut: _FrameFaces) -> dict[int, Head | None]:
        """The heads of a frame's faces that were translated anew; they stay as they are until the next ones."""
        dim, time, crops = dimming(cut.frame.grey((SEEN, SEEN))), cut.frame.time, cut.crops.pixels if cut.crops else ()
        heads: dict[int, Head | None] = {}
        for place, (which, fresh, crop) in enumerate(zip(cut.tracks, cut.fresh, crops, strict=True)):
            if fresh:
                face, clear = self._averages.average(which, time), cut.frame.cutout
                alpha = crop_alpha(clear, cut.crops.frames[place], len(crop)) if clear and cut.crops else None
                heads[which] = head_of(crop, face, self._outlines.masks(which, time, crop, face), dim, alpha)
        return heads


def _pasted(cut: _FrameFaces, heads: Sequence[Future[dict[int, Head | None]]]) -> Frame:
    if cut.crops is None:
        return cut.frame
    known = [made.result()[which] for which, made in zip(cut.tracks, heads, strict=True)]
    if cut.frame.cutout is None:
        return replace(cut.frame, picture=paste_known_heads(cut.frame.picture, cut.crops, known))
    return replace(cut.frame, cutout=paste_known_heads(cut.frame.cutout, cut.crops, known))
