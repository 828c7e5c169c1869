"""How videos are known: by how their files begin, or, where that is unknown, by their names."""

from typing import Final

FILM_SUFFIXES: Final = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".ogv", ".wmv", ".3gp")
)

_HEADS: Final = (
    *(b"\x1a\x45\xdf\xa3", b"FLV\x01", b"OggS", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    *(b"\0\0\x01\xba", b"\0\0\x01\xb3", b"\0\0\x01\xb0"),
)
"""Matroska and WebM, Flash, Ogg, Windows Media; MPEG's programme streams and bare videos."""

STILL_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
"""Of pictures that begin as an MP4 does."""

_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an MP4 or a QuickTime film may begin with."""

_PACKETS: Final = ((0, 188), (4, 196))
"""Where the first two packets of an MPEG transport stream begin, each with G; in the second kind, behind a time."""


def is_film(head: bytes) -> bool:
    """Whether a file that begins so is a video.

    Args:
        head: its first 200 bytes, or more.
    """
    is_avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    in_packets = any(head[one : one + 1] == head[two : two + 1] == b"G" for one, two in _PACKETS)
    return is_avi or head[4:8] in _BOXES or head.startswith(_HEADS) or in_packets
