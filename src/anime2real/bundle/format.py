"""Bundles: a finished translator in a folder.

`model.onnx` is the translator, `bundle.json` says what it is, `README.md` is its model card. A bundle may
come from anybody: reading one runs no code from it and follows no path in it; every key must fit the format,
and the SHA-256 of the model must be the one that `bundle.json` gives.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from anime2real.atomic import atomic_folder
from anime2real.bundle.onnx_file import refers_outside
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UserError, nearest

FORMAT_VERSION: Final = 1
MODEL: Final = "model.onnx"
MANIFEST: Final = "bundle.json"
CARD: Final = "README.md"
CONDITIONS: Final = ("tilt", "landmarks", "style")
"""What a translator may take beside the picture: (N,) in radians; (N, 5, 2) in shares of the side; (N, `STYLE`)."""

STYLE: Final = 8
"""Numbers of a style: all 0 for the usual result, drawn from N(0, 1) for another one of the same picture."""

MOST_VARIANTS: Final = 16
"""Results of one picture that the program offers of a bundle with styles."""

MIN_PX: Final = 16
MAX_PX: Final = 2048
MAX_MANIFEST_BYTES: Final = 2**20
MAX_MODEL_BYTES: Final = 512 * 2**20


class BundleError(UserError):
    """A bundle that is missing, damaged or foreign."""


@dataclass(frozen=True)
class Bundle:
    """What a bundle says of itself.

    Attributes:
        method: that made it.
        source: the domain of its input.
        target: the domain of its output.
        px: pixels a side that it takes and gives.
        sha256: of model.onnx, 64 hex digits.
        crop: rule by which the training pictures were cropped.
        conditions: names of the inputs beside the picture.
        licence: of the weights.
        rights: why.
        training: what it was trained on.
        figures: how it measured.
        hardware: it was trained on.
        folder: where it lies; empty while it is being made.
        size_bytes: of model.onnx.
    """

    method: str
    source: Domain
    target: Domain
    px: int
    sha256: str = ""
    crop: str = "centre"
    conditions: tuple[str, ...] = ()
    licence: str = ""
    rights: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    hardware: str = ""
    folder: Path = Path()
    size_bytes: int = 0

    @property
    def name(self) -> str:
        """METHOD-SOURCE-to-TARGET."""
        return f"{self.method}-{self.source}-to-{self.target}"

    @property
    def leaning(self) -> bool:
        """Whether it wants to know how a face leans, and so to see it as it leans."""
        return "tilt" in self.conditions or "landmarks" in self.conditions

    @property
    def variants(self) -> int:
        """Results that it is offered for, of one picture."""
        return MOST_VARIANTS if "style" in self.conditions else 1

    def manifest(self) -> dict[str, Any]:
        """What bundle.json holds."""
        return {
            "format_version": FORMAT_VERSION, "method": self.method, "from": self.source, "to": self.target,
            "px": self.px, "crop": self.crop, "conditions": list(self.conditions), "licence": self.licence,
            "rights": self.rights, "training": self.training, "figures": self.figures,
            "hardware": self.hardware, "sha256": self.sha256,
        }  # fmt: skip

    def model(self) -> bytes:
        """The ONNX file, checked: these bytes have the right sum and refer to no other file.

        Raises:
            BundleError: it cannot be read, has another sum, is no ONNX file, or refers to other files.
        """
        path = self.folder / MODEL
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise BundleError(f"{path} is damaged (its SHA-256 is not the one in {MANIFEST}): get the bundle again")
        _check_model(content, path)
        return content


def load(folder: Path | str) -> Bundle:
    """Read a bundle from its folder and check its model too.

    Raises:
        BundleError: it is missing, damaged, foreign, or of a format that this version does not read.
    """
    bundle = read(folder)
    bundle.model()
    return bundle


def read(folder: Path | str, *, follow_links: bool = False) -> Bundle:
    """Read a bundle's manifest; its model is checked when it is used (`Bundle.model`).

    Args:
        folder: where it lies.
        follow_links: whether the model may be a link out of the folder, as it is in the Hub's cache.

    Raises:
        BundleError: as `load`, but for what only the model's content tells.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder} is {'not a folder' if folder.exists() else 'not there'}: a bundle is a folder")
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}")
    raw = _read_manifest(folder / MANIFEST)
    path = folder / MODEL
    if not path.is_file():
        raise BundleError(f"{folder} is not a whole bundle: {MODEL} is missing")
    # Such a link may come from whoever packed the folder, and lead to any file of this machine.
    if not follow_links and path.resolve().parent != folder.resolve():
        raise BundleError(f"{path} is a link that leads out of the bundle: put the file itself there")
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise BundleError(f"{path} has {size >> 20} MB, more than the {MAX_MODEL_BYTES >> 20} MB allowed")
    return Bundle(
        method=raw["method"], source=raw["from"], target=raw["to"], px=raw["px"], sha256=raw["sha256"],
        crop=raw["crop"], conditions=tuple(raw["conditions"]), licence=raw["licence"], rights=raw["rights"],
        training=raw["training"], figures=raw["figures"], hardware=raw["hardware"],
        folder=folder, size_bytes=size,
    )  # fmt: skip


