"""Arrays of bytes in .npy files whose room on the disk is taken before they are filled.

Writing to a memory map of a file with holes ends the process (SIGBUS) where the disk is full; here it is an OSError
before the first byte.
"""

import os
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

BYTES: Final = np.dtype(np.uint8)

_AT_ONCE: Final = 2**24


def header(shape: tuple[int, ...]) -> bytes:
    """What a .npy file of so many bytes begins with."""
    head = BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return head.getvalue()


def mapped(path: Path, dtype: np.dtype[Any] = BYTES) -> NDArray[Any]:
    """The array of a .npy file, memory-mapped copy-on-write: torch wants writable memory, the file stays as it is.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no array of that type, or is damaged; the message says so.
    """
    try:
        array = np.lib.format.open_memmap(path, "c")
    except OSError:
        raise
    except Exception as error:  # its header is parsed as Python: SyntaxError, TokenError, RecursionError, MemoryError …
        raise ValueError(f"{path.name} is damaged") from error
    if array.dtype != dtype:
        raise ValueError(f"{path.name} holds something else")
    return array


def new_array(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A new file of this shape, memory-mapped.

    Raises:
        OSError: the disk has no room for it, or cannot be written to.
    """
    with path.open("wb") as file:
        file.write(header(shape))
        _reserve(file, int(np.prod(shape, dtype=np.int64)))
    array: NDArray[np.uint8] = np.load(path, mmap_mode="r+")
    return array


def keep_rows(path: Path, rows: NDArray[np.int64]) -> None:
    """Leave only some rows (K,), ascending, of a file that `new_array` made, in its own room.

    No row is needed again once a later one was moved to its place.
    """
    array: NDArray[np.uint8] = np.load(path, mmap_mode="r+")
    for row, kept in enumerate(rows.tolist()):
        if row != kept:
            array[row] = array[kept]
    shape = (len(rows), *array.shape[1:])
    array.flush()  # type: ignore[attr-defined]
    del array
    head = header(shape)
    with path.open("r+b") as file:
        file.write(head)
        file.truncate(len(head) + int(np.prod(shape, dtype=np.int64)))


def _reserve(file: BinaryIO, count: int) -> None:
    """Take the room of so many bytes from here on."""
    file.flush()
    if count and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), file.tell(), count)
        return
    for start in range(0, count, _AT_ONCE):
        file.write(bytes(min(_AT_ONCE, count - start)))
