"""JSON files in which a clip that is being translated keeps how far it is: whole or absent, and read without trust."""

import json
from pathlib import Path
from typing import Any

from anime2real.atomic import atomic_file


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object, complete or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none, or it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
