"""Files that are whole or absent, and claims on their places: of several commands, each result is made by one.

A file is written beside its place, flushed to the disk and renamed. A claim is taken before a picture is looked at, so
that another command hears of it at once and not when it has made the same. Both are hidden files that are locked, which
ends with the process that holds them: what a killed one leaves is taken over or removed (`remove_partial_files`).
"""

import contextlib
import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Final

ATTEMPTS: Final = 3
"""At a claim: whoever removes left ones holds each for a moment."""

PAUSE_SECONDS: Final = 0.01

_PARTIAL: Final = f".{'[0-9a-f]' * 16}.partial*"
"""What names of such files match."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to: on success flushed and renamed to it, on failure removed.

    The temporary file is hidden, is there already (empty, with the rights a plain `open` would give) and ends
    in the same suffix, because some writers choose their format by it. A file at `path` is replaced.

    Raises:
        OSError: the folder cannot be written to.
    """
    with atomic_files([path]) as (temporary,):
        yield temporary


@contextmanager
def atomic_files(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """As `atomic_file`, for files that belong together: none is renamed before all are written, the first one last.

    So the first one stands in its place only if all the others did.

    Raises:
        OSError: one cannot be written; it names a file.
    """
    with ExitStack() as written, _named(paths[0]):
        temporaries = [written.enter_context(_temporary(path)) for path in paths]
        yield temporaries
        for temporary in temporaries:
            flush(temporary)
        for temporary, path in reversed(list(zip(temporaries, paths, strict=True))):
            temporary.replace(path)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name a file in errors that name none, as those of a full disk: what writes knows no names."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None and type(error).__module__ == "builtins":  # not PyAV's
            error.filename = str(path)
        raise


@contextmanager
def asked_for(path: Path) -> Iterator[None]:
    """Name this path in errors, not the hidden one beside it."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A hidden file beside `path`, removed at the end; it is locked, which tells it from one of a killed writer."""
    # A short name of its own: one made from path.name could pass the 255 bytes that path.name keeps to.
    while True:
        temporary = path.parent / f".{random_name()}.partial{path.suffix}"
        with asked_for(path):
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        if not (locked := lock(descriptor, wait=True)) or os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # another process took it for a leftover before it was locked
    if not locked:  # Windows renames no open file
        os.close(descriptor)
    try:
        yield temporary
    finally:
        if locked:
            os.close(descriptor)
        temporary.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Remove the files that killed writers left in a folder, where the system tells that nobody writes to them."""
    for partial in folder.glob(_PARTIAL):
        _remove_left(partial)


def is_partial(name: str) -> bool:
    """Whether a file is called as one that is half written, or as a claim."""
    return fnmatchcase(name, _PARTIAL)


def _remove_left(partial: Path) -> None:
    """Remove such a file, if nobody holds it."""
    with contextlib.suppress(OSError):
        if partial.is_file() and not partial.is_symlink():
            descriptor = os.open(partial, os.O_WRONLY)
            try:
                if lock(descriptor):
                    partial.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove a folder, and those around it, that are made inside and empty at the end: of what has failed."""
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        yield
    finally:
        for path in missing:
            with contextlib.suppress(OSError, ValueError):  # not empty, or never made; a NUL in the name
                path.rmdir()


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder, and those around it; those that are made here and empty at the end are removed.

    Raises:
        OSError: one cannot be made.
    """
    with removed_if_empty(folder):
        folder.mkdir(parents=True, exist_ok=True)
        yield


class Claims:
    """Claims that are let go in the order in which they were taken, and all at the end.

    Folders of results are made for them; those that are empty at the end are removed.

    Args:
        work: what tells the work, if other processes do parts of it: what they hold is not refused. Of a node that is
            gone, a network file system may keep the locks for a while, and whoever does its part again must go on.
    """

    def __init__(self, work: str = "") -> None:
        self._work = work.encode()
        self._held: deque[_Claim | None] = deque()
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
        claim = None if place is None else _Claim(place, self._work)
        self._held.append(claim)  # before it is taken: an interruption may come at any moment
        if place is None or claim is None:
            return True
        if place.parent not in self._made:
            self._made.add(place.parent)
            with contextlib.suppress(OSError, ValueError):  # whoever writes there says so
                self._folders.enter_context(made_folder(place.parent))
        return claim.take()

    def let_go(self) -> None:
        """Let the oldest claim go."""
        if (claim := self._held[0]) is not None:
            claim.let_go()
        self._held.popleft()


class _Claim:
    """A claim on a place, where the system can lock files there.

    It can be let go at any time, more than once, and by an interruption at any step of taking it.

    Args:
        place: the claimed one.
        work: as of `Claims`.
    """

    def __init__(self, place: Path, work: bytes) -> None:
        name = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:16]
        self._path, self._work = place.parent / f".{name}.partial.claim", work
        self._descriptor: int | None = None
        self._begun = self._is_ours = False

    def take(self) -> bool:
        """Hold the place; False if another process holds it, and no other part of the work."""
        self._begun = True
        taken = self._take()
        self._begun = False
        return taken

    def _take(self) -> bool:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            try:
                # On Windows the file itself is the lock: it goes with its process.
                flags = os.O_RDWR | os.O_CREAT if os.name == "posix" else os.O_CREAT | os.O_EXCL | os.O_TEMPORARY  # type: ignore[attr-defined]
                self._descriptor = os.open(self._path, flags, 0o666)
            except FileExistsError:
                continue
            except (OSError, ValueError):
                return True
            # Locked, and nobody has removed it meanwhile.
            if os.name != "posix" or (lock(self._descriptor) is not False and os.fstat(self._descriptor).st_nlink):
                self._is_ours = True
                self._tell_work(self._descriptor)
                return True
            known = os.read(self._descriptor, 64)
            self._close()
            if self._work and known == self._work:
                return True
        return False

    def _tell_work(self, descriptor: int) -> None:
        if os.name == "posix" and (self._work or os.fstat(descriptor).st_size):  # one that was left may tell other work
            with contextlib.suppress(OSError):  # a full disk: then the lock alone tells
                os.ftruncate(descriptor, 0)
                os.write(descriptor, self._work)

    def let_go(self) -> None:
        """Hold the place no longer."""
        if self._is_ours and os.name == "posix":  # Windows removes it when it is closed, and not before
            self._path.unlink(missing_ok=True)
        is_cut_off, self._begun, self._is_ours = self._begun, False, False
        self._close()
        if is_cut_off and os.name == "posix":
            _remove_left(self._path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def lock(descriptor: int, *, wait: bool = False) -> bool | None:
    """Lock an open file until it is closed or its process ends.

    Returns:
        False if another process holds it; None if the system, or the file system, knows no locks.
    """
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def flush(path: Path) -> None:
    """Wait until a file's content lies on the disk."""
    with path.open("r+b") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def hidden_beside(path: Path, end: str) -> Path:
    """A hidden name beside `path` that begins as it does, short enough for the 255 bytes that a name may have."""
    name = os.fsencode(path.name)
    cut = min(len(name), 200)
    while cut < len(name) and name[cut] & 0xC0 == 0x80:  # inside a letter of UTF-8
        cut -= 1
    return path.parent / f".{os.fsdecode(name[:cut])}.{end}"


def random_name() -> str:
    """16 hexadecimal digits; not by `secrets`, whose import takes longer than writing a picture."""
    return os.urandom(8).hex()
