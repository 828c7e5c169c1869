"""The code and the constants that decide what comes out of a clip, so that none is resumed by others than began it.

A version of the package says less: a clone changes within one. The code is told by the sum of its source, so that a
clip begins anew after any change to it; the constants tell what code does not, such as the versions of libraries.
"""

import hashlib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np

from anime2real.face import blend, fill, finder, geometry, heads, paste_back
from anime2real.image import warp
from anime2real.video import follow, frames, nearness, outlines, smooth, temporal, track, tracks

_PLAIN: Final = (int, float, str, tuple, list, dict, Fraction, np.ndarray)


PACKAGE: Final = Path(__file__).parent.parent
ROOMS: Final = (".", "bundle", "face", "image", "video")
"""Folders of the package whose code a clip may go through."""


@lru_cache
def code_sum(package: Path = PACKAGE) -> str:
    """The SHA-256 of the code that clips go through, name by name; in an installation without source, of nothing."""
    found = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (package / room).glob("*.py")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()


def of_faces() -> dict[str, str]:
    """What decides how faces are followed, steadied and pasted: constants, and the sums of the networks that look."""
    models = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in finder.MODELS.glob("*.onnx")}
    face = blend, fill, finder, geometry, heads, paste_back, warp
    return models | constants(*face, follow, frames, nearness, outlines, smooth, temporal, track, tracks)


def constants(*modules: ModuleType) -> dict[str, str]:
    """The constants that modules have or use, as text."""
    named = {f"{module.__name__}.{name}": value for module in modules for name, value in vars(module).items()}
    plain = {name: value for name, value in named.items() if isinstance(value, _PLAIN)}
    return {name: repr(value) for name, value in plain.items() if name.rpartition(".")[2].isupper()}
