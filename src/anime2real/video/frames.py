"""Translate the frames of a clip whose faces are known: crop them, translate those that changed, paste them back."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.bundle.limits import BATCH
from anime2real.face.finder import default_labeller
from anime2real.face.geometry import Face
from anime2real.face.who import Who
from anime2real.network import Network
from anime2real.pipeline import Crops, compose, crop_faces, translate_crops
from anime2real.video.clip import Clip, Frame
from anime2real.video.track import Track

UNCHANGED: Final = 2.5
"""Grey levels, mean of the three colours. A face is translated again only if its crop, reduced to 16×16 px, differs
somewhere by more than this from the crop that was translated last: animation repeats drawings for some frames, and a
face that stands still should not flicker. In compressed clips repeated drawings differed by up to 1.7, moving ones by
at least 3.7."""


LOOKS: Final = 5
"""Frames of a track that say how old its face looks, and whether it is a man's or a woman's."""


@dataclass(frozen=True)
class _FrameFaces:
    """A frame and its faces.

    Attributes:
        frame: as it was decoded.
        crops: of its faces, the largest first; None if it has none.
        tracks: the number of the track that each face is of.
        fresh: whether each has to be translated anew.
    """

    frame: Frame
    crops: Crops | None = None
    tracks: list[int] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)


def who_of_tracks(clip: Clip, tracks: Sequence[Track], bundle: Bundle, asked: Who) -> list[Who]:
    """Who each face of a clip becomes, one person from its first frame to its last.

    What `asked` leaves open is the median of how the face looks in `LOOKS` frames spread over its track. The clip is
    decoded once more for these.
    """
    if not bundle.takes_who or (asked.sex is not None and asked.age is not None):
        return [asked] * len(tracks)
    wanted: dict[int, list[int]] = {}
    for which, track in enumerate(tracks):
        for part in range(LOOKS):
            number = track.first + (2 * part + 1) * len(track.landmarks) // (2 * LOOKS)
            wanted.setdefault(number, []).append(which)
    seen: dict[int, list[tuple[float, float]]] = {which: [] for which in range(len(tracks))}
    for number, frame in zip(range(max(wanted) + 1), clip.frames(), strict=False):
        if number in wanted:
            faces = [_face(tracks[which], number) for which in wanted[number]]
            for which, labels in zip(wanted[number], default_labeller(1)(frame.image, faces), strict=True):
                seen[which].append((labels.sex, labels.age))
    people = []
    for looks in seen.values():
        sex, age = np.median(looks, axis=0)
        people.append(Who(sex if asked.sex is None else asked.sex, age if asked.age is None else asked.age))
    return people


def translated_frames(
    clip: Clip, start: int, tracks: Sequence[Track], translator: Network, segment: int, who: Sequence[Who]
) -> Generator[Frame, None, None]:
    """The frames from `start` on, their faces replaced; the next ones are cut out while the network works.

    Each segment begins with a batch of its own and without the faces of the one before: both may move a level in the
    result, and a resumed run is to give what a straight one gives.

    Args:
        clip: whose frames they are.
        start: number of the first one.
        tracks: the clip's faces.
        translator: that translates them.
        segment: frames in a segment.
        who: who each track's face becomes.
    """
    source = enumerate(clip.frames(start), start)
    seen: dict[int, NDArray[np.int16]] = {}

    def prepare() -> list[_FrameFaces]:
        batch: list[_FrameFaces] = []
        for number, frame in source:
            if number % segment == 0:
                seen.clear()
            batch.append(_crop_frame(frame, number, tracks, translator, seen, who))
            full = len(batch) == 4 * BATCH or sum(cut.fresh.count(True) for cut in batch) >= BATCH
            if full or (number + 1) % segment == 0:
                break
        return batch

    made: dict[int, NDArray[np.uint8]] = {}
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(prepare)
        while batch := ahead.result():
            ahead = pool.submit(prepare)
            yield from _replaced(batch, translator, made)


def _face(track: Track, number: int) -> Face:
    return Face(track.landmarks[number - track.first], track.domain, 1.0)


def _crop_frame(
    frame: Frame,
    number: int,
    tracks: Sequence[Track],
    translator: Network,
    seen: dict[int, NDArray[np.int16]],
    who: Sequence[Who],
) -> _FrameFaces:
    """Crop the faces of a frame; `seen` keeps, for each track, the reduced crop that was translated last."""
    here = [which for which, track in enumerate(tracks) if track.first <= number < track.end]
    if not here:
        return _FrameFaces(frame)
    faces = [_face(tracks[which], number) for which in here]
    order = sorted(range(len(here)), key=lambda i: faces[i].crop.scale)  # the largest first, which is pasted on top
    people = [who[here[i]] for i in order]
    crops = crop_faces(frame.image, [faces[i] for i in order], translator.bundle, who=people)
    crops = replace(crops, cutout=frame.cutout)
    cut = _FrameFaces(frame, crops, [here[i] for i in order])
    for which, pixels in zip(cut.tracks, crops.pixels, strict=True):
        small = np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)).astype(np.int16)
        before = seen.get(which)
        cut.fresh.append(before is None or float(np.abs(small - before).mean(2).max()) > UNCHANGED)
        if cut.fresh[-1]:
            seen[which] = small
    return cut


def _replaced(batch: Sequence[_FrameFaces], translator: Network, made: dict[int, NDArray[np.uint8]]) -> Iterator[Frame]:
    """Translate and paste the faces of a batch of frames; `made` keeps the last result of each track."""
    fresh = [cut.crops.select(np.array(cut.fresh)) for cut in batch if cut.crops is not None]
    results = (face for faces in translate_crops(translator, fresh) for face in faces)
    for cut in batch:
        if cut.crops is None:
            yield cut.frame
            continue
        made.update({which: next(results) for which, anew in zip(cut.tracks, cut.fresh, strict=True) if anew})
        faces = np.stack([made[which] for which in cut.tracks])
        made_of_it = compose(cut.crops, faces, "paste", heads=False)[0]
        if made_of_it.mode == "RGBA":
            yield replace(cut.frame, cutout=made_of_it)
        else:
            yield replace(cut.frame, image=made_of_it)
