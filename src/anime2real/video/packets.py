"""Packets that are copied as they are: of segments, and of the sound of a clip."""

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container


def url(path: Path) -> str:
    """A path as FFmpeg takes it for a path, whatever its name looks like."""
    return f"file:{os.path.abspath(path)}"


def known_sounds(sounds: Sequence[Any]) -> list[Any]:
    """The sound tracks of a codec that FFmpeg knows the name of."""
    return [sound for sound in sounds if sound.codec_context is not None and sound.codec_context.name]


def picture_packets(segments: Sequence[Path], stream: Any) -> Iterator[Any]:
    """The packets of segments, one segment behind the other, for a stream of pictures."""
    for path in segments:
        with av.open(url(path)) as container:
            yield from _moved(container.demux(video=0), lambda packet: stream)


def sound_packets(source: Any, streams: dict[int, Any]) -> Iterator[Any]:
    """The packets of sound of a clip, for the streams of a result, by the index of the stream that each copies."""
    if streams:
        wanted = [stream for stream in source.streams.audio if stream.index in streams]
        yield from _moved(source.demux(*wanted), lambda packet: streams[packet.stream.index])


def _moved(packets: Iterator[Any], stream: Callable[[Any], Any]) -> Iterator[Any]:
    for packet in packets:
        if packet.dts is not None:  # the last is an empty one
            packet.stream = stream(packet)
            yield packet


def decoded_at(packet: Any) -> Fraction:
    """When a packet is decoded, s."""
    return Fraction(packet.dts * packet.time_base)


def holds(kind: str, sounds: Sequence[Any]) -> bool:
    """Whether a format can hold streams of sound, as they are."""
    try:
        with av.open(os.devnull, "w", format=kind) as container:
            for sound in sounds:
                container.add_stream_from_template(sound)
            if sounds:
                container.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
