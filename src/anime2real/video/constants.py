"""The constants that decide what comes out of a clip, so that a clip is not resumed by code that has others.

A version of the package says less: a clone changes within one.
"""

import hashlib
from fractions import Fraction
from types import ModuleType
from typing import Final

import numpy as np

from anime2real.face import blend, fill, finder, geometry, heads, paste_back
from anime2real.video import follow, frames, nearness, outlines, smooth, track, tracks

_PLAIN: Final = (int, float, str, tuple, list, dict, Fraction, np.ndarray)


def of_faces() -> dict[str, str]:
    """What decides how faces are followed, steadied and pasted: constants, and the sums of the networks that look."""
    models = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in finder.MODELS.glob("*.onnx")}
    face = blend, fill, finder, geometry, heads, paste_back
    return models | constants(*face, follow, frames, nearness, outlines, smooth, track, tracks)


def constants(*modules: ModuleType) -> dict[str, str]:
    """The constants that modules have or use, as text."""
    named = {f"{module.__name__}.{name}": value for module in modules for name, value in vars(module).items()}
    plain = {name: value for name, value in named.items() if isinstance(value, _PLAIN)}
    return {name: repr(value) for name, value in plain.items() if name.rpartition(".")[2].isupper()}
