"""The columns of an index as a table of fixed records, which a large index keeps beside it and maps into memory.

`index.columns` is a line of JSON, filled up with spaces, and the records. It belongs to one index.jsonl, whose SHA-256
it names, is written when a large index is first opened, and can be deleted at any time.
"""

import hashlib
import json
import mmap
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.atomic import atomic_file
from anime2real.data.index_lines import RECORD, Read, ranges, read_lines

LARGE: Final = 2**26
"""Bytes of an index from which on its columns are kept in a file; some 100,000 pictures."""

_FORMAT: Final = 1

_HEAD_UNIT: Final = 64

_BLOCK: Final = 2**22
"""Bytes of lines whose records are made at a time."""

_AT_ONCE: Final = 2**24


@dataclass(frozen=True)
class Columns:
    """What a training reads of all lines.

    Attributes:
        records: (P,) of `RECORD`; memory-mapped where the index is large.
        source_names: what `source` counts.
        files_sha256: hex, over the pictures' names and sums in their order.
    """

    records: NDArray[Any]
    source_names: list[str]
    files_sha256: str


Spread = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]], int], Iterator[Any]]
"""What gives the results of a function for each of some tasks, in their order, from other processes."""


def columns_of(path: Path, content: mmap.mmap | bytes, spread: Spread | None = None) -> Columns:
    """The columns of an index, read from the file beside it, or made of its lines and, if it is large, written there.

    Args:
        path: of the index.
        content: all of it.
        spread: makes the columns of a large index in other processes; they are the same.

    Raises:
        ValueError: a line is none of an index; it says which.
    """
    if len(content) < LARGE:
        blocks = _Blocks(path, content, None)
        records = list(blocks)
        return blocks.done(np.concatenate(records) if records else np.zeros(0, RECORD))
    digest, kept = hashlib.sha256(content).hexdigest(), path.with_suffix(".columns")
    return _read(kept, digest) or _written(kept, digest, _Blocks(path, content, spread))


class _Blocks:
    """Records made of lines, block by block; afterwards, what is known of all of them."""

    def __init__(self, path: Path, content: mmap.mmap | bytes, spread: Spread | None) -> None:
        self._path, self._content, self._spread = path, content, spread
        self._names, self._files = dict[str, int](), hashlib.sha256()

    def done(self, records: NDArray[Any]) -> Columns:
        return Columns(records, list(self._names), self._files.hexdigest())

    def __iter__(self) -> Iterator[NDArray[Any]]:
        lines = 0
        for part in self._parts():
            lines += len(part.records)
            if part.wrong:
                raise ValueError(f"index.jsonl, line {lines + 1}: {part.wrong}")
            places = [self._names.setdefault(name, len(self._names)) for name in part.names]
            part.records["source"] = np.array(places, np.int32)[part.records["source"]]
            self._files.update(part.files)
            yield part.records

    def _parts(self) -> Iterator[Read]:
        places = list(ranges(self._content, _BLOCK))
        if self._spread is None:
            yield from (read_lines(self._content[start:stop], start) for start, stop in places)
            return
        stamp = _stamp(self._path)
        tasks = ((self._path, stamp, *each) for each in places)
        for (start, stop), part in zip(places, self._spread(_part_of_file, tasks, len(places)), strict=True):
            yield part or read_lines(self._content[start:stop], start)


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _part_of_file(path: Path, stamp: tuple[int, ...], start: int, stop: int) -> Read | None:
    """In another process: what some lines of a file say; None if it has been replaced."""
    with path.open("rb") as file:
        if _stamp(path) != stamp:
            return None
        file.seek(start)
        return read_lines(file.read(stop - start), start)


def _read(kept: Path, digest: str) -> Columns | None:
    """What a file holds, if it is whole and belongs to the index of that sum."""
    try:
        with kept.open("rb") as file:
            line = file.readline(2**20)
            head = json.loads(line)
            if head["format"] != _FORMAT or head["index_sha256"] != digest:
                return None
            crc = 0
            while part := file.read(_AT_ONCE):
                crc = zlib.crc32(part, crc)
            if crc != head["crc32"] or file.tell() != len(line) + head["rows"] * RECORD.itemsize:
                return None
        records = np.memmap(kept, RECORD, "r", offset=len(line), shape=(head["rows"],))
        return Columns(records, head["sources"], head["files_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _written(kept: Path, digest: str, blocks: _Blocks) -> Columns:
    """Columns in a file beside the index or, where that cannot be, in one without a name; mapped."""
    with tempfile.TemporaryFile() as records:
        crc, rows = 0, 0
        for block in blocks:
            content = block.tobytes()
            crc, rows = zlib.crc32(content, crc), rows + len(block)
            records.write(content)
        records.flush()
        done = blocks.done(np.memmap(records, RECORD, "r", shape=(rows,)))
        facts = {"format": _FORMAT, "index_sha256": digest, "crc32": crc, "rows": rows}
        head = json.dumps({**facts, "sources": done.source_names, "files_sha256": done.files_sha256})
        try:
            with atomic_file(kept) as temporary, temporary.open("wb") as file:
                file.write(head.encode() + b" " * (-(len(head) + 1) % _HEAD_UNIT) + b"\n")
                _copy(records, file)
        except OSError:  # a folder that is read by others, or a full disk
            return done
    return _read(kept, digest) or done


def _copy(source: BinaryIO | Any, target: BinaryIO) -> None:
    source.seek(0)
    while part := source.read(_AT_ONCE):
        target.write(part)
