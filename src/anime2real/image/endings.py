"""Whether the file of a result is cut short, by how its format ends: two small reads, and nothing is decoded.

Results are written whole or not at all, but what is copied may end early, and a disk that loses its power may leave a
file empty, or zeros at its end. Damage in the middle is not seen. What follows an end, as some programs append, is not
looked at.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

_HEAD: Final = 16
_TAIL: Final = 2**16
"""Bytes of a file's end in which the end of a PNG or a JPEG must come."""

_ZEROS: Final = 2**10
"""Zeros at the end that no result has; disks lose more at a time."""

_MOST_PARTS: Final = 100_000
"""Parts of a WebP or an MP4 that are counted through: of a longer one, whatever comes then counts as its end."""

_EndsWell = Callable[[BinaryIO, int, bytes], bool]
"""Given a file, its size and its last bytes, whether it ends as its format has it."""


def is_cut_short(path: Path) -> bool:
    """Whether a file is empty, lost to zeros, or begins as a result does and ends early.

    A file that begins otherwise, or cannot be read, is none.
    """
    try:
        if not path.is_file():  # a pipe may never begin
            return False
        with path.open("rb") as file:
            head, size = file.read(_HEAD), os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
            if not head.strip(b"\0"):
                return True
            ends_well = _format_of(head)
            return ends_well is not None and not (tail[-_ZEROS:].strip(b"\0") and ends_well(file, size, tail))
    except (OSError, ValueError):
        return False


def _format_of(head: bytes) -> _EndsWell | None:
    """By how a file begins, of which no more than that may be there."""
    if head.startswith(b"\0\0") and b"ftyp".startswith(head[4:8]):  # behind a length
        return _boxes
    return next((ends for begins, ends in _FORMATS.items() if begins.startswith(head[: len(begins)])), None)


def _png(file: BinaryIO, size: int, tail: bytes) -> bool:
    return b"IEND\xae\x42\x60\x82" in tail


def _jpeg(file: BinaryIO, size: int, tail: bytes) -> bool:
    return b"\xff\xd9" in tail  # which no compressed data has


def _gif(file: BinaryIO, size: int, tail: bytes) -> bool:
    return tail.rstrip(b"\0\r\n").endswith(b"\0;")  # the last frame's data ends in an empty block


def _riff(file: BinaryIO, size: int, tail: bytes) -> bool:
    """WebP, and all else that tells its length at its beginning."""
    file.seek(4)
    return 8 + int.from_bytes(file.read(4), "little") <= size


def _boxes(file: BinaryIO, size: int, tail: bytes) -> bool:
    """AVIF and MP4: the boxes end where the file ends, and some hold pictures and tell of them."""
    start, kinds = 0, set()
    for _ in range(_MOST_PARTS):
        file.seek(start)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:  # to the end of the file
            length = size - start
        if len(head) < 8 or length < 8:  # no box: what follows the last one
            break
        kinds.add(kind)
        start += length
        if start >= size:
            break
    return start <= size and b"mdat" in kinds and bool(kinds & {b"moov", b"meta"})


def _matroska(file: BinaryIO, size: int, tail: bytes) -> bool:
    """The header and the segment behind it, whose length is told once it is finished."""
    file.seek(4)
    header = _number(file)
    if header is None:
        return False
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return False
    length = _number(file)
    return length is not None and file.tell() + length <= size


def _number(file: BinaryIO) -> int | None:
    """A length as EBML writes it, of 1 to 8 bytes; None where the file ends, 0 where it is not told."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - more)) - 1)]) + rest, "big")
    unknown = (1 << (7 * (more + 1))) - 1
    return None if len(rest) < more else 0 if value == unknown else value


_FORMATS: Final[dict[bytes, _EndsWell]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"GIF8": _gif,
    b"RIFF": _riff,
    b"\x1a\x45\xdf\xa3": _matroska,
}
"""By how files begin."""
