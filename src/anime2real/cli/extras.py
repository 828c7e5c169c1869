"""Extras that a command needs, asked for before it begins."""

from importlib.util import find_spec
from typing import Final

from anime2real.errors import UserError

TRAIN: Final = "Train a method on a pack; the same command again resumes. Needs the extra train."
"""Help of `train`, whose module is imported only when it is called."""


def need_training() -> None:
    """Refuse to train, in one line, where the extra `train` is not installed.

    Raises:
        UserError: a package is missing.
    """
    missing = [name for name in ("torch", "safetensors", "scipy", "onnx", "tomli_w") if find_spec(name) is None]
    if missing:
        raise UserError(f'training needs {", ".join(missing)}: pip install "anime2real[train]"')
