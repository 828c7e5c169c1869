"""The first reading of a clip: its faces are tracked, while the next frames are decoded in a thread of their own.

The frames of a short clip are kept, so that it is decoded once. The hidden folder of the clip keeps the tracks, and
every 250 frames those that are not finished.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anime2real.progress import told_when_stopped
from anime2real.video.clip import Clip, Frame
from anime2real.video.kept import read_json, stopped_at, write_json
from anime2real.video.track import BACK_BYTES, Finder, Label, Tracker
from anime2real.video.tracks import Track

SEGMENT: Final = 250
"""Frames in a file of the hidden folder; at most so many are lost when the program is killed."""

AHEAD: Final = 2
"""Frames that are decoded in advance."""

TRACKS: Final = "tracks.json"
TRACKING: Final = "tracking.json"
"""Files of the hidden folder: the tracks; those that are not finished."""

ReportProgress = Callable[[str, int, int | None], None]
"""Called with what is being done, the frames that are done, and the frames in all, if that is known."""


@dataclass(frozen=True)
class FacesSeen:
    """What the first reading of a clip gives: the time of each frame, s; whether it repeats the frame before; the
    tracks, not steadied yet; what the user should know; and the frames, if all take `BACK_BYTES` at most."""

    times: list[float]
    held: list[bool]
    tracks: list[Track]
    notes: tuple[str, ...]
    frames: deque[Frame] = field(default_factory=deque)


def search(
    clip: Clip, finder: Finder, label: Label | None, folder: Path, key: str, progress: ReportProgress
) -> FacesSeen:
    """Track the faces of a clip through all frames, from where an earlier run with the same key was stopped.

    Args:
        clip: whose faces they are.
        finder: finds and follows them.
        label: says how they look; nobody does, if None.
        folder: keeps what is done.
        key: of the clip and the settings.
        progress: called after each frame.

    Raises:
        ClipError: the clip is damaged, or beyond the limits.
        OSError: the folder cannot be written to.
    """
    return _read_tracks(folder / TRACKS, key) or _track(clip, finder, label, folder, key, progress)


def _track(
    clip: Clip, finder: Finder, label: Label | None, folder: Path, key: str, progress: ReportProgress
) -> FacesSeen:
    times, tracker = _begun(folder / TRACKING, key, finder, label)
    saved, kept, room = len(times), deque[Frame](), 0 if times else BACK_BYTES
    with (
        told_when_stopped(lambda: stopped_at("looking for faces", len(times), clip.expected, saved)),
        closing(_ahead(clip, len(times))) as frames,
    ):
        for frame in frames:
            tracker(frame)
            times.append(frame.time)
            room -= frame.bytes
            kept.append(frame)
            if room < 0:
                kept.clear()
            progress("looking for faces", len(times), clip.expected)
            if len(times) >= saved + SEGMENT and (state := tracker.state()):
                saved = len(times)
                write_json(folder / TRACKING, {"key": key, "times": times, "tracker": state})
    seen = FacesSeen(times, tracker.held, tracker.tracks(), clip.notes, kept)
    tracks = [track.as_record() for track in seen.tracks]
    record = {"times": times, "held": seen.held, "tracks": tracks, "notes": seen.notes}
    write_json(folder / TRACKS, {"key": key, **record})
    return seen


def read_again(clip: Clip, seen: FacesSeen, start: int) -> Iterator[Frame]:
    """The frames of a clip from number `start` on; those that were kept, which are let go, if there are any."""
    if not seen.frames:
        yield from clip.frames(start)
    for number in range(len(seen.frames)):
        frame = seen.frames.popleft()
        if number >= start:
            yield frame


def _ahead(clip: Clip, start: int) -> Generator[Frame, None, None]:
    """The frames of a clip from number `start` on, decoded in a thread, `AHEAD` at most in advance."""
    frames = iter(clip.frames(start))
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, frames, None) for _ in range(AHEAD))
        while frame := coming.popleft().result():
            coming.append(pool.submit(next, frames, None))
            yield frame


def _begun(path: Path, key: str, finder: Finder, label: Label | None) -> tuple[list[float], Tracker]:
    """The times of the frames that an earlier run with the same key has seen, and its tracker; new ones otherwise."""
    state = read_json(path)
    try:
        if state["key"] == key:
            return list(map(float, state["times"])), Tracker.resumed(finder, state["tracker"], label)
    except (ValueError, KeyError, TypeError):
        pass
    return [], Tracker(finder, label=label)


def _read_tracks(path: Path, key: str) -> FacesSeen | None:
    """The tracks that an earlier run with the same key wrote; None if there are none."""
    state = read_json(path)
    try:
        if state["key"] == key:
            tracks = [Track.of_record(record) for record in state["tracks"]]
            return FacesSeen(state["times"], state["held"], tracks, tuple(state["notes"]))
    except (ValueError, KeyError, TypeError):
        pass
    return None
