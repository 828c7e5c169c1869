"""Translate clips: track the faces, steady their landmarks, translate them frame by frame and paste them back.

A clip is read twice: first to track its faces, then to translate them; a short one is decoded once. A hidden folder
beside the result keeps what is finished: the tracks, saved every 250 frames, and a file for every 250 frames with its
sum. The same command resumes from there, also after it was killed. The folder is removed when the result is complete,
and after an error.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real import __version__
from anime2real.atomic import atomic_file
from anime2real.domain import Domain
from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.who import AS_SEEN, Who
from anime2real.image.decode import printable, reason
from anime2real.image.files import clip_kind
from anime2real.image.provenance import Making
from anime2real.locks import alone
from anime2real.network import Network
from anime2real.pipeline import FaceChoice, NoFaceError, already_note, who_for
from anime2real.progress import told_when_stopped
from anime2real.video.animation import Animation
from anime2real.video.choose import choose_tracks
from anime2real.video.clip import Clip, ClipError, ClipLimits, Frame
from anime2real.video.constants import code_sum, of_faces
from anime2real.video.follow import FollowingFinder
from anime2real.video.frames import translated_frames, who_of_tracks
from anime2real.video.kept import read_json, stopped_at, write_json
from anime2real.video.search import SEGMENT, TRACKS, ReportProgress, read_again, search
from anime2real.video.smooth import Floats, Smoothing, steady
from anime2real.video.track import Finder
from anime2real.video.tracks import Track

_SUMS: Final = "sums.json"
"""A file of the hidden folder: the sums of its segments."""


@dataclass(frozen=True)
class ClipOptions:
    """How a clip is translated.

    Attributes:
        to: the domain; if None, the one that most faces of the clip are not of.
        smooth: how landmarks are steadied; None leaves them as they were found.
        background: the colour behind transparent frames, RGB, 0-255.
        limits: on the clip.
        segment: frames in a segment.
        who: who the faces become; what it leaves open is read off each face, once for the whole clip.
        faces: which faces are replaced, each for as long as it is seen (`choose_tracks`).
        asked: what the mark of the result tells of these (`provenance.Making`).
    """

    to: Domain | None = None
    smooth: Smoothing | None = field(default_factory=Smoothing)
    background: tuple[int, int, int] = (255, 255, 255)
    limits: ClipLimits = field(default_factory=ClipLimits)
    segment: int = field(default_factory=lambda: SEGMENT)
    who: Who = AS_SEEN
    faces: FaceChoice = "all"
    asked: str = "layout paste"


@dataclass(frozen=True)
class ClipResult:
    """The result of a clip.

    Attributes:
        path: the file.
        translator: the translator that made it.
        encoding: H.264, GIF …
        frames: number of frames.
        tracks: the faces, their landmarks steadied.
        times: (frames,), s.
        resumed: frames that an earlier run had translated.
        notes: what the user should know.
    """

    path: Path
    translator: Network
    encoding: str
    frames: int
    tracks: tuple[Track, ...]
    times: tuple[float, ...]
    resumed: int
    notes: tuple[str, ...]


def open_clip(path: Path, options: ClipOptions) -> Clip:
    """Open a video or an animated picture; the content decides which it is.

    Raises:
        ClipError: the file is neither, cannot be read, is beyond the limits, or needs the extra `video`.
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
    translator: Callable[[Domain], Network],
    options: ClipOptions = ClipOptions(),
    *,
    clip: Clip | None = None,
    finder: Finder | None = None,
    progress: ReportProgress = lambda doing, done, total: None,
) -> ClipResult:
    """Translate a clip, or resume an earlier run that had the same arguments.

    Args:
        source: the clip.
        target: the result, in an existing folder; an existing file is replaced.
        translator: gives the translator to a domain.
        options: how the clip is translated.
        clip: `source`, if it is open already.
        finder: finds the faces; the package's own if None.
        progress: called after each frame.

    Raises:
        UserError: the clip cannot be read or written, shows no face, or nothing translates it. Nothing is left behind.
        KeyboardInterrupt: with a line that says how far it is and what is kept.
    """
    clip, finder = clip or open_clip(source, options), finder or FollowingFinder(default_finder())
    folder = target.parent / f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.partial"
    refusal = ClipError(printable(f"{target} is being made by another process: wait for it, or choose another folder"))
    try:
        with alone(folder.with_suffix(".lock"), refusal):
            try:
                folder.mkdir(exist_ok=True)
                arguments = clip, source, target, folder, translator, options, finder, progress
                result = _translate(*arguments)
                shutil.rmtree(folder)
                return result
            except KeyboardInterrupt as stopped:  # the next run goes on from here
                stopped.args = tuple(f"{source}: {said}" for said in stopped.args)
                raise
            except Exception:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    except OSError as error:
        raise ClipError(printable(f"{target} cannot be written ({reason(error)}): choose another folder")) from error


