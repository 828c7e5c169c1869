"""index.jsonl of a pack, read into columns: some 140 bytes of memory a picture, whatever its line holds."""

import hashlib
import json
import mmap
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast, overload

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import DOMAINS

SPLITS: Final = ("train", "test")

_WIDTHS: Final = {"scale": 1, "landmarks": 10, "frame": 6, "who": 2, "expression": 4, "weight": 1, "hair": 3}
"""Numbers of a picture in each column; NaN where its line has none."""

_EXACT: Final = ("scale", "weight")
"""Columns of doubles, which are compared with what a user gives; the others are single."""


class Index(Sequence[dict[str, Any]]):
    """The lines of an index, each parsed when it is asked for, and what training reads of all of them as columns.

    Attributes:
        domains: (P,) places in `DOMAINS`.
        splits: (P,) places in `SPLITS`; -1 for pictures that were left out.
        sources: (P,) places in `source_names`, the folder or archive that each came from.
        source_names: in the order in which they come.
        files_sha256: hex, over the pictures' names and sums in their order.

    Args:
        path: of the file, which may be replaced meanwhile: this is what was there.

    Raises:
        OSError: it cannot be read.
        ValueError: a line is none of an index; it says which.
    """

    def __init__(self, path: Path) -> None:
        self._content = _content(path)
        starts = array("Q", [0])
        columns = {name: array("d" if name in _EXACT else "f") for name in _WIDTHS}
        domains, splits, sources = array("b"), array("b"), array("i")
        names: dict[str, int] = {}
        files = hashlib.sha256()
        for number, line in enumerate(_lines(self._content), 1):
            try:
                entry = json.loads(line)
                file = entry["file"]
                domains.append(DOMAINS.index(entry["domain"]))
                splits.append(SPLITS.index(entry["split"]) if entry["split"] in SPLITS else -1)
                sources.append(names.setdefault(file.split("/", 1)[0], len(names)))
                files.update(f"{file}\0{entry.get('sha256')}\n".encode(errors="surrogatepass"))
                for name, width in _WIDTHS.items():
                    columns[name].extend(_numbers(entry.get(name), width))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
                raise ValueError(f"index.jsonl, line {number}: {_what(error)}") from error
            starts.append(starts[-1] + len(line))
        self._starts = np.frombuffer(starts, np.uint64).astype(np.int64)
        self._columns = {name: np.frombuffer(column, column.typecode) for name, column in columns.items()}
        self.domains, self.splits = (np.frombuffer(column, np.int8) for column in (domains, splits))
        self.sources = np.frombuffer(sources, np.intc)
        self.source_names = list(names)
        self.files_sha256 = files.hexdigest()

    def column(self, name: str) -> NDArray[Any]:
        """(P, W): `scale` and `weight` (W = 1), `who` (2), `hair` (3), `expression` (4), `frame` (6), `landmarks` (10).

        NaN where a line has none.
        """
        return self._columns[name].reshape(-1, _WIDTHS[name])

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, row: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, row: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, row: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        place = range(len(self))[row]  # IndexError beyond the last; negative ones count from there
        return cast(dict[str, Any], json.loads(self._content[self._starts[place] : self._starts[place + 1]]))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def _content(path: Path) -> mmap.mmap | bytes:
    """A file's bytes, mapped where a mapped file can be replaced and is not empty."""
    with path.open("rb") as file:
        if os.name != "posix" or not os.fstat(file.fileno()).st_size:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _lines(content: mmap.mmap | bytes) -> Iterator[bytes]:
    start = 0
    while start < len(content):
        stop = content.find(b"\n", start) + 1 or len(content)
        yield content[start:stop]
        start = stop


def _numbers(value: Any, width: int) -> Iterator[float]:
    """A number, or lists of them, one after the other; NaN where nothing is said."""
    rows = value if isinstance(value, list) else [value]
    flat = [number for row in rows for number in (row if isinstance(row, list) else [row])]
    if value is None:
        flat = [float("nan")] * width
    elif len(flat) != width:
        raise ValueError(f"{len(flat)} numbers where {width} should be")
    elif any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in flat):
        raise TypeError("words where numbers should be")
    return iter(flat)


def _what(error: Exception) -> str:
    return f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
