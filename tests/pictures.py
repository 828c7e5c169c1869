"""Pictures, files and colour profiles to test with."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from anime2real.image.decode import PictureError, decode

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

LOSSY = {"JPEG": {"quality": 95}, "AVIF": {"quality": 95}}
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}}


def smooth(width: int = 48, height: int = 32) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x * 5 % 256, y * 7 % 256, (x + y) * 3 % 256], -1).astype(np.uint8))


def noise(width: int = 64, height: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def icc(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 colour profile of the given tags."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, kind, space, connection)
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + body


def grey_profile() -> bytes:
    """Grey, linear in light."""
    white = b"XYZ " + bytes(4) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return icc(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": white, b"kTRC": b"curv" + bytes(4) + struct.pack(">I", 0)})


def cmyk_profile() -> bytes:
    """Paper is white, black ink black, all of another ink middle grey (L* = 50)."""
    colours = [(255, 128, 128)] + [(0 if i % 2 else 128, 128, 128) for i in range(1, 16)]  # i is CMYK in binary
    cube = bytes(value for colour in colours for value in colour)
    identity = struct.pack(">9I", *(0x10000 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + bytes(range(256)) * 4 + cube + bytes(range(256)) * 3
    return icc(b"CMYK", b"Lab ", b"prtr", {b"A2B0": lut})


def swapped_profile() -> bytes:
    """sRGB with the red and the green primary exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG made by hand, of the kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data)) for tag, data in parts
    )


def refusal(source: Path | str | bytes, **options: Any) -> str:
    with pytest.raises(PictureError) as caught:
        decode(source, **options)
    message = str(caught.value)
    assert message.isprintable()  # one line, no terminal codes
    assert ": " in message  # what to do
    return message
