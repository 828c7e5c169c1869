"""Files that are whole or absent."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to: on success flushed and renamed to it, on failure removed.

    The temporary file is hidden, is there already (empty, with the rights a plain `open` would give) and ends
    in the same suffix, because some writers choose their format by it. A file at `path` is replaced.

    Raises:
        OSError: the folder cannot be written to.
    """
    # A short name of its own: one made from path.name could pass the 255 bytes that path.name keeps to.
    temporary = path.parent / f".{secrets.token_hex(8)}.partial{path.suffix}"
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("r+b") as file:  # Windows flushes only what is open for writing
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
