"""Bundles: a finished translator in a folder: its network `model.onnx`, its manifest `bundle.json`, its model card.

A bundle may come from a stranger. Reading one runs no code from it and follows no path in it; every key of the manifest
must fit the format, and the model must have the SHA-256 that the manifest gives and be a translator such as our exports
are (`check.py`).
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from anime2real.bundle.limits import (
    BATCH,
    CLOSEST,
    MAX_MANIFEST_BYTES,
    MAX_MODEL_BYTES,
    MAX_PX,
    MIN_PX,
    MOST_VARIANTS,
    OLDEST,
    YOUNGEST,
)
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UsageError, UserError, nearest, path_of

FORMAT_VERSION: Final = 1
MODEL: Final = "model.onnx"
MANIFEST: Final = "bundle.json"
CARD: Final = "README.md"
STYLE: Final = 8
"""Numbers of a style: all 0 for the usual result, drawn from N(0, 1) for another one of the same picture."""

CORE: Final = Path(__file__).parent.parent / "bundles"
"""The folder of the bundles that the package itself brings, each in a folder of its name."""

BEST: Final = "galatea"
"""The method of theirs that is used where none is named."""


class BundleError(UserError):
    """A bundle that is missing, damaged or foreign."""


class MissingBundleError(BundleError, UsageError):
    """A name that stands for no bundle."""


@dataclass(frozen=True)
class Bundle:
    """What a bundle says of itself.

    Attributes:
        method: the method that made it.
        source, target: the domains of its input and its output.
        px: side of its input and output, px.
        sha256: of model.onnx, 64 hex digits.
        crop: the rule by which the training pictures were cropped.
        conditions: names of the inputs beside the picture.
        licence: of the weights.
        rights: why the weights have that licence.
        training: the pictures, the time and the options of the training.
        figures: what was measured.
        hardware: what it was trained on.
        folder: where it is; empty while it is being made.
        size_bytes: of model.onnx.
        installed: whether it came with an installed distribution, by whoever made its code.
        follows_links: whether its model may be a link out of the folder, as of `read`.
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
    installed: bool = False
    follows_links: bool = False

    @property
    def name(self) -> str:
        """METHOD-SOURCE-to-TARGET."""
        return f"{self.method}-{self.source}-to-{self.target}"

    @property
    def keeps_tilt(self) -> bool:
        """Whether the tilt or the landmarks are among its inputs; its crops then keep the tilt of the face."""
        return "tilt" in self.conditions or "landmarks" in self.conditions

    @property
    def takes_who(self) -> bool:
        """Whether it is told who should be shown."""
        return "who" in self.conditions

    @property
    def ages(self) -> tuple[float, float]:
        """The youngest and the oldest, in years, that a bundle that `takes_who` has learned to draw."""
        youngest, oldest = self.training.get("ages", (YOUNGEST, OLDEST))
        return float(youngest), float(oldest)

    @property
    def crop_share(self) -> float:
        """The share of the side of a face's crop that its crops have: 1, or less where it learned from closer ones."""
        return float(self.training.get("crop_share", 1.0))

    @property
    def redrawn_by(self) -> str | None:
        """The name of the bundle beside it that draws its results again, to be translated once more."""
        return self.training.get("redrawn_by")

    @property
    def keeps_colours(self) -> bool:
        """Whether its results are given their inputs' colours of irises or skin (`network.keep_colours`)."""
        return bool(self.training.get("keeps_colours"))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the values of the label maps stand for that it takes for pictures; () if it takes pictures."""
        return tuple(self.training.get("classes", ()))

    @property
    def variants(self) -> int:
        """How many results of one picture the program offers."""
        return MOST_VARIANTS if "style" in self.conditions else 1

    @property
    def batch(self) -> int:
        """Pictures per call of its network at most: fewer of large ones, whose tensors are large."""
        return max(1, min(BATCH, BATCH * 256**2 // self.px**2))

    def model(self) -> bytes:
        """The ONNX file, checked: these bytes have the right sum and are a bounded translator (`check_model`).

        Of installed bundles the sum is enough: their manifests are trusted as the code is that lies beside them.

        Raises:
            BundleError: it cannot be read, has another sum, or is no such translator.
        """
        content = self._read(keep=True)
        if not self.installed:
            check_model(content, self, self.folder / MODEL)
        return content

    def model_to_load(self) -> Path | bytes:
        """`model`; of installed bundles the file, its sum checked, which is loaded in two thirds of the time."""
        if not self.installed:
            return self.model()
        self._read(keep=False)  # whoever can change it from here on can change the code beside it, too
        return self.folder / MODEL

    def _read(self, *, keep: bool) -> bytes:
        """What the ONNX file holds, if that is to be kept; its sum is checked."""
        path = self.folder / MODEL
        try:
            with path.open("rb") as file:
                content = file.read() if keep else b""
                found = hashlib.sha256(content) if keep else hashlib.file_digest(file, "sha256")
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror or error}") from error
        if found.hexdigest() != self.sha256:
            raise BundleError(f"{path} is damaged (its SHA-256 is not the one in {MANIFEST}): get the bundle again")
        return content


def read(folder: Path | str, *, follow_links: bool = False, installed: bool = False) -> Bundle:
    """Read a bundle's manifest; its model is checked when it is used (`Bundle.model`).

    Args:
        folder: where it lies.
        follow_links: whether the model may be a link out of the folder, as it is in the Hub's cache.
        installed: as of `Bundle`.

    Raises:
        BundleError: it is missing, damaged, foreign, or of a format that this version does not read.
    """
    folder = folder if isinstance(folder, Path) else path_of(folder, "a bundle", BundleError)
    if not os.path.isdir(folder):  # unlike `Path.is_dir`, of any name
        kind = BundleError if os.path.lexists(folder) else MissingBundleError
        raise kind(f"{folder} is not {'a folder' if kind is BundleError else 'there'}: a bundle is a folder")
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}")
    raw = _read_manifest(folder / MANIFEST)
    path = folder / MODEL
    if not path.is_file():
        raise BundleError(f"{folder} is not a complete bundle: {MODEL} is missing")
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
        folder=folder, size_bytes=size, installed=installed, follows_links=follow_links,
    )  # fmt: skip


def core_bundle(method: str | None, to: Domain) -> Bundle | None:
    """The package's own bundle of a method (`BEST` if None) and a direction; None if it is not one of its own.

    Raises:
        BundleError: as `read`.
    """
    names = {f"{method or BEST}-{source}-to-{to}" for source in DOMAINS}
    return next((read(folder, installed=True) for folder in CORE.glob("*-to-*") if folder.name in names), None)


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
    check_manifest(raw, path)
    return raw


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "method": (_matches("[a-z0-9][a-z0-9_-]{0,63}"), "a name of a-z, 0-9, - and _"),
    "from": (lambda value: value in DOMAINS, "anime or real"),
    "to": (lambda value: value in DOMAINS, "anime or real"),
    "px": (lambda value: type(value) is int and MIN_PX <= value <= MAX_PX, f"a number from {MIN_PX} to {MAX_PX}"),
    "conditions": (lambda value: _are_names(value), "a list of names"),
    "sha256": (_matches("[0-9a-f]{64}"), "64 hex digits"),
    **dict.fromkeys(("crop", "licence", "rights", "hardware"), (lambda value: isinstance(value, str), "text")),
    **dict.fromkeys(("training", "figures"), (lambda value: isinstance(value, dict), "a mapping")),
}

_OF_TRAINING: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "classes": (lambda value: _are_names(value) and len(value) <= 256, "names"),
    "crop_share": (lambda value: type(value) in (int, float) and CLOSEST <= value <= 1, f"from {CLOSEST:g} to 1"),
    "ages": (lambda value: _are_ages(value), f"two from {YOUNGEST} to {OLDEST}, the youngest first"),
    "keeps_colours": (lambda value: isinstance(value, bool), "true or false"),
    "redrawn_by": (_matches("[a-z0-9][a-z0-9_-]{0,127}"), "the name of a bundle"),
}
"""What it may say, where a translator goes by it."""


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _are_ages(value: Any) -> bool:
    two = isinstance(value, list) and [type(age) in (int, float) for age in value] == [True, True]
    return two and YOUNGEST <= value[0] <= value[1] <= OLDEST


def check_manifest(raw: Mapping[str, Any], path: Path) -> None:
    """Refuse a manifest with a BundleError unless it has every key of the format, no other, and allowed values."""
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
    for key, (fits, wanted) in _OF_TRAINING.items():
        if key in raw["training"] and not fits(raw["training"][key]):
            raise BundleError(f"{path}: {key} in 'training' must be {wanted}, not {str(raw['training'][key])[:40]}")


def check_model(content: bytes, bundle: Bundle, path: Path) -> None:
    """Refuse a model with a BundleError before ONNX Runtime sees it, unless it is a bounded translator (`check.py`)."""
    from anime2real.bundle.check import check_translator  # not above: bundles that ship do without
    from anime2real.bundle.protobuf import OnnxFileError

    try:
        check_translator(content, bundle.px, bundle.conditions, bundle.batch)
    except OnnxFileError as error:
        raise BundleError(f"{path} is no model that a bundle may have ({error}): export it again") from error
