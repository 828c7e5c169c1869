"""Translate the frames of a clip whose faces are known: crop them, translate those that changed, paste them back."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Face
from anime2real.network import BATCH
from anime2real.pipeline import Crops, Translator, compose, crop_faces, translate_crops
from anime2real.video.clip import Clip
from anime2real.video.track import Frame, Track

UNCHANGED: Final = 2.5
"""Grey levels, mean of the three colours. A face is translated again only if its crop, reduced to 16×16 px, differs
somewhere by more than this from the crop that was translated last: animation repeats drawings for some frames, and a
face that stands still should not flicker. In compressed clips repeated drawings differed by up to 1.7, moving ones by
at least 3.7."""


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


def translated_frames(
    clip: Clip, start: int, tracks: Sequence[Track], translator: Translator, segment: int
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
    """
    source = enumerate(clip.frames(start), start)
    seen: dict[int, NDArray[np.int16]] = {}

    def prepare() -> list[_FrameFaces]:
        batch: list[_FrameFaces] = []
        for number, frame in source:
            if number % segment == 0:
                seen.clear()
            batch.append(_crop_frame(frame, number, tracks, translator, seen))
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


def _crop_frame(
    frame: Frame, number: int, tracks: Sequence[Track], translator: Translator, seen: dict[int, NDArray[np.int16]]
) -> _FrameFaces:
    """Crop the faces of a frame; `seen` keeps, for each track, the reduced crop that was translated last."""
    here = [which for which, track in enumerate(tracks) if track.first <= number < track.end]
    if not here:
        return _FrameFaces(frame)
    faces = [Face(tracks[which].landmarks[number - tracks[which].first], tracks[which].domain, 1.0) for which in here]
    order = sorted(range(len(here)), key=lambda i: faces[i].crop.scale)  # the largest first, which is pasted on top
    crops = crop_faces(frame.image, [faces[i] for i in order], translator.bundle)
    cut = _FrameFaces(frame, crops, [here[i] for i in order])
    for which, pixels in zip(cut.tracks, crops.pixels, strict=True):
        small = np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)).astype(np.int16)
        before = seen.get(which)
        cut.fresh.append(before is None or float(np.abs(small - before).mean(2).max()) > UNCHANGED)
        if cut.fresh[-1]:
            seen[which] = small
    return cut


def _replaced(
    batch: Sequence[_FrameFaces], translator: Translator, made: dict[int, NDArray[np.uint8]]
) -> Iterator[Frame]:
    """Translate and paste the faces of a batch of frames; `made` keeps the last result of each track."""
    fresh = [cut.crops.select(np.array(cut.fresh)) for cut in batch if cut.crops is not None]
    results = (face for faces in translate_crops(translator, fresh) for face in faces)
    for cut in batch:
        if cut.crops is None:
            yield cut.frame
            continue
        made.update({which: next(results) for which, anew in zip(cut.tracks, cut.fresh, strict=True) if anew})
        faces = np.stack([made[which] for which in cut.tracks])
        yield replace(cut.frame, image=compose(cut.crops, faces, "paste")[0])
