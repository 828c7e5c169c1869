"""Read and write videos by PyAV: frames are decoded, results encoded as H.264, the sound copied packet by packet.

Frames are turned upright, so the result needs no display matrix. Time stamps keep the clip's own unit, so that videos
of a variable frame rate stay in step with their sound.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn

import av
import av.container
from av.video.reformatter import VideoReformatter

from anime2real.image import provenance as marks
from anime2real.image.decode import printable, reason
from anime2real.video import coded, encode, upright
from anime2real.video.clip import ClipError, ClipLimits, Frame
from anime2real.video.coded import Coded
from anime2real.video.constants import constants
from anime2real.video.packets import copy_of, decoded_at, holds, known_sounds, picture_packets, sound_packets, url

# Nothing but files, and no playlists, which name other files.
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf",
}
SHORT_SECONDS: Final = 0.25
"""A clip that ends by more than this before it says so is told to end early."""

_KINDS: Final = {"mp4": "mp4", "mkv": "matroska"}
"""Suffixes and formats of results, the preferred one first."""


class Film:
    """A video file.

    Args:
        path: the file.
        limits: on the video.

    Raises:
        ClipError: the file is no video, damaged, or beyond the limits.
    """

    segment_suffix: Final = "nut"  # keeps every time base and time stamp as it is

    def __init__(self, path: Path, limits: ClipLimits) -> None:
        self._path, self._limits = path, limits
        with self._as_clip_errors():
            if path.stat().st_size > limits.max_bytes:
                self._refuse(f"has more bytes than the {limits.max_bytes:,} allowed: cut it into parts")
            with self._open() as container:
                self._examine(container)

    def _examine(self, container: Any) -> None:
        if not container.streams.video:
            self._refuse("has no pictures: give a video")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            self._refuse("has pictures of a codec that is not known: convert it")
        seconds = container.duration / av.time_base if container.duration else None
        self._check_size(stream.width, stream.height)
        if seconds and seconds > self._limits.max_seconds:
            self._refuse(f"lasts {seconds:,.0f} s, more than the {self._limits.max_seconds:,.0f} allowed: cut it")
        self._rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        self._base = stream.time_base or 1 / self._rate
        self._encoder = encode.FilmEncoder(self._rate, self._base)
        self.encoding = self._encoder.encoding
        self._stored = stream.width, stream.height
        self._aspect: Fraction | None = stream.sample_aspect_ratio
        self._size = upright.square_size(*self._stored, self._aspect)
        if self._size[0] * self._size[1] > self._limits.picture.max_pixels:
            self._size = self._stored
        if self._size != self._stored:
            self._aspect = Fraction(1)
        self.expected = stream.frames or (round(seconds * self._rate) if seconds else None)
        self._seconds = seconds
        tracks = known_sounds(container.streams.audio)
        self._has_sound = bool(tracks)
        sounds = ", ".join(sorted({sound.codec_context.name for sound in tracks}))
        self.suffix = next((end for end, kind in _KINDS.items() if holds(kind, tracks)), "")
        if not self.suffix:
            self._refuse(f"has sound ({sounds}) that neither MP4 nor Matroska can hold: convert it")
        self._stated = tuple(self._losses(container, sounds, len(tracks)))
        self._found: tuple[str, ...] = ()

    def _losses(self, container: Any, sounds: str, tracks: int) -> Iterator[str]:
        """What of a film is lost or changed on the way; `sounds` and `tracks` are those that are kept."""
        stream = container.streams.video[0]
        if self.suffix == "mkv":
            yield f"written as .mkv: MP4 cannot hold its sound ({sounds})"
        if unknown := len(container.streams.audio) - tracks:
            yield f"left out: {unknown} sound track(s) of a codec that is not known"
        if upright.is_hdr(int(stream.codec_context.color_trc)):
            yield "high dynamic range: mapped to BT.709, what is brighter than white is cut off"
        if self._size != self._stored:
            yield "its pixels are not square: resampled to such that are"
        if _is_transparent(stream):
            yield f"its transparency is left out: {self.encoding} has none"
        if container.streams.subtitles:
            yield "its subtitles are left out"
        if self._encoder.name != "libx264":
            yield f"written as {self.encoding}: this PyAV has no libx264"

    @property
    def notes(self) -> tuple[str, ...]:
        """As `Clip.notes`; what is damaged or missing is known once all frames have been read."""
        return (*self._stated, *self._found)

    def constants(self) -> dict[str, str]:
        """As `Clip.constants`."""
        return {"encoder": self._encoder.name, **constants(coded, encode, upright)}

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """As `Clip.frames`."""
        with self._as_clip_errors(), self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            step = max(1, round(1 / (self._rate * self._base)))
            reformatter = VideoReformatter()
            first: tuple[int, int] | None = None
            number, counts = -1, Counter[str]()
            began = last = 0
            seconds = 0.0
            for number, frame in enumerate(_decoded(container, stream, counts)):
                if number >= self._limits.max_frames:
                    self._refuse(f"has more frames than the {self._limits.max_frames:,} allowed: cut it")
                pts = last + step if frame.pts is None else frame.pts
                if first is None:
                    self._check_size(frame.width, frame.height)
                    first, began = (frame.width, frame.height), pts
                    size = first if self._size == self._stored else self._size
                else:
                    pts = max(pts, last + 1)  # time stamps that stand still or go back
                last = pts
                if (frame.width, frame.height) != first:
                    self._refuse("changes its size on the way: cut it there")
                seconds = float((pts - began) * self._base)
                if seconds > self._limits.max_seconds:
                    self._refuse(f"lasts more than the {self._limits.max_seconds:,.0f} s allowed: cut it")
                if number >= start:
                    space, duration = upright.coded_space(frame, size), int(frame.duration or 0)
                    if space is None:
                        yield Frame(upright.upright(frame, reformatter, size), seconds, pts, duration)
                    else:
                        yield Frame(Coded(frame, space), seconds, pts, duration)
            if number < 0:
                self._refuse("has no picture that can be decoded: get it again")
            # With threads, FFmpeg keeps some errors to itself; where each packet is a frame, what is missing tells.
            lost = counts["packets"] - number - 1 if counts["packets"] == stream.frames else 0
            self._found = self._missing(number + 1, max(counts["errors"], lost), seconds)

    def _missing(self, frames: int, damaged: int, seconds: float) -> tuple[str, ...]:
        """Notes on what the file states and does not give; `seconds` is when its last frame begins."""
        notes = [f"{damaged} of {frames + damaged} frames are damaged, and left out"] if damaged else []
        if self.expected and self._seconds and frames + damaged < 0.98 * self.expected:
            missing = self._seconds - seconds - float(1 / self._rate)
            if missing > SHORT_SECONDS:
                notes.append(f"ends early: {frames} of {self.expected} frames, {missing:.1f} s are missing")
        return tuple(notes)

    def write_segment(self, path: Path, frames: Iterator[Frame]) -> None:
        """As `Clip.write_segment`."""
        with self._as_clip_errors(), av.open(url(path), "w", format="nut") as container:
            stream: Any = None
            for frame in frames:
                size = frame.picture.size
                stream = stream or self._encoder.stream(container, size, self._aspect_of(size))
                container.mux(stream.encode(self._encoder.frame(frame, stream)))
            if stream is not None:
                container.mux(stream.encode())

    def _aspect_of(self, size: tuple[int, int]) -> Fraction | None:
        """The shape of the pixels of frames of a size, which may have lain on their side."""
        return self._aspect if not self._aspect or size == self._size else 1 / self._aspect

    def join(self, segments: Sequence[Path], target: Path, making: marks.Making | None = None) -> None:
        """As `Clip.join`."""
        kind = _KINDS[self.suffix]
        with self._as_clip_errors(), ExitStack() as opened:
            options = {"movflags": "+faststart"} if kind == "mp4" else {}
            first = opened.enter_context(av.open(url(segments[0])))
            container: Any = opened.enter_context(av.open(url(target), "w", format=kind, options=options))
            container.metadata["comment"] = f"{marks.SOFTWARE}; DigitalSourceType {marks.GENERATED}"
            if kind == "matroska":
                container.metadata["XMP"] = marks.packet(making)
            picture = container.add_stream_from_template(first.streams.video[0])
            packets = [picture_packets(first, segments[1:], picture)]
            if self._has_sound:
                packets.append(self._sound(opened.enter_context(self._open()), container))
            for packet in heapq.merge(*packets, key=decoded_at):
                container.mux(packet)
        if self.suffix == "mp4":
            with target.open("ab") as file:
                file.write(marks.mp4_box(making))

    def _sound(self, source: Any, container: Any) -> Iterator[Any]:
        """The packets of the film's sound, for new streams of a container."""
        tracks = known_sounds(source.streams.audio)
        sounds = {sound.index: copy_of(sound, container) for sound in tracks}
        for sound in tracks:
            if "language" in sound.metadata:
                sounds[sound.index].metadata["language"] = sound.metadata["language"]
        return sound_packets(source, sounds)

    def _check_size(self, width: int, height: int) -> None:
        allowed = self._limits.picture.max_pixels
        if width * height > allowed:
            self._refuse(
                f"has frames of {width}×{height} = {width * height:,} pixels, more than the {allowed:,} allowed: "
                "scale it down"
            )

    def _open(self) -> Any:
        return av.open(url(self._path), options=dict(_OPTIONS), metadata_errors="replace")

    @contextmanager
    def _as_clip_errors(self) -> Iterator[None]:
        """Whatever FFmpeg and the file system say becomes one line."""
        try:
            yield
        except av.error.FFmpegError as error:
            said = (error.strerror or str(error)).splitlines()[0]
            raise ClipError(printable(f"{self._path} cannot be read or written as a video ({said})")) from error
        except OSError as error:
            raise ClipError(
                printable(f"{self._path} cannot be read or its result written ({reason(error)})")
            ) from error

    def _refuse(self, what: str) -> NoReturn:
        raise ClipError(printable(f"{self._path} {what}"))


def _decoded(container: Any, stream: Any, counts: Counter[str]) -> Iterator[av.VideoFrame]:
    """The frames that can be decoded; `packets` and `errors` are counted."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.InvalidDataError:  # of the container, from here on
            return
        counts["packets"] += bool(packet.size and not packet.is_discard)
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            counts["errors"] += 1
            continue
        yield from frames


def _is_transparent(stream: Any) -> bool:
    """Whether frames have an alpha channel; that of VP8 and VP9 lies beside the frames, which FFmpeg leaves out."""
    layout = stream.codec_context.format
    return stream.metadata.get("alpha_mode") == "1" or (
        layout is not None and any(part.is_alpha for part in layout.components)
    )
