"""Packets that are copied as they are: of segments, and of the sound of a clip."""

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.container


def url(path: Path) -> str:
    """A path as FFmpeg takes it for a path, whatever its name looks like."""
    return f"file:{os.path.abspath(path)}"


LAYOUTS: Final = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""The usual places of so many channels, as FFmpeg names them (`av_channel_layout_default`)."""


def copy_of(sound: Any, container: Any) -> Any:
    """A stream of a container for the packets of a sound track.

    AVI and Matroska need not say where the channels of plain sound are, as MP4 must: they get the usual places.
    """
    stream = container.add_stream_from_template(sound)
    channels = sound.codec_context.channels
    if sound.codec_context.layout.name == f"{channels} channels" and channels in LAYOUTS:
        stream.codec_context.layout = LAYOUTS[channels]
    return stream


def known_sounds(sounds: Sequence[Any]) -> list[Any]:
    """The sound tracks of a codec that FFmpeg knows the name of."""
    return [sound for sound in sounds if sound.codec_context is not None and sound.codec_context.name]


def picture_packets(first: Any, others: Sequence[Path], stream: Any) -> Iterator[Any]:
    """The packets of segments, the first of which is open, one behind the other, for a stream of pictures."""
    yield from _moved(first.demux(video=0), lambda packet: stream)
    for path in others:
        with av.open(url(path)) as container:
            yield from _moved(container.demux(video=0), lambda packet: stream)


def sound_packets(source: Any, streams: dict[int, Any]) -> Iterator[Any]:
    """The packets of sound of a clip, for the streams of a result, by the index of the stream that each copies."""
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
                copy_of(sound, container)
            if sounds:
                container.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
