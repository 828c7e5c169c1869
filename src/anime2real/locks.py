"""Locks between processes on what they write, gone when nobody holds them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alone(path: Path, refusal: Exception) -> Iterator[None]:
    """Hold a lock until the end.

    Args:
        path: of the lock's file, in a folder that is there; it is removed at the end.
        refusal: raised where another process holds it.

    Raises:
        OSError: nothing can be written to the folder.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not os.path.lexists(path):  # let go of meanwhile, or never made: in /proc nothing can be
            tempfile.TemporaryFile(dir=path.parent).close()
        raise refusal from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
