"""The pictures of a pack in shards, read by their rows.

Shards are tar archives in WebDataset's layout: a sample is the members of one key, `000000042.webp`,
`000000042.hair.png` and `000000042.json`. `samples.npy` says where in its shard each lies, so that any picture is one
read away, in any order, from a folder or from a server.
"""

import hashlib
import io
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.arrays import mapped
from anime2real.data.byte_ranges import ByteRanges, Folder, Remote, UnreadableError
from anime2real.data.remote import ADDRESS

Kind = Literal["picture", "hair"]

SAMPLE: Final = np.dtype(
    [(f"{kind}_{what}", "<u8" if what == "start" else "<u4") for kind in ("picture", "hair")
     for what in ("start", "bytes", "crc")]
)  # fmt: skip
"""Where the picture and the mask of hair of a sample begin in the shard's file, their lengths and CRC-32."""

_AT_ONCE: Final = 256
"""Pictures whose files are in memory at a time."""

_CHECKED_AT_ONCE: Final = 2**24


def shard_name(number: int) -> str:
    """Of a shard's file."""
    return f"shard-{number:06d}.tar"


class TarPixels:
    """Pictures or masks, read like an array's rows: `pixels[3]`, `pixels[2:5]`, `pixels[rows]` are arrays of bytes.

    Another process gets the folder's name, not what is in it.

    Attributes:
        shape: (P, S, S, 3), of masks (P, S, S).
        dtype: of bytes.

    Args:
        folder: with samples.npy; the shards are there too, or where `address.txt` says.
        kind: what to read.
        size: S.
        each: pictures of a shard.

    Raises:
        OSError, ValueError: samples.npy cannot be read, or is none.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, folder: Path, kind: Kind, size: int, each: int) -> None:
        self.folder, self.kind, self.size, self.each = folder, kind, size, each
        self._samples = mapped(folder / "samples.npy", SAMPLE)
        if self._samples.ndim != 1:
            raise ValueError("samples.npy holds no places")
        self.shape: tuple[int, ...] = (len(self._samples), size, size, *((3,) if kind == "picture" else ()))

    def __reduce__(self) -> tuple[type["TarPixels"], tuple[Path, Kind, int, int]]:
        return TarPixels, (self.folder, self.kind, self.size, self.each)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | NDArray[np.integer]) -> NDArray[np.uint8]:
        if isinstance(rows, slice):
            return self.read(range(*rows.indices(len(self))))
        if isinstance(rows, np.ndarray) and rows.ndim:
            return self.read(rows.tolist())
        one: NDArray[np.uint8] = self.read([range(len(self))[int(rows)]])[0]  # IndexError beyond the last
        return one

    @cached_property
    def where(self) -> str:
        """Where the shards are: a folder or an address."""
        told = self.folder / ADDRESS
        return told.read_text(encoding="utf-8") if told.is_file() else str(self.folder)

    @cached_property
    def _ranges(self) -> ByteRanges:
        return Remote(self.where) if (self.folder / ADDRESS).is_file() else Folder(self.folder)

    def read(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """Some rows (R,): (R, S, S, 3), of masks (R, S, S).

        Raises:
            UnreadableError: one is not there, or not what was written.
        """
        result = np.zeros((len(rows), *self.shape[1:]), np.uint8)
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            samples = self._samples[part]
            begins, counts, sums = (samples[f"{self.kind}_{what}"].tolist() for what in ("start", "bytes", "crc"))
            # A mask without hair is not written, each picture is.
            held = [i for i, count in enumerate(counts) if count or self.kind == "picture"]
            names = [shard_name(part[i] // self.each) for i in held]
            ranges = [(name, begins[i], begins[i] + counts[i]) for name, i in zip(names, held, strict=True)]
            for i, name, content in zip(held, names, self._ranges.read(ranges), strict=True):
                if len(content) != counts[i] or zlib.crc32(content) != sums[i]:
                    raise UnreadableError(f"{self._told(name)} is damaged (picture {part[i]} is not what was written)")
                result[start + i] = self._decoded(content, name, part[i])
        return result

    def _decoded(self, content: bytes, name: str, row: int) -> NDArray[np.uint8]:
        try:
            pixels = np.asarray(Image.open(io.BytesIO(content)))
        except (OSError, ValueError, SyntaxError) as error:
            raise UnreadableError(f"{self._told(name)} is damaged (picture {row}: {error})") from error
        if pixels.shape != self.shape[1:]:
            raise UnreadableError(f"{self._told(name)} is damaged (picture {row} has another size)")
        return pixels

    def _told(self, name: str) -> str:
        return f"{self.where}/{name}"

    def check(self, sums: Sequence[str], lengths: Sequence[int]) -> None:
        """Compare whole shards with their SHA-256.

        Raises:
            UnreadableError: one is not there, or not what was written.
        """
        for number, (wanted, length) in enumerate(zip(sums, lengths, strict=True)):
            name, total = shard_name(number), hashlib.sha256()
            for start in range(0, length, _CHECKED_AT_ONCE):
                total.update(self._ranges.read([(name, start, min(length, start + _CHECKED_AT_ONCE))])[0])
            if total.hexdigest() != wanted:
                raise UnreadableError(
                    f"{self._told(name)} is not what was written: copy it there again, or make the shards again"
                )
