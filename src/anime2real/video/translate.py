"""Translate clips: every face tracked, its landmarks steadied, each frame's faces translated and pasted back.

A clip is read twice: once to track its faces, once to translate them. What is finished lies in a hidden folder beside
the result: the tracks, and a file for every 250 frames. The same command takes up from there, after a kill too; the
folder goes once the result is whole, and on an error.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real import __version__
from anime2real.atomic import atomic_file
from anime2real.domain import Domain
from anime2real.face.face import Face
from anime2real.face.finder import default_finder
from anime2real.image.open import printable, reason
from anime2real.pipeline import Crops, line_up, put_back
from anime2real.translator import BATCH, Translator
from anime2real.video.animation import Animation
from anime2real.video.clip import Clip, ClipError, ClipLimits
from anime2real.video.kinds import clip_kind
from anime2real.video.smooth import Floats, Smoothing, steady
from anime2real.video.track import Finder, Frame, Track, Tracker

SEGMENT: Final = 250
"""Frames that are lost at most when the program is killed."""

_TRACKS: Final = "tracks.json"

UNCHANGED: Final = 2.5
"""Grey levels, mean of the three colours. A face whose crop, reduced to 16×16 px, nowhere differs by more from the one
that was translated last is not translated again: animation holds its drawings, and what stands still should not
flicker. Compressed, held drawings differed by up to 1.7, moving ones by 3.7 and more."""

_Seen = tuple[list[float], list[bool], list[Track]]
"""Of each frame its time, s, and whether it repeats the one before; and the faces, as they are seen."""

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how many frames of it are, and of how many, if that is known."""


@dataclass(frozen=True)
class ClipOptions:
    """How a clip is translated.

    Attributes:
        to: the domain; by the majority of the clip's faces if None.
        smooth: of the landmarks; None takes them as they are seen.
        background: what shows through transparent frames, RGB, 0-255.
        limits: on the clip.
        segment: frames in a segment.
    """

    to: Domain | None = None
    smooth: Smoothing | None = field(default_factory=Smoothing)
    background: tuple[int, int, int] = (255, 255, 255)
    limits: ClipLimits = field(default_factory=ClipLimits)
    segment: int = field(default_factory=lambda: SEGMENT)


@dataclass(frozen=True)
class ClipResult:
    """What became of a clip.

    Attributes:
        path: of the result.
        translator: that made it.
        encoding: H.264, GIF …
        frames: of the clip.
        tracks: its faces, their landmarks steadied.
        times: (frames,), s.
        resumed: frames that an earlier run had translated.
        notes: what the user should know.
    """

    path: Path
    translator: Translator
    encoding: str
    frames: int
    tracks: tuple[Track, ...]
    times: tuple[float, ...]
    resumed: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Cut:
    """A frame, its faces, which tracks they are of, and whether each has to be translated anew."""

    frame: Frame
    crops: Crops | None = None
    tracks: list[int] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)


def open_clip(path: Path, options: ClipOptions) -> Clip:
    """A clip, by its content.

    Raises:
        ClipError: it is none, cannot be read, is beyond the limits, or needs the extra `video`.
    """
    kind = clip_kind(path)
    if kind is None:
        raise ClipError(printable(f"{path} is no video and no animated picture, or cannot be read"))
    if kind == "animation":
        return Animation(path, options.limits, options.background)
    if find_spec("av") is None:
        raise ClipError(printable(f'{path} is a video, which needs PyAV: pip install "anime2real[video]"'))
    from anime2real.video.film import Film

    return Film(path, options.limits)


