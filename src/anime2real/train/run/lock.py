"""Locks that hold between processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from anime2real.atomic import made_folder
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


@contextmanager
def locked_folder(folder: Path, name: str, refusal: str) -> Iterator[None]:
    """Make a folder and hold a lock in it until the end; where nothing else lies in it then, both go.

    Args:
        folder: what is written to.
        name: of the lock's file.
        refusal: as of `locked`.

    Raises:
        TrainError: another process holds it.
        OSError: the folder cannot be made.
    """
    lock = folder / name
    with made_folder(folder), locked(lock, refusal):
        try:
            yield
        finally:
            if list(folder.iterdir()) == [lock]:
                lock.unlink()
