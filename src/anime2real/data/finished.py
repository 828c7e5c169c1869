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
from anime2real.locks import alone

FINISHED: Final = "finished"
"""The file in a folder of work that says which pack it has become."""


def note_finished(work: Path, pack: Path) -> None:
    """Note which pack the work in a folder has become, before the pack is put in its place."""
    (work / FINISHED).write_text(_sum_of_meta(pack), encoding="utf-8")


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
        noted = (work / FINISHED).read_text(encoding="utf-8") if (work / FINISHED).is_file() else None
        if noted == _sum_of_meta(pack) or not (work / KEY).exists():
            shutil.rmtree(work, ignore_errors=True)


def _sum_of_meta(pack: Path) -> str:
    return hashlib.sha256((pack / "meta.json").read_bytes()).hexdigest()
