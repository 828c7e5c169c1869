"""Files and folders that are whole or absent: written beside their place, flushed to the disk, renamed."""

import contextlib
import ctypes
import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path


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
def _asked_for(path: Path) -> Iterator[None]:
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
        temporary = path.parent / f".{_random_name()}.partial{path.suffix}"
        with _asked_for(path):
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        if not (locked := _lock(descriptor, wait=True)) or os.fstat(descriptor).st_nlink:
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


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed or its process ends; False if another holds it, or systems know none."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


def remove_partial_files(folder: Path) -> None:
    """Remove the files that killed writers left in a folder, where the system tells that nobody writes to them."""
    for partial in folder.glob(f".{'[0-9a-f]' * 16}.partial*"):
        with contextlib.suppress(OSError):
            if partial.is_file() and not partial.is_symlink():
                descriptor = os.open(partial, os.O_WRONLY)
                try:
                    if _lock(descriptor, wait=False):
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


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path` to fill: on success flushed and renamed to it, on failure removed.

    A folder at `path` is removed once the new one stands in its place (see `move_into_place`). What a killed writer of
    the same folder left behind is removed at the start.

    Raises:
        OSError: the folder cannot be written to.
    """
    with made_folder(path.parent):
        remove_partial_folders(path)
        temporary, held = _new_folder(path)
        try:
            yield temporary
            move_into_place(temporary, path)
        finally:
            _remove_tree(temporary)
            if held is not None:
                os.close(held)


def _new_folder(path: Path) -> tuple[Path, int | None]:
    """A hidden folder beside `path`, and what holds its lock, where the system can lock folders."""
    while True:
        temporary = hidden_beside(path, f"{_random_name()}.partial")
        with _asked_for(path):
            temporary.mkdir()
        if os.name != "posix":
            return temporary, None
        try:
            held = os.open(temporary, os.O_RDONLY)
        except FileNotFoundError:  # another process took it for a leftover
            continue
        _lock(held, wait=True)
        if temporary.exists():
            return temporary, held
        os.close(held)


def _is_left(folder: Path) -> bool:
    """Whether nobody writes in a hidden folder any more, as far as the system tells."""
    if os.name != "posix":
        return True
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _lock(descriptor, wait=False)
    finally:
        os.close(descriptor)


def move_into_place(folder: Path, path: Path) -> None:
    """Flush a finished folder and rename it to `path`; a folder that is there goes, or ends in its place.

    Where the system can exchange two names at once, as Linux does, `path` is whole at every moment. Elsewhere a kill
    between two renames leaves the old folder under a hidden name, from where `remove_partial_folders` brings it back.

    Raises:
        OSError: it cannot be done; `path` is as it was.
    """
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            flush(file)
    if not path.exists():
        folder.rename(path)
    elif not _exchange(folder, path):
        aside = hidden_beside(path, f"{_random_name()}.old")
        path.rename(aside)
        try:
            folder.rename(path)
        except OSError:
            aside.rename(path)
            raise
        _remove_tree(aside)
    _flush_entries(path.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; whether the system and the file system can."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no Linux, or an old C library
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(exchange)) == 0)


def remove_partial_folders(path: Path) -> None:
    """Remove what killed writers of the folder `path` left; one that was moved aside goes back if none is there."""
    for aside in path.parent.glob(f"{_pattern(path)}.old"):
        if path.exists():
            _remove_tree(aside)
        else:
            aside.rename(path)
    for partial in path.parent.glob(f"{_pattern(path)}.partial"):
        if _is_left(partial):
            _remove_tree(partial)


def flush(path: Path) -> None:
    """Wait until a file's content lies on the disk."""
    with path.open("r+b") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def _flush_entries(folder: Path) -> None:
    """Wait until the names in a folder lie on the disk, where the system knows how."""
    if os.name == "posix":
        with contextlib.suppress(OSError):  # some network file systems refuse
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def hidden_beside(path: Path, end: str) -> Path:
    """A hidden name beside `path` that begins as it does, short enough for the 255 bytes that a name may have."""
    return path.parent / f".{path.name.encode()[:200].decode(errors='ignore')}.{end}"


def _random_name() -> str:
    """16 hexadecimal digits; not by `secrets`, whose import takes longer than writing a picture."""
    return os.urandom(8).hex()


def _remove_tree(folder: Path) -> None:
    """Remove a folder and what is in it, as far as that can be done."""
    import shutil  # not above: few commands make folders

    shutil.rmtree(folder, ignore_errors=True)


def _pattern(path: Path) -> str:
    """The glob pattern of those names, without their ends."""
    return glob.escape(hidden_beside(path, "").name) + "[0-9a-f]" * 16