def translate_clip(
    source: Path,
    target: Path,
    translator: Callable[[Domain], Translator],
    options: ClipOptions = ClipOptions(),
    *,
    clip: Clip | None = None,
    finder: Finder | None = None,
    progress: Progress = lambda doing, done, total: None,
) -> ClipResult:
    """Translate a clip, or take up where an earlier run with the same arguments stopped.

    Args:
        source: the clip.
        target: the result, in a folder that is there; replaced if it is.
        translator: gives the one to a domain.
        options: how.
        clip: `source`, if it is open already.
        finder: of faces, if not the package's own.
        progress: told how far it is.

    Raises:
        UserError: the clip cannot be read or written, shows no face, or nothing translates it. Nothing is left behind.
    """
    clip = clip or open_clip(source, options)
    folder = target.parent / f".{hashlib.sha256(target.name.encode()).hexdigest()[:16]}.partial"
    try:
        folder.mkdir(exist_ok=True)
        result = _translate(clip, source, target, folder, translator, options, finder or default_finder(), progress)
        shutil.rmtree(folder)
        return result
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ClipError(printable(f"{target} cannot be written ({reason(error)}): choose another folder")) from error
    except Exception:  # but not KeyboardInterrupt: the next run goes on from here
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _translate(
    clip: Clip,
    source: Path,
    target: Path,
    folder: Path,
    translator: Callable[[Domain], Translator],
    options: ClipOptions,
    finder: Finder,
    progress: Progress,
) -> ClipResult:
    key = _key(source, options)
    state = _read_tracks(folder / _TRACKS, key) or _track(clip, finder, folder / _TRACKS, key, progress)
    times, held, seen = state
    if not seen:
        raise ClipError(printable(f"{source}: no face found in any of {len(times)} frames"))
    to = options.to or _direction(seen)
    chosen = translator(to)
    tracks = tuple(_steadied(track, np.array(times), np.array(held), options.smooth) for track in seen)
    segments = _segments(folder, len(times), f"{key} {chosen.bundle.sha256}", options.segment, clip.segment_suffix)
    wanted = {path.name for path in segments} | {_TRACKS}
    for stale in folder.iterdir():
        if stale.name not in wanted:
            stale.unlink()
    ready = next((number for number, path in enumerate(segments) if not path.exists()), len(segments))
    done = resumed = min(ready * options.segment, len(times))
    with closing(_results(clip, done, tracks, chosen, options.segment)) as results:

        def counted() -> Iterator[Frame]:
            nonlocal done
            for frame in islice(results, options.segment):
                yield frame
                done += 1
                progress("translating", done, len(times))

        for path in segments[ready:]:
            with atomic_file(path) as temporary:
                clip.write_segment(temporary, counted())
    with atomic_file(target) as temporary:
        clip.join(segments, temporary)
    ready_faces = sum(track.domain == to for track in tracks)
    kind = "photographed" if to == "real" else "drawn"
    odd = (f"{ready_faces} of {len(tracks)} faces look {kind} already",) if ready_faces else ()
    return ClipResult(target, chosen, clip.encoding, len(times), tracks, tuple(times), resumed, (*clip.notes, *odd))


def _steadied(track: Track, times: Floats, held: NDArray[np.bool_], smooth: Smoothing | None) -> Track:
    part = slice(track.first, track.end)
    return replace(track, landmarks=steady(track.landmarks, times[part], held[part], smooth))


def _track(clip: Clip, finder: Finder, path: Path, key: str, progress: Progress) -> _Seen:
    """Look at every frame; what was seen is written to `path` too."""
    tracker = Tracker(finder)
    times: list[float] = []
    for frame in clip.frames():
        tracker(frame)
        times.append(frame.time)
        progress("looking for faces", len(times), clip.expected)
    tracks = tracker.tracks()
    state = {
        "key": key,
        "times": times,
        "held": tracker.held,
        "tracks": [
            {"first": track.first, "domain": track.domain, "landmarks": track.landmarks.tolist()} for track in tracks
        ],
    }
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(state), encoding="utf-8")
    return times, tracker.held, tracks


