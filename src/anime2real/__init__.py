"""Turn drawn faces into photographs of people, and people into drawings.

The names here need numpy, Pillow and ONNX Runtime alone; training lives under `anime2real.train` and needs
torch.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from anime2real.bundle.format import Bundle
    from anime2real.errors import UserError
    from anime2real.face.finder import find_faces
    from anime2real.face.geometry import Face
    from anime2real.pipeline import Translated, Translator, translate_picture

__all__ = [
    "Bundle", "Face", "Translated", "Translator", "UserError", "__version__", "find_faces", "translate_picture",
]  # fmt: skip

_HOMES = {
    "Bundle": "bundle.format", "Face": "face.geometry", "Translated": "pipeline", "Translator": "pipeline",
    "UserError": "errors", "find_faces": "face.finder", "translate_picture": "pipeline",
}  # fmt: skip
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: `import anime2real` stays as light as a version number."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
