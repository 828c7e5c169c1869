"""Turn drawn faces into photographs of people, and people into drawings.

The names here need numpy, Pillow and ONNX Runtime alone; training lives under `anime2real.train` and needs
torch.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from anime2real.bundle.format import Bundle
    from anime2real.bundle.registry import shipped
    from anime2real.errors import UserError
    from anime2real.face.geometry import Face
    from anime2real.image.decode import Decoded, Limits, decode
    from anime2real.image.files import write
    from anime2real.one_picture import Translated, translate_picture
    from anime2real.pipeline import NoFaceError
    from anime2real.translator import Translator, find_faces

__all__ = [
    "Bundle", "Decoded", "Face", "Limits", "NoFaceError", "Translated", "Translator", "UserError", "__version__",
    "decode", "find_faces", "shipped", "translate_picture", "write",
]  # fmt: skip

_HOMES = {
    "Bundle": "bundle.format", "Decoded": "image.decode", "Face": "face.geometry", "Limits": "image.decode",
    "NoFaceError": "pipeline", "Translated": "one_picture", "Translator": "translator", "UserError": "errors",
    "decode": "image.decode", "find_faces": "translator", "shipped": "bundle.registry",
    "translate_picture": "one_picture", "write": "image.files",
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
