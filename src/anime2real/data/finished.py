"""What a kill between the last step of a pack and the end leaves of the work: known, and removed when it is refused."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from anime2real.data.pack import PackError
from anime2real.data.work_folder import KEY
from anime2real.image.decode import printable
from anime2real.locks import alone

FINISHED: Final = "finished"
"""The file in a folder of work that says which pack it has become."""


def note_finished(work: Path, pack: Path) -> None:
    """Note which pack the work in a folder has become, before the pack is put in its place."""
    (work / FINISHED).write_text(_sum_of_meta(pack), encoding="utf-8")


def stopped_at(work: Path, pack: Path, done: str) -> str:
    """What an interruption tells of a pack.

    Args:
        work: the folder of the work on it.
        pack: where the pack will lie, or does.
        done: what is done of the work, in words.
    """
    if _has_become(work, pack):
        return printable(f"{pack} is whole")
    return printable(f"{pack}: {done} and kept in {work}; the same command resumes")


@contextmanager
def removing_finished(work: Path, pack: Path) -> Iterator[None]:
    """Where a pack is refused, remove what a kill between its last step and its end left of the work on it.

    Args:
        work: the folder of it; one that has become no pack yet stays.
        pack: where the pack lies.
    """
    try:
        yield
    except PackError:
        if work.is_dir() and (pack / "meta.json").is_file():
            _remove_finished(work, pack)
        raise


def _remove_finished(work: Path, pack: Path) -> None:
    with (
        contextlib.suppress(OSError, PackError),
        alone(work.with_suffix(".lock"), PackError("another process works there")),
    ):
        if _has_become(work, pack) or not (work / KEY).exists():
            shutil.rmtree(work, ignore_errors=True)


def _has_become(work: Path, pack: Path) -> bool:
    """Whether the pack is the one that the work has become."""
    if not (work / FINISHED).is_file() or not (pack / "meta.json").is_file():
        return False
    return (work / FINISHED).read_text(encoding="utf-8") == _sum_of_meta(pack)


def _sum_of_meta(pack: Path) -> str:
    return hashlib.sha256((pack / "meta.json").read_bytes()).hexdigest()
