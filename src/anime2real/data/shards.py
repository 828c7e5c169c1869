"""The work of `prepare` on its way: pictures decoded by shards, each on disk as soon as it is done.

A hidden folder beside the pack holds them: `N.npy`, the pixels, and `N.npz`, all else that is known. No file is written
by two. Whoever is stopped goes on at the next shard. The folder belongs to one list of pictures, with their sizes
and times, and one way to crop; for any other it is emptied first.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from anime2real import __version__
from anime2real.atomic import atomic_file
from anime2real.data.arrays import mapped
from anime2real.data.duplicates import FEATURES, HASH, thumbnail
from anime2real.data.members import Member
from anime2real.data.pack import PackError
from anime2real.data.sources import Crop, Cropped, Reason, Rejected, decode_chunk
from anime2real.data.work_folder import begin, remove, work_folder
from anime2real.domain import DOMAINS
from anime2real.face import finder

SHARD: Final = 128
"""Pictures in one."""

_THUMBNAIL_BYTES: Final = 4 * FEATURES

_FACTS_BYTES: Final = 400
"""Of a picture's facts and of its line in the index, roughly."""


@dataclass(frozen=True)
class Facts:
    """What is known of N pictures that were to be read; zeros and NaN where one was not.

    Attributes:
        hashes: (N,) perceptual.
        sums: (N,) hex SHA-256 of the files, as bytes; empty for those left out.
        scales: (N,) px of the file for each px of the crop.
        landmarks: (N, 5, 2) px of the crop.
        frames: (N, 2, 3).
        looks: (N,) 1 for a face that looks drawn, 2 for one that looks photographed; 0 where none was looked for.
        rejected: of those left out.
    """

    hashes: NDArray[np.uint64]
    sums: NDArray[np.bytes_]
    scales: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    frames: NDArray[np.float64]
    looks: NDArray[np.uint8]
    rejected: list[Rejected]

    @classmethod
    def empty(cls, count: int) -> "Facts":
        """Of so many pictures, of which nothing is known."""
        return cls(
            np.zeros(count, np.uint64),
            np.zeros(count, "S64"),
            np.zeros(count),
            np.full((count, 5, 2), np.nan),
            np.full((count, 2, 3), np.nan),
            np.zeros(count, np.uint8),
            [],
        )

    def columns(self) -> dict[str, Any]:
        """All but the rejected, by name."""
        return {name: getattr(self, name) for name in ("hashes", "sums", "scales", "landmarks", "frames", "looks")}