def _read_tracks(path: Path, key: str) -> _Seen | None:
    """What an earlier run with the same key wrote; None if there is none."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["key"] != key:
            return None
        tracks = [Track(t["first"], np.array(t["landmarks"]).reshape(-1, 5, 2), t["domain"]) for t in state["tracks"]]
        return state["times"], state["held"], tracks
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _results(
    clip: Clip, start: int, tracks: Sequence[Track], translator: Translator, segment: int
) -> Generator[Frame, None, None]:
    """The frames from `start` on, their faces replaced; the next ones are cut out while the network works.

    Each segment begins afresh, with a batch of its own and no face of the one before: both may move a level in the
    result, and a run that was resumed is to give what a straight one gives.
    """
    source = enumerate(clip.frames(start), start)
    seen: dict[int, NDArray[np.int16]] = {}

    def prepare() -> list[_Cut]:
        batch: list[_Cut] = []
        for number, frame in source:
            if number % segment == 0:
                seen.clear()
            batch.append(_cut_out(frame, number, tracks, translator, seen))
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


def _cut_out(
    frame: Frame, number: int, tracks: Sequence[Track], translator: Translator, seen: dict[int, NDArray[np.int16]]
) -> _Cut:
    """The faces of a frame; `seen` holds what each track's crop looked like when it was last fresh."""
    here = [which for which, track in enumerate(tracks) if track.first <= number < track.end]
    if not here:
        return _Cut(frame)
    faces = [Face(tracks[which].landmarks[number - tracks[which].first], tracks[which].domain, 1.0) for which in here]
    order = sorted(range(len(here)), key=lambda i: faces[i].crop.scale)  # the largest first, which is pasted on top
    crops = line_up(frame.image, [faces[i] for i in order], translator.bundle)
    cut = _Cut(frame, crops, [here[i] for i in order])
    for which, pixels in zip(cut.tracks, crops.pixels, strict=True):
        small = np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)).astype(np.int16)
        before = seen.get(which)
        cut.fresh.append(before is None or float(np.abs(small - before).mean(2).max()) > UNCHANGED)
        if cut.fresh[-1]:
            seen[which] = small
    return cut


def _replaced(batch: Sequence[_Cut], translator: Translator, made: dict[int, NDArray[np.uint8]]) -> Iterator[Frame]:
    """The frames of a batch; `made` holds each track's last result."""
    cuts = [(cut.crops, np.array(cut.fresh)) for cut in batch if cut.crops is not None]
    results: Iterator[NDArray[np.uint8]] = iter(())
    if cuts:
        pixels = np.concatenate([crops.pixels[fresh] for crops, fresh in cuts])
        landmarks = np.concatenate([crops.landmarks[fresh] for crops, fresh in cuts])
        starts = range(0, len(pixels), BATCH)
        parts = [translator.translate(pixels[i : i + BATCH], landmarks[i : i + BATCH]) for i in starts]
        results = (face for part in parts for face in part)
    for cut in batch:
        if cut.crops is None:
            yield cut.frame
            continue
        made.update({which: next(results) for which, fresh in zip(cut.tracks, cut.fresh, strict=True) if fresh})
        faces = np.stack([made[which] for which in cut.tracks])
        yield replace(cut.frame, image=put_back(cut.frame.image, cut.crops.frames, faces))


def _segments(folder: Path, frames: int, key: str, segment: int, suffix: str) -> list[Path]:
    """Where each segment lies; other settings give other names."""
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return [folder / f"{name}-{number:05}.{suffix}" for number in range(-(-frames // segment))]


def _key(source: Path, options: ClipOptions) -> str:
    """What the results depend on, but for the bundle."""
    with source.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    smooth = options.smooth and asdict(options.smooth)
    settings = json.dumps([__version__, smooth, options.background, options.segment], sort_keys=True)
    return hashlib.sha256(f"{content} {settings}".encode()).hexdigest()


def _direction(tracks: list[Track]) -> Domain:
    """Away from what most faces of most frames are."""
    real = sum(len(track.landmarks) for track in tracks if track.domain == "real")
    return "anime" if 2 * real > sum(len(track.landmarks) for track in tracks) else "real"
