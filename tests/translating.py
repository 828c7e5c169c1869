"""Pictures and commands for tests of `anime2real translate`."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tiny
from PIL import Image

from anime2real.data.workers import processes_here
from anime2real.outcome import ClipJob, Options


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


def no_clip(path: Path, options: Options) -> ClipJob | None:
    return None


def pickled(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[Any]:
    """Workers over one process, to which everything goes as to another."""
    function, tasks = pickle.loads(pickle.dumps((function, tasks)))
    yield from processes_here(1)(function, tasks, count)