class Shards:
    """The folder of a pack's shards.

    Args:
        output: of the pack; the folder lies beside it.
        members: of all sources, in order.
        stamps: of the sources' content.
        size: pixels a side.
        crop: rule.

    Raises:
        OSError: the folder cannot be written to.
    """

    def __init__(self, output: Path, members: list[Member], stamps: Sequence[str], size: int, crop: Crop) -> None:
        self.folder = preparing_folder(output)
        self.pack = self.folder / "pack"
        self.members, self.size, self.crop = members, size, crop
        self.bounds = range(0, len(members), SHARD)
        begin(self.folder, _key(members, stamps, size, crop), self.pack)

    def pixels(self, number: int) -> Path:
        """The file of a shard's pixels (K, S, S, 3), of those that were not rejected."""
        return self.folder / f"{number}.npy"

    def facts(self, number: int) -> Path:
        """The file of a shard's facts, written last."""
        return self.folder / f"{number}.npz"

    def undone(self) -> list[int]:
        """Numbers of the shards that are still to be decoded."""
        return [number for number in range(len(self.bounds)) if not self.facts(number).is_file()]

    def told(self) -> str:
        """What is read, in words."""
        total = len(self.members)
        return f"{total - sum(len(task[2]) for task in self.tasks(self.undone())):,} of {total:,} pictures are read"

    def tasks(self, numbers: Sequence[int]) -> list[tuple[Path, int, list[Member], int, Crop]]:
        """Arguments of `decode_shard`, for these shards."""
        starts = [self.bounds[number] for number in numbers]
        return [
            (self.folder, number, self.members[start : start + SHARD], self.size, self.crop)
            for number, start in zip(numbers, starts, strict=True)
        ]

    def need(self, numbers: Sequence[int], hair: bool) -> int:
        """Bytes on disk that the pack will take beyond what is there, at most, with these shards still undone."""
        left = sum(len(self.members[start : start + SHARD]) for start in (self.bounds[n] for n in numbers))
        pixels = self.size**2 * 3
        masks = self.size**2 * len(self.members) if hair else 0
        # A shard's pixels lie there twice while they go into the pack.
        return left * (pixels + 2 * _THUMBNAIL_BYTES + _FACTS_BYTES) + min(SHARD, len(self.members)) * pixels + masks

    def read_facts(self) -> Facts:
        """All shards' facts in one, and their thumbnails in a file, see `thumbnails`."""
        result = Facts.empty(len(self.members))
        (self.folder / "thumbnails").unlink(missing_ok=True)
        for number, start in enumerate(self.bounds):
            with self._reading(self.facts(number)), np.load(self.facts(number), allow_pickle=False) as held:
                for name, column in result.columns().items():
                    column[start : start + SHARD] = held[name]
                with (self.folder / "thumbnails").open("ab") as file:
                    file.write(held["thumbnails"].tobytes())
                pairs = zip(held["reasons"].tolist(), held["lines"].tolist(), strict=True)
                result.rejected.extend(Rejected(cast(Reason, reason), line) for reason, line in pairs)
        return result

    def read_pixels(self, number: int, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some rows (K,) of a shard's pixels: (K, S, S, 3)."""
        with self._reading(self.pixels(number)):
            return np.asarray(mapped(self.pixels(number))[rows])

    def failed(self) -> Iterator[tuple[Path, str]]:
        """Each picture that is left out since it cannot be read or shows no face, and a line that says why."""
        for number, start in enumerate(self.bounds):
            with self._reading(self.facts(number)), np.load(self.facts(number), allow_pickle=False) as held:
                unread = (start + np.flatnonzero(held["sums"] == b"")).tolist()
                lines = held["lines"].tolist()
            for place, line in zip(unread, lines, strict=True):
                yield self.members[place].container / self.members[place].label, line

    @contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise PackError(f"{path} is damaged: remove {self.folder}, and run the same command again") from error

    def thumbnails(self) -> NDArray[np.float32]:
        """(N, FEATURES), memory-mapped, of the facts that were read."""
        return np.memmap(self.folder / "thumbnails", np.float32, "r", shape=(len(self.members), FEATURES))

    def begin_pack(self, recipe: str) -> None:
        """Have the pack's folder ready for one recipe; what was begun by another is undone.

        Pixels that went into that pack are then decoded again.
        """
        mark = self.folder / "recipe"
        known = mark.read_text(encoding="utf-8") if mark.is_file() else ""
        if known != self._signed(recipe):
            for number in range(len(self.bounds)):
                if not self.pixels(number).is_file():
                    self.facts(number).unlink(missing_ok=True)
            shutil.rmtree(self.pack, ignore_errors=True)
            self.pack.mkdir()
            with atomic_file(mark) as temporary:
                temporary.write_text(self._signed(recipe), encoding="utf-8")

    def _signed(self, recipe: str) -> str:
        """With the folder's number on the disk: after a kill, a pack that was exchanged for ours may lie there."""
        return f"{recipe} {self.pack.stat().st_ino}" if self.pack.is_dir() else ""

    def let_go(self, number: int, file: RawIOBase) -> None:
        """Remove a shard's pixels, which have been written to `file`, as soon as they lie on the disk there."""
        os.fsync(file.fileno())
        self.pixels(number).unlink()

    def remove(self) -> None:
        """Remove the folder."""
        remove(self.folder)


def preparing_folder(output: Path) -> Path:
    """Where a pack's shards lie."""
    return work_folder(output, "preparing")


def _key(members: list[Member], stamps: Sequence[str], size: int, crop: Crop) -> str:
    """Of all that decides the shards."""
    total = hashlib.sha256(json.dumps([__version__, size, crop, SHARD, HASH, "looks", *stamps]).encode())
    for path in sorted((Path(finder.__file__).parent / "models").glob("*.onnx")):
        total.update(path.read_bytes())
    places = {container: container.resolve() for container in {member.container for member in members}}
    for m in members:
        total.update(f"{places[m.container]}\0{m.name}\0{m.domain} {m.split}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def decode_shard(folder: Path, number: int, members: list[Member], size: int, crop: Crop) -> int:
    """Read, crop and hash a shard's pictures, and write it. Returns how many there are.

    Raises:
        PackError: the disk is full or cannot be written to; nothing of the shard is left.
    """
    results = decode_chunk(members, size, crop)
    facts, pictures = Facts.empty(len(members)), []
    thumbnails = np.zeros((len(members), FEATURES), np.float32)
    for place, result in enumerate(results):
        if isinstance(result, Rejected):
            facts.rejected.append(result)
            continue
        pictures.append(result.pixels)
        thumbnails[place] = thumbnail(result.pixels)
        _note(facts, place, result)
    pixels = np.stack(pictures) if pictures else np.zeros((0, size, size, 3), np.uint8)
    lines: dict[str, Any] = {
        "reasons": np.array([r.reason for r in facts.rejected], "U"),
        "lines": np.array([r.line.replace("\0", " ") for r in facts.rejected], "U"),
    }
    try:
        with atomic_file(folder / f"{number}.npy") as temporary:
            np.save(temporary, pixels)
        with atomic_file(folder / f"{number}.npz") as temporary:
            np.savez(temporary, **facts.columns(), **lines, thumbnails=thumbnails)
    except OSError as error:
        with contextlib.suppress(OSError):
            (folder / f"{number}.npy").unlink(missing_ok=True)
        raise PackError(cannot_write(folder, error)) from error
    return len(members)


def in_bytes(count: int) -> str:
    """A number of bytes, in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def cannot_write(folder: Path, error: OSError) -> str:
    """One line for a failure to write the work of `prepare`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "make room and run the same command again: it goes on where it stopped; or remove that folder"
    else:
        advice = "allow writing there, or name another folder for the pack"
    return f"{folder} cannot be written: {error.strerror or error}; {advice}"


def _note(facts: Facts, place: int, result: Cropped) -> None:
    facts.hashes[place], facts.sums[place], facts.scales[place] = result.hash, result.sha256, result.scale
    if result.landmarks is not None:
        facts.landmarks[place] = result.landmarks
    if result.frame is not None:
        facts.frames[place] = result.frame
    if result.looks is not None:
        facts.looks[place] = 1 + DOMAINS.index(result.looks)
