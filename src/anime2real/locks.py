"""Locks between processes on what they write, gone when nobody holds them."""

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
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise refusal from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
