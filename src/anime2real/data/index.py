"""index.jsonl of a pack: its lines where they are, and what training reads of all of them as columns.

A large index takes no memory of its own: its lines and its columns (`index_columns.py`) are mapped files.
"""

import json
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from anime2real.data.index_columns import Spread, columns_of
from anime2real.data.index_lines import WIDTHS


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
        spread: makes the columns of a large index in other processes (`workers.py`), which read it from there.

    Raises:
        OSError: it cannot be read.
        ValueError: a line is none of an index; it says which.
    """

    def __init__(self, path: Path, spread: Spread | None = None) -> None:
        self._content = _content(path)
        columns = columns_of(path, self._content, spread)
        self._records = columns.records
        self.domains: NDArray[np.int8] = columns.records["domain"]
        self.splits: NDArray[np.int8] = columns.records["split"]
        self.sources: NDArray[np.int32] = columns.records["source"]
        self.source_names, self.files_sha256 = columns.source_names, columns.files_sha256

    def column(self, name: str) -> NDArray[Any]:
        """(P, W): `scale` and `weight` (W = 1), `who` (2), `hair` (3), `expression` (4), `frame` (6), `landmarks` (10).

        NaN where a line has none.
        """
        return self._records[name].reshape(-1, WIDTHS[name])

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, row: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, row: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, row: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        place = range(len(self))[row]  # IndexError beyond the last; negative ones count from there
        start = int(self._records["start"][place])
        stop = int(self._records["start"][place + 1]) if place + 1 < len(self) else len(self._content)
        return cast(dict[str, Any], json.loads(self._content[start:stop]))

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
