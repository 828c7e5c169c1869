"""Save a bundle, with the model card that is made from its manifest, and load it back, its model checked too."""

import hashlib
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from anime2real.atomic_folder import atomic_folder
from anime2real.bundle.format import (
    CARD,
    FORMAT_VERSION,
    MANIFEST,
    MODEL,
    Bundle,
    BundleError,
    check_manifest,
    check_model,
    read,
)
from anime2real.bundle.lineage import ANCESTORS, LINEAGE

WIDTH: Final = 118
"""Characters of a line of a model card at most."""


def manifest_of(bundle: Bundle) -> dict[str, Any]:
    """What bundle.json holds."""
    return {
        "format_version": FORMAT_VERSION, "method": bundle.method, "from": bundle.source, "to": bundle.target,
        "px": bundle.px, "crop": bundle.crop, "conditions": list(bundle.conditions), "licence": bundle.licence,
        "rights": bundle.rights, "training": bundle.training, "figures": bundle.figures,
        "hardware": bundle.hardware, "sha256": bundle.sha256,
    }  # fmt: skip


def save(bundle: Bundle, model: bytes, card: str, folder: Path, *, back: Bundle | None = None) -> Bundle:
    """Write a bundle, complete or not at all; an existing one is replaced.

    Args:
        bundle: its manifest; the SHA-256 is filled in here.
        model: the ONNX file: `image` (N, 3, S, S) float32 in [-1, 1] to one output of the same kind.
        card: README.md.
        folder: where.
        back: what its results are redrawn by, to be copied into the folder under the name that it says.

    Returns:
        The bundle as it was written.

    Raises:
        BundleError: something does not fit the format, `folder` holds something else or cannot be written.
    """
    manifest = {**manifest_of(bundle), "sha256": hashlib.sha256(model).hexdigest()}
    check_manifest(manifest, folder / MANIFEST)
    check_model(model, bundle, folder / MODEL)
    try:
        text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BundleError(f"{folder / MANIFEST} cannot hold this: {error}") from error
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BundleError(f"{folder} is not empty and not a bundle: give another folder")
    try:
        with atomic_folder(folder) as partial:
            _write(partial, model, card, text)
            if back is not None and bundle.redrawn_by:
                (partial / bundle.redrawn_by).mkdir()
                own = json.dumps(manifest_of(back), indent=1, ensure_ascii=False) + "\n"
                _write(partial / bundle.redrawn_by, back.model(), model_card(back), own)
    except OSError as error:
        raise BundleError(f"{folder} cannot be written: {error.strerror or error}") from error
    return load(folder)


def _write(folder: Path, model: bytes, card: str, manifest: str) -> None:
    (folder / MODEL).write_bytes(model)
    # Sources may have names that are not UTF-8, which none of these can hold.
    (folder / CARD).write_text(card, encoding="utf-8", errors="replace")
    (folder / MANIFEST).write_text(manifest, encoding="utf-8", errors="replace")


def load(folder: Path | str) -> Bundle:
    """Read a bundle from its folder and check its model too.

    Raises:
        BundleError: it is missing, damaged, foreign, or of a format that this version does not read.
    """
    bundle = read(folder)
    bundle.model()
    return bundle


def model_card(bundle: Bundle) -> str:
    """README.md: what the bundle does, what it was made from, what may be done with it."""
    sources = {"anime": "drawn faces", "real": "photographs of faces"}
    given = "label maps of faces" if bundle.classes else sources[bundle.source]
    lines = [
        f"# {bundle.name}",
        "",
        f"Turns {given} into {sources[bundle.target]}: RGB squares of {bundle.px} px, "
        f"cropped by the rule `{bundle.crop}`. Made by anime2real with the method `{bundle.method}`.",
        "",
        "```",
        f"anime2real translate PICTURES -o out --bundle {bundle.name}",
        "```",
        "",
        "## Trained on",
        "",
        *(_rows({k: v for k, v in bundle.training.items() if k not in (*LINEAGE, ANCESTORS)}) or ["Not recorded."]),
        f"- hardware: {bundle.hardware or 'not recorded'}",
        *_lineage(bundle.training),
        "",
        "## Rights",
        "",
        bundle.rights or "Not recorded.",
        *(["", f"Licence of the weights: {bundle.licence}"] if bundle.licence else []),
        "",
        "## Figures",
        "",
        *(_rows(bundle.figures) or ["None measured."]),
        "",
        "## Limits",
        "",
        "It learned from centred faces of the sets above, with their share of ages, origins and styles; expect less "
        "elsewhere. It knows nothing of who is shown: a result proves nothing about anybody. Do not use it to deceive. "
        "The pictures that it makes carry a machine-readable mark that says so.",
    ]
    return "\n".join(map(_wrapped, lines)) + "\n"


def _wrapped(line: str) -> str:
    """A paragraph or an entry of a list in lines of at most `WIDTH` characters."""
    indent = " " * (line.index("- ") + 2 if line.lstrip().startswith("- ") else 0)
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _lineage(training: Mapping[str, Any]) -> Iterator[str]:
    """The bundles that it is an average of or started from, a line each."""
    for key in LINEAGE:
        parts: Sequence[Mapping[str, Any]] = training.get(key, ())
        if parts:
            yield f"- {key.replace('_', ' ')}:"
        known = [part["options"] for part in parts if "options" in part]
        every = known and len(known) == len(parts)  # what some do not tell is not said of them
        shared = {k: v for k, v in known[0].items() if all(k in o and o[k] == v for o in known)} if every else {}
        yield from (f"  - {_bundle(part, shared)}" for part in parts)
        if shared:
            yield f"  - options of {'these' if len(known) > 1 else 'this'}: {_options(shared)}"
    if training.get(ANCESTORS):
        yield f"- `{MANIFEST}` tells what these were made from in turn: {ANCESTORS}"


def _bundle(part: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """A bundle in a line: its share, how long it learned, and its options but those that it shares."""
    words = [f"{part.get('name', 'a bundle')}, {_in_words(part.get('sha256', 'of unknown sum'))}"]
    of = {key.removeprefix("share "): share for key, share in part.items() if key.startswith("share of ")}
    if "share" in part and of:
        words += [f"{share:.0%} {what}" for what, share in {**of, "of the rest": part["share"]}.items() if share]
    elif "share" in part:
        words += [f"{part['share']:.0%}"]
    words += [f"{part['pairs']:,} pairs in {part['minutes']:g} minutes"] if {"pairs", "minutes"} <= part.keys() else []
    own = {key: value for key, value in part.get("options", {}).items() if key not in shared}
    return ", ".join([*words, _options(own)] if own else words)


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{k.replace('_', ' ')} {_in_words(v) or 'none'}" for k, v in options.items() if k != "start_from")


def _rows(table: dict[str, object]) -> list[str]:
    return [f"- {key.replace('_', ' ')}: {_in_words(value)}" for key, value in table.items()]


def _in_words(value: object) -> str:
    """A value in words: mappings as `key value`, sums cut to twelve digits."""
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_in_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(_in_words(part) for part in value)
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
