"""Extras that a command needs: it asks for them before it begins."""

from collections.abc import Collection
from importlib.util import find_spec
from typing import Final

from anime2real.errors import UserError

TRAIN: Final = "Train a method on a pack; the same command again resumes. Needs the extra `train`."
"""Help of `train`, whose module is imported only when it is called."""

MODULES: Final[dict[str, Collection[str]]] = {
    "measure": ("torch",),
    "ray": ("ray", "pyarrow", "pandas"),
    "study": ("fastapi", "uvicorn", "scipy"),
    "train": ("torch", "safetensors", "scipy", "filelock", "onnx", "onnxscript", "tomli_w"),
    "web": ("fastapi", "uvicorn", "python_multipart"),
}
"""By extra: the modules that its commands cannot do without."""


def need_extra(extra: str, purpose: str) -> None:
    """Check that an extra is installed.

    Args:
        extra: a key of `MODULES`.
        purpose: what needs it, as the error begins.

    Raises:
        UserError: a module is missing; the line says how to install it.
    """
    missing = [name for name in MODULES[extra] if find_spec(name) is None]
    if missing:
        raise UserError(f'{purpose} needs {", ".join(missing)}: pip install "anime2real[{extra}]"')
