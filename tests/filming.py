"""Clips translated in tests, and translators and finders that count or stop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face, Points
from anime2real.session import Pixels
from anime2real.translator import Translator
from anime2real.video.follow import FollowingFinder
from anime2real.video.translate import ClipOptions, ClipResult, translate_clip

COUNT = 24


class Counting:
    """The package's finder, counted, so that a second look is noticed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
        self.calls += 1
        return default_finder(1)(image)

    def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
        self.calls += 1
        return FollowingFinder(default_finder(1)).follow(image, faces)


class Interrupted(Translator):
    """Counts the faces it is given, and stops the program at one of them."""

    stop_at: int | None = None
    faces = 0
    kind: type[BaseException] = KeyboardInterrupt

    def translate(self, pixels: Pixels, landmarks: Points | None = None, variant: Any = 0, who: Any = None) -> Pixels:
        self.faces += len(pixels)
        if self.stop_at is not None and self.faces > self.stop_at:
            raise self.kind
        return super().translate(pixels, landmarks, variant)


def run(source: Path, target: Path, translator: Translator, **settings: object) -> ClipResult:
    finder = settings.pop("finder", FollowingFinder(default_finder(1)))
    options = ClipOptions(**settings)  # type: ignore[arg-type]
    return translate_clip(source, target, lambda to: translator, options, finder=finder)  # type: ignore[arg-type]


def levels(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image).astype(np.float64)
