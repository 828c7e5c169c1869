"""The hidden folder beside a pack in which the work on it lies, so that whoever is stopped goes on.

A file in it, the key, says what the work is on and how; work that was begun on anything else is worth nothing.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from anime2real.atomic import atomic_file, hidden_beside, remove_partial_files

KEY: Final = "key"
"""The file that says what is in a work folder; without it, nothing is."""


def work_folder(pack: Path, doing: str) -> Path:
    """Where the work on a pack lies.

    Args:
        pack: where the pack will be.
        doing: what is done to it, a word; it ends the folder's name.
    """
    return hidden_beside(Path(os.path.abspath(pack)), doing)


def begin(folder: Path, key: str, *below: Path) -> None:
    """Have a folder ready for the work that a key stands for: what was begun for another goes, and what was cut off.

    Args:
        folder: of the work.
        key: all that decides what will be in it.
        below: folders inside.

    Raises:
        OSError: it cannot be written to; then nothing of it is left.
    """
    mark = folder / KEY
    if not mark.is_file() or mark.read_text(encoding="utf-8") != key:
        shutil.rmtree(folder, ignore_errors=True)
        try:
            for each in (folder, *below):
                each.mkdir()
            with atomic_file(mark) as temporary:
                temporary.write_text(key, encoding="utf-8")
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    for each in (folder, *below):
        remove_partial_files(each)


def remove(folder: Path) -> None:
    """Remove it; nothing in it counts from the first step on."""
    (folder / KEY).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
