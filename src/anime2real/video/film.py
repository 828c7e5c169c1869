"""Read and write videos by PyAV: frames are decoded, results encoded as H.264, the sound copied packet by packet.

Frames are turned upright, so the result needs no display matrix. Time stamps keep the clip's own unit, so that videos
of a variable frame rate stay in step with their sound. A segment is encoded without B-frames and begins with a key
frame, so that segments can be joined by copying packets.
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
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from PIL import Image

from anime2real.image import provenance as marks
from anime2real.image.decode import printable, reason
from anime2real.video.clip import ClipError, ClipLimits, Frame
from anime2real.video.packets import decoded_at, holds, known_sounds, picture_packets, sound_packets, url
from anime2real.video.upright import HD_HEIGHT, is_hdr, upright

# Nothing but files, and no playlists, which name other files.
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf",
}
_ENCODERS: Final = {
    "libx264": {
        "crf": "17", "preset": "ultrafast", "bf": "0", "x264-params": "mbtree=0:cabac=1:deblock=1,0,0",
    },
    "mpeg4": {"qscale": "2", "bf": "0"},
}  # fmt: skip
"""Encoders and their options, the best first. At CRF 17 a copy can hardly be told from the original. With arithmetic
coding and the filter that evens blocks, ultrafast takes three quarters of superfast's time where little is grainy, and
makes files of its size, as alike to the frames (docs/video.md).

With x264's macroblock tree a file is a sixth smaller, but the same frames give other bytes in one run of ten, and a
resumed clip is to be the one that was made at once.
"""

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
        self.encoder: Final = next(name for name in _ENCODERS if _available(name))
        self.encoding = "H.264" if self.encoder == "libx264" else "MPEG-4 part 2"
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
        # MPEG-4 part 2 counts in no finer units.
        fine = self.encoder != "libx264" and self._base.denominator > 65_535
        self._coded_base = Fraction(1, 60_000) if fine else self._base
        self._stored = stream.width, stream.height
        self._aspect = stream.sample_aspect_ratio
        self.expected = stream.frames or (round(seconds * self._rate) if seconds else None)
        self._seconds = seconds
        tracks = known_sounds(container.streams.audio)
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
        if is_hdr(int(stream.codec_context.color_trc)):
            yield "high dynamic range: mapped to BT.709, what is brighter than white is cut off"
        if container.streams.subtitles:
            yield "its subtitles are left out"
        if self.encoder != "libx264":
            yield f"written as {self.encoding}: this PyAV has no libx264"

    @property
    def notes(self) -> tuple[str, ...]:
        """As `Clip.notes`; what is damaged or missing is known once all frames have been read."""
        return (*self._stated, *self._found)

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
                else:
                    pts = max(pts, last + 1)  # time stamps that stand still or go back
                last = pts
                if (frame.width, frame.height) != first:
                    self._refuse("changes its size on the way: cut it there")
                seconds = float((pts - began) * self._base)
                if seconds > self._limits.max_seconds:
                    self._refuse(f"lasts more than the {self._limits.max_seconds:,.0f} s allowed: cut it")
                if number >= start:
                    yield Frame(upright(frame, reformatter), seconds, pts, int(frame.duration or 0))
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
            reformatter = VideoReformatter()
            for frame in frames:
                if stream is None:
                    stream = self._stream(container, frame.image)
                made = self._coded(frame, stream, reformatter)
                container.mux(stream.encode(made))
            if stream is not None:
                container.mux(stream.encode())

    def _stream(self, container: Any, image: Image.Image) -> Any:
        stream = container.add_stream(self.encoder, self._rate, dict(_ENCODERS[self.encoder]))
        stream.width, stream.height = image.size
        even = image.width % 2 == 0 and image.height % 2 == 0
        stream.pix_fmt = "yuv420p" if even or self.encoder != "libx264" else "yuv444p"
        context = stream.codec_context
        context.time_base = self._coded_base
        context.max_b_frames = 0
        context.flags |= av.codec.context.Flags.global_header
        if self._aspect:  # of the frames as they are stored, which may lie on their side
            context.sample_aspect_ratio = self._aspect if image.size == self._stored else 1 / self._aspect
        hd = image.height >= HD_HEIGHT
        context.colorspace = Colorspace.ITU709 if hd else Colorspace.SMPTE170M
        context.color_primaries = ColorPrimaries.BT709 if hd else ColorPrimaries.SMPTE170M
        context.color_trc = ColorTrc.BT709 if hd else ColorTrc.SMPTE170M
        context.color_range = ColorRange.MPEG
        return stream

    def _coded(self, frame: Frame, stream: Any, reformatter: VideoReformatter) -> av.VideoFrame:
        space = Colorspace.ITU709 if frame.image.height >= HD_HEIGHT else Colorspace.ITU601
        rgb = av.VideoFrame(*frame.image.size, "rgb0")  # four bytes a pixel, as Pillow has them
        rgb.planes[0].update(frame.image.tobytes("raw", "RGBX", rgb.planes[0].line_size, 1))
        made = reformatter.reformat(rgb, format=stream.pix_fmt, dst_colorspace=space, dst_color_range=ColorRange.MPEG)
        finer = self._base / self._coded_base
        made.pts, made.time_base = round(frame.pts * finer), self._coded_base
        made.duration = round(frame.duration * finer)
        return made

    def join(self, segments: Sequence[Path], target: Path, making: marks.Making | None = None) -> None:
        """As `Clip.join`."""
        kind = _KINDS[self.suffix]
        with self._as_clip_errors(), ExitStack() as opened:
            options = {"movflags": "+faststart"} if kind == "mp4" else {}
            first = opened.enter_context(av.open(url(segments[0])))
            source: Any = opened.enter_context(self._open())
            container: Any = opened.enter_context(av.open(url(target), "w", format=kind, options=options))
            container.metadata["comment"] = f"{marks.SOFTWARE}; DigitalSourceType {marks.GENERATED}"
            picture = container.add_stream_from_template(first.streams.video[0])
            tracks = known_sounds(source.streams.audio)
            sounds = {sound.index: container.add_stream_from_template(sound) for sound in tracks}
            for sound in tracks:
                if "language" in sound.metadata:
                    sounds[sound.index].metadata["language"] = sound.metadata["language"]
            packets = picture_packets(segments, picture), sound_packets(source, sounds)
            for packet in heapq.merge(*packets, key=decoded_at):
                container.mux(packet)
        if self.suffix == "mp4":
            with target.open("ab") as file:
                file.write(marks.mp4_box(making))

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


def _available(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except ValueError:  # UnknownCodecError
        return False
    return True
