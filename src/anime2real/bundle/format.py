"""Bundles: a finished translator in a folder.

`model.onnx` is the translator, `bundle.json` says what it is, `README.md` is its model card. A bundle may
come from anybody: reading one runs no code from it and follows no path in it; every key must fit the format,
and the SHA-256 of the model must be the one that `bundle.json` gives.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from anime2real.atomic import atomic_folder
from anime2real.bundle.onnx_file import refers_outside
from anime2real.domain import DOMAINS, Domain, other
from anime2real.errors import UsageError, UserError

FORMAT_VERSION: Final = 1
MODEL: Final = "model.onnx"
MANIFEST: Final = "bundle.json"
CARD: Final = "README.md"
SHIPPED: Final = Path(__file__).parent.parent / "bundles"
PREFERRED: Final = ("galatea", "galatea-styles", "cyclegan", "ugatit", "cyclegan-tilt", "autoencoder", "difference")
"""Methods, the best first: what `default_method` chooses from."""

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


class UnknownMethodError(BundleError, UsageError):
    """No bundle of that method, or none that goes that way, comes with the package."""


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
    """Read a bundle and check it whole.

    Args:
        folder: where it lies, or its name on the Hub.

    Raises:
        BundleError: it is missing, damaged, foreign, or of a format that this version does not read.
    """
    bundle = read(folder)
    bundle.model()
    return bundle


def read(folder: Path | str) -> Bundle:
    """Read a bundle's manifest; its model is checked when it is used (`Bundle.model`).

    Args:
        folder: where it lies, or its name on the Hub, which is then fetched: hf://OWNER/NAME[@REVISION][/FOLDER].

    Raises:
        BundleError: as `load`, but for what only the model's content tells; or the Hub does not give it.
    """
    from anime2real.bundle import hub

    fetched = hub.is_hub_name(folder)
    folder = hub.fetch(str(folder)) if fetched else Path(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder} is {'not a folder' if folder.exists() else 'not there'}: a bundle is a folder")
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}")
    raw = _read_manifest(folder / MANIFEST)
    path = folder / MODEL
    if not path.is_file():
        raise BundleError(f"{folder} is not a whole bundle: {MODEL} is missing")
    # The Hub's cache is made of links, laid by its own library; elsewhere they may come from whoever packed the folder.
    if not fetched and path.resolve().parent != folder.resolve():
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


def shipped() -> list[Bundle]:
    """The bundles that come with the package, by name; their models are checked when they are used.

    Raises:
        BundleError: one of them is damaged.
    """
    return [read(path.parent) for path in sorted(SHIPPED.glob(f"*/{MANIFEST}"))]


def default_method(to: Domain, *, several: bool = False) -> str:
    """The best method of which a bundle to `to` ships.

    Args:
        to: the domain.
        several: only of those whose bundle makes several results of one picture.

    Raises:
        UnknownMethodError: none does.
        BundleError: one of the shipped bundles is damaged.
    """
    ships = {b.method for b in shipped() if b.target == to and (b.variants > 1 or not several)}
    for method in (*PREFERRED, *sorted(ships)):
        if method in ships:
            return method
    if several:
        raise UnknownMethodError(f"no bundle to {to} that ships makes several results of a picture")
    raise UnknownMethodError(f"no bundle to {to} comes with this installation: give the folder of one")


def find(method: str | None, to: Domain, *, several: bool = False) -> Bundle:
    """The shipped bundle of a method (the default one if None) and a direction; its model is checked when it is used.

    Args:
        method: its name.
        to: the domain.
        several: whether the default one has to make several results of one picture.

    Raises:
        UnknownMethodError: there is none; the nearest name is told, or the way that the method does go.
        BundleError: one of the shipped bundles is damaged.
    """
    bundles = shipped()
    method = method or default_method(to, several=several)
    for bundle in bundles:
        if (bundle.method, bundle.target) == (method, to):
            return bundle
    methods = sorted({b.method for b in bundles})
    if method in methods:
        raise UnknownMethodError(f"no {method!r} bundle to {to} ships: there is one to {other(to)}")
    if not methods:
        raise UnknownMethodError(f"no method {method!r} ships, nor any other: give the folder of a bundle")
    raise UnknownMethodError(f"no method {method!r} ships{nearest(method, methods)}: there are {', '.join(methods)}")


def nearest(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'x'?)` for the known name nearest to `name`, or nothing where none is near."""
    matches = difflib.get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


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
