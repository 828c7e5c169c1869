"""How far a clip that is being translated is: JSON files that keep it, and what is said of it where it is stopped.

The files are whole or absent, below their sum. What has not the sum is not there.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from anime2real.atomic import atomic_file


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object, complete or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    text = json.dumps(content)
    with atomic_file(path) as temporary:
        temporary.write_text(f"{_sum(text)}\n{text}", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none, or it is damaged."""
    try:
        told, _, text = path.read_text(encoding="utf-8").partition("\n")
        content: dict[str, Any] = json.loads(text) if told == _sum(text) else {}
    except (OSError, ValueError):
        return {}
    return content


def stopped_at(doing: str, done: int, total: int | None, kept: int) -> str:
    """What an interruption tells of frames that are done, of how many if that is known, and kept."""
    of = "" if total is None else f" of {total}"
    further = (
        f"{kept} of them kept; the same command resumes" if kept else "none kept yet; the same command starts again"
    )
    return f"stopped {doing} at frame {done}{of}, {further}"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
