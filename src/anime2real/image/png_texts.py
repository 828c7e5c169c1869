"""Texts in PNG that Pillow takes for an attack: the workflows that image generators keep there reach megabytes."""

import zlib
from typing import Final

LARGEST_TEXT: Final = 2**19
"""Bytes of a text, unpacked, that are left in; Pillow refuses a picture with one of 2**20, or many smaller ones."""

_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")


def without_large_texts(content: bytes) -> bytes:
    """A PNG without the texts that are larger than `LARGEST_TEXT`, or more than that in all; the pixels stay."""
    kept, place, left = [content[:8]], 8, LARGEST_TEXT
    while place + 12 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4])
        kind = content[place + 4 : place + 8]
        size = _text_size(kind, content[place + 8 : end - 4]) if kind in _TEXTS else 0
        if size <= left:
            kept.append(content[place:end])
            left -= size
        place = end
    return b"".join([*kept, content[place:]])


def _text_size(kind: bytes, data: bytes) -> int:
    """Bytes of a text, unpacked; no more than a little over the limit is unpacked."""
    keyword, _, rest = data.partition(b"\0")
    packed = rest[1:] if kind == b"zTXt" else b""
    if kind == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].split(b"\0", 2)[-1]
    if not packed:
        return len(data)
    try:
        return len(keyword) + len(zlib.decompressobj().decompress(packed, LARGEST_TEXT + 1))
    except zlib.error:
        return len(data)