def save(bundle: Bundle, model: bytes, card: str, folder: Path) -> Bundle:
    """Write a bundle, whole or not at all; one that is there is replaced.

    Args:
        bundle: what it is; the sum is filled in here.
        model: the ONNX file: `image` (N, 3, S, S) float32 in [-1, 1] to one output of the same kind.
        card: README.md.
        folder: where.

    Returns:
        The bundle as it lies there.

    Raises:
        BundleError: something does not fit the format, `folder` holds something else or cannot be written.
    """
    manifest = {**bundle.manifest(), "sha256": hashlib.sha256(model).hexdigest()}
    _check_manifest(manifest, folder / MANIFEST)
    _check_model(model, folder / MODEL)
    try:
        text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BundleError(f"{folder / MANIFEST} cannot hold this: {error}") from error
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BundleError(f"{folder} is not empty and not a bundle: give another folder")
    try:
        with atomic_folder(folder) as partial:
            (partial / MODEL).write_bytes(model)
            (partial / CARD).write_text(card, encoding="utf-8")
            (partial / MANIFEST).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{folder} cannot be written: {error.strerror or error}") from error
    return load(folder)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError(f"more than {MAX_MANIFEST_BYTES >> 20} MB")
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged ({error}): get the bundle again") from error
    if not isinstance(raw, dict) or "format_version" not in raw:
        raise BundleError(f"{path} is not that of a bundle: it gives no format_version")
    _check_manifest(raw, path)
    return raw


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "method": (_matches("[a-z0-9][a-z0-9_-]{0,63}"), "a name of a-z, 0-9, - and _"),
    "from": (lambda value: value in DOMAINS, "anime or real"),
    "to": (lambda value: value in DOMAINS, "anime or real"),
    "px": (
        lambda value: type(value) is int and MIN_PX <= value <= MAX_PX,
        f"a number from {MIN_PX} to {MAX_PX}",
    ),
    "crop": (_is(str), "text"),
    "conditions": (lambda value: isinstance(value, list) and all(map(_is(str), value)), "a list of names"),
    "licence": (_is(str), "text"),
    "rights": (_is(str), "text"),
    "training": (_is(dict), "a mapping"),
    "figures": (_is(dict), "a mapping"),
    "hardware": (_is(str), "text"),
    "sha256": (_matches("[0-9a-f]{64}"), "64 hex digits"),
}


def _check_manifest(raw: Mapping[str, Any], path: Path) -> None:
    version = raw["format_version"]
    if type(version) is not int or version != FORMAT_VERSION:
        advice = "update anime2real" if type(version) is int and version > FORMAT_VERSION else "export it again"
        raise BundleError(f"{path} has format {version!r}, this version reads {FORMAT_VERSION}: {advice}")
    for key in raw:
        if key != "format_version" and key not in _RULES:
            raise BundleError(f"{path} has an unknown key {key!r}{nearest(key, list(_RULES))}")
    for key, (fits, wanted) in _RULES.items():
        if key not in raw:
            raise BundleError(f"{path} lacks {key!r} ({wanted}): get the bundle again")
        if not fits(raw[key]):
            raise BundleError(f"{path}: {key!r} must be {wanted}, not {str(raw[key])[:40]!r}")
    if raw["from"] == raw["to"]:
        raise BundleError(f"{path}: 'from' and 'to' are both {raw['to']!r}")


def _check_model(content: bytes, path: Path) -> None:
    try:
        outside = refers_outside(content)
    except ValueError as error:
        raise BundleError(f"{path} is no ONNX file ({error})") from error
    if outside:
        raise BundleError(f"{path} keeps weights in other files: a bundle's model must be one file")
