"""Locks that hold between processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from anime2real.train.run.config import TrainError


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock until the end; the file stays, because whoever removes it can let two in.

    Args:
        path: of the lock's file, in a folder that is there.
        refusal: what to say where another process holds it.

    Raises:
        TrainError: another process holds it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TrainError(refusal) from error
    try:
        yield
    finally:
        lock.release()
