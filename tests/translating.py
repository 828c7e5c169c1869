"""Pictures and commands for tests of `anime2real translate`."""

from pathlib import Path

import numpy as np
import tiny
from PIL import Image


def translating(picture: Path, output: Path, bundle: str) -> list[str]:
    """The command that translates a picture as it is."""
    return ["translate", "--crop", "none", str(picture), "-o", str(output), "--bundle", bundle]


def draw(path: Path, value: int = 0, size: tuple[int, int] = (tiny.PX, tiny.PX)) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def colour(path: Path) -> int:
    with Image.open(path) as picture:
        return int(np.asarray(picture)[0, 0, 0])
