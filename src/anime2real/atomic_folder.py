"""Folders that are whole or absent: filled beside their place, flushed to the disk, renamed."""

import contextlib
import ctypes
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anime2real.atomic import asked_for, flush, hidden_beside, lock, made_folder, random_name


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
        temporary = hidden_beside(path, f"{random_name()}.partial")
        with asked_for(path):
            temporary.mkdir()
        if os.name != "posix":
            return temporary, None
        try:
            held = os.open(temporary, os.O_RDONLY)
        except FileNotFoundError:  # another process took it for a leftover
            continue
        lock(held, wait=True)
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
        return lock(descriptor) is True
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
        aside = hidden_beside(path, f"{random_name()}.old")
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


def _flush_entries(folder: Path) -> None:
    """Wait until the names in a folder lie on the disk, where the system knows how."""
    if os.name == "posix":
        with contextlib.suppress(OSError):  # some network file systems refuse
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _remove_tree(folder: Path) -> None:
    """Remove a folder and what is in it, as far as that can be done."""
    import shutil  # not above: few commands make folders

    shutil.rmtree(folder, ignore_errors=True)


def _pattern(path: Path) -> str:
    """The glob pattern of those names, without their ends."""
    return glob.escape(hidden_beside(path, "").name) + "[0-9a-f]" * 16
