"""Claims on the places of results: of several commands that write into one folder, each result is made by one.

A claim is taken before a picture is looked at, so that the other command hears of it at once and not when it has made
the same. It is a lock on a hidden file beside the result, gone with the process that holds it: what a killed one leaves
is taken over, or removed with what it left half written (`atomic.remove_partial_files`).
"""

import contextlib
import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from anime2real.atomic import made_folder

ATTEMPTS: Final = 3
"""Whoever removes left claims holds each for a moment."""

PAUSE_SECONDS: Final = 0.01


class Claims:
    """Claims that are let go in the order in which they were taken, and all at the end.

    Folders of results are made for them; those that are empty at the end are removed.

    Args:
        work: what tells the work, if other processes do parts of it: what they hold is not refused. Of a node that is
            gone, a network file system may keep the locks for a while, and whoever does its part again must go on.
    """

    def __init__(self, work: str = "") -> None:
        self._work = work.encode()
        self._held: deque[ExitStack] = deque()
        self._folders = ExitStack()
        self._made: set[Path] = set()

    def __enter__(self) -> "Claims":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._held:
            self.let_go()
        self._folders.close()

    def take(self, place: Path | None) -> bool:
        """Claim a place, or nothing; False if another process holds it, which counts as nothing."""
        claim = ExitStack()
        self._held.append(claim)
        if place is None:
            return True
        if place.parent not in self._made:
            self._made.add(place.parent)
            with contextlib.suppress(OSError, ValueError):  # whoever writes there says so
                self._folders.enter_context(made_folder(place.parent))
        try:
            claim.enter_context(_claimed(place, self._work))
        except BlockingIOError:
            return False
        return True

    def let_go(self) -> None:
        """Let the oldest claim go."""
        self._held.popleft().close()


@contextmanager
def _claimed(place: Path, work: bytes) -> Iterator[None]:
    """Hold a place until the end, where the system can lock files there and no other part of the work holds it.

    Raises:
        BlockingIOError: another process holds it.
    """
    name = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:16]
    claim = place.parent / f".{name}.partial.claim"
    descriptor = _locked(claim, work)
    try:
        yield
    finally:
        if descriptor is not None:
            if os.name == "posix":  # Windows removes it when it is closed, and not before
                claim.unlink(missing_ok=True)
            os.close(descriptor)


def _locked(claim: Path, work: bytes) -> int | None:
    """The open file of a claim, locked, which holds what tells the work; None where that cannot be done.

    Raises:
        BlockingIOError: another process has it locked.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            # On Windows the file itself is the lock: it goes with its process.
            flags = os.O_RDWR | os.O_CREAT if os.name == "posix" else os.O_CREAT | os.O_EXCL | os.O_TEMPORARY  # type: ignore[attr-defined]
            descriptor = os.open(claim, flags, 0o666)
        except FileExistsError:
            continue
        except (OSError, ValueError):
            return None
        if os.name != "posix":
            return descriptor
        if _lock(descriptor):
            if work or os.fstat(descriptor).st_size:  # a claim that was left may tell other work
                with contextlib.suppress(OSError):  # a full disk: then the lock alone tells
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, work)
            return descriptor
        known = os.read(descriptor, 64)
        os.close(descriptor)
        if work and known == work:
            return None
    raise BlockingIOError(f"{claim} is held by another process")


def _lock(descriptor: int) -> bool:
    """Lock an open file; False if another process holds it or has removed it meanwhile."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return os.fstat(descriptor).st_nlink > 0
