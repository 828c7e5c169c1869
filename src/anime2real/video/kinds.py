"""Tell clips from pictures, by the content first; nothing is decoded, and PyAV is not needed."""

from pathlib import Path
from typing import Final, Literal

from anime2real.image import provenance as marks
from anime2real.image.open import Limits, opened, reason, refuse
from anime2real.image.picture import PictureError

FILM_SUFFIXES: Final = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".ogv", ".wmv", ".3gp")
)

Kind = Literal["film", "animation"]

_HEADS: Final = (b"\x1a\x45\xdf\xa3", b"FLV\x01", b"OggS", b"\0\0\x01\xba", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")
"""Matroska and WebM, Flash, Ogg, MPEG programme streams, Windows Media."""

_STILL_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")


def clip_kind(path: Path) -> Kind | None:
    """Whether a file is a video, or an animated GIF, WebP or PNG; None for pictures and what cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except (OSError, ValueError):
        return None
    if _is_picture(head):
        return "animation" if _moves(path, head) else None
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        return None
    is_film = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or head.startswith(_HEADS)
    is_film = is_film or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    return "film" if is_film or (head and path.suffix.lower() in FILM_SUFFIXES) else None


def film_marks(path: Path) -> dict[str, str]:
    """What a video says of its making: `DigitalSourceType`, if it is an MP4 that says so.

    Raises:
        PictureError: it cannot be read.
    """
    try:
        stated = marks.source_type(marks.of_mp4(path))
    except OSError as error:
        refuse(path, f"cannot be read ({reason(error)}): check the name and its rights", error)
    return {"DigitalSourceType": stated} if stated else {}


def _is_picture(head: bytes) -> bool:
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


def _moves(path: Path, head: bytes) -> bool:
    """Whether a GIF, WebP or PNG has more than one frame; Pillow is asked only where the head leaves it open."""
    if head.startswith(b"RIFF") and not (head[12:16] == b"VP8X" and head[20] & 2):
        return False
    if head.startswith(b"\xff\xd8\xff"):
        return False
    try:
        with opened(path, None, Limits()) as picture:
            return bool(getattr(picture, "is_animated", False))
    except PictureError:
        return False  # told as the picture's error