def _translate(
    clip: Clip,
    source: Path,
    target: Path,
    folder: Path,
    translator: Callable[[Domain], Network],
    options: ClipOptions,
    finder: Finder,
    progress: ReportProgress,
) -> ClipResult:
    key = _key(source, clip, options)
    asked_in_full = options.who.sex is not None and options.who.age is not None
    seen = search(clip, finder, None if asked_in_full else default_labeller(1), folder, key, progress)
    times = seen.times
    if not seen.tracks:
        raise NoFaceError(printable(f"{source} ({len(times)} frames)"))
    found = choose_tracks(seen.tracks, options.faces, where=printable(source))
    to = options.to or _direction(found)
    chosen = translator(to)
    tracks = tuple(_steadied(track, np.array(times), np.array(seen.held), options.smooth) for track in found)
    settings = f"{key} {chosen.version} {chosen.keeps_colours} {options.faces}"
    segments = _segments(folder, len(times), settings, options.segment, clip.segment_suffix)
    wanted = {path.name for path in segments} | {TRACKS, _SUMS}
    for stale in folder.iterdir():
        if stale.name not in wanted:
            stale.unlink()
    sums = read_json(folder / _SUMS)
    whole = (path.exists() and sums.get(path.name) == _sum(path) for path in segments)
    ready = next((number for number, is_whole in enumerate(whole) if not is_whole), len(segments))
    kept = done = resumed = min(ready * options.segment, len(times))
    who = who_of_tracks(tracks, chosen.bundle, who_for(chosen.bundle, options.who))
    frames = read_again(clip, seen, done)
    with (
        told_when_stopped(lambda: stopped_at("translating", done, len(times), kept)),
        closing(translated_frames(frames, done, tracks, chosen, options.segment, who)) as results,
    ):

        def counted() -> Iterator[Frame]:
            nonlocal done
            for frame in islice(results, options.segment):
                yield frame
                done += 1
                progress("translating", done, len(times))

        for path in segments[ready:]:
            with atomic_file(path) as temporary:
                clip.write_segment(temporary, counted())
            write_json(folder / _SUMS, sums := sums | {path.name: _sum(path)})
            kept = done
    with atomic_file(target) as temporary:
        clip.join(segments, temporary, Making(chosen.system, chosen.version, options.asked))
    notes = (*seen.notes, *already_note([track.domain for track in tracks], to))
    return ClipResult(target, chosen, clip.encoding, len(times), tracks, tuple(times), resumed, notes)


def _steadied(track: Track, times: Floats, held: NDArray[np.bool_], smooth: Smoothing | None) -> Track:
    part = slice(track.first, track.end)
    return replace(track, landmarks=steady(track.landmarks, times[part], held[part], smooth))


def _segments(folder: Path, frames: int, key: str, segment: int, suffix: str) -> list[Path]:
    """The paths of the segments; other settings give other names."""
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return [folder / f"{name}-{number:05}.{suffix}" for number in range(-(-frames // segment))]


def _key(source: Path, clip: Clip, options: ClipOptions) -> str:
    """A digest of everything that the results depend on, except the bundle."""
    smooth = options.smooth and asdict(options.smooth)
    ways = of_faces() | clip.constants()
    parts = [__version__, code_sum(), ways, smooth, options.background, options.segment, asdict(options.who)]
    settings = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(f"{_sum(source)} {settings}".encode()).hexdigest()


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _direction(tracks: list[Track]) -> Domain:
    """The domain that most faces, counted frame by frame, are not of."""
    real = sum(len(track.landmarks) for track in tracks if track.domain == "real")
    return "anime" if 2 * real > sum(len(track.landmarks) for track in tracks) else "real"
