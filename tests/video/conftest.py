"""A clip of a face in motion, made once."""

from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest
import tiny
from filming import COUNT
from PIL import Image

from anime2real.face.geometry import Points
from anime2real.translator import Translator


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="session")
def moving() -> tuple[list[Image.Image], Points]:
    return clips.moving(COUNT)


@pytest.fixture(scope="session")
def film(folder: Path, moving: tuple[list[Image.Image], Points]) -> Path:
    """A face in motion with AAC beside it, at a frame rate that varies."""
    steps = [512 if i % 3 else 900 for i in range(COUNT)]
    return clips.encode(folder / "clip.mp4", moving[0], pts=np.cumsum(steps).tolist(), rate=Fraction(20))


@pytest.fixture(scope="session")
def negative(folder: Path) -> Translator:
    """Gives negatives."""
    return Translator(tiny.write_bundle(folder / "negative", tiny.model(scale=-1.0)), threads=1)
