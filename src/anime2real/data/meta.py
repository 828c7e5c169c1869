"""meta.json of a pack, read: what must be there is, and everything is of its kind."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _mapping_to(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _source(value: Any) -> bool:
    return isinstance(value, dict) and _text(value.get("name"))


def _sums(value: Any) -> bool:
    if not isinstance(value, dict) or not _text(value.get("files")):
        return False
    return _count(value.get("pictures")) and value["pictures"] > 0 and _list_of(_text)(value.get("images"))


def _hair(value: Any) -> bool:
    return isinstance(value, dict) and _list_of(_text)(value.get("sums", []))


def _shards(value: Any) -> bool:
    if not isinstance(value, dict) or not _count(value.get("each")) or not value["each"]:
        return False
    files = value.get("files")
    if not isinstance(files, dict) or files.keys() != {"index.jsonl", "samples.npy"}:
        return False
    if not _list_of(_text)(value.get("sums")) or not _list_of(_count)(value.get("bytes")):
        return False
    return _mapping_to(_text)(files) and len(value["sums"]) == len(value["bytes"])


def _share(value: Any) -> bool:
    return type(value) in (int, float) and 0.5 <= value <= 1  # as of a bundle


def _labels(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("ages"), dict)


_WANTED: Final = ("format_version", "size", "counts", "dropped", "bad")
"""What every pack says."""

_RULES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "format_version": _count, "size": lambda value: _count(value) and value > 0, "crop": _text, "licence": _text,
    "rights": _text, "counts": _mapping_to(_mapping_to(_count)), "dropped": _mapping_to(_count),
    "bad": _list_of(_text), "unpaired": _list_of(_text), "left_out": _mapping_to(_count), "held_out": _count,
    "sources": _list_of(_source), "sums": _sums, "hair": _hair, "classes": _list_of(_text), "labels": _labels,
    "generated": lambda value: isinstance(value, dict), "crop_share": _share, "near_hash": _text,
    "unlike": _mapping_to(_count), "shards": _shards,
}  # fmt: skip
"""Of what the program reads of it."""


def read_meta(path: Path) -> dict[str, Any]:
    """A pack's meta.json, or a run's copy of it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file; the message says why.
        RecursionError: it is nested too deep.
    """
    meta = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(meta, dict):
        raise ValueError(f"{path.name} is no mapping")
    for key in _WANTED:
        if key not in meta:
            raise ValueError(f"no {key!r} in {path.name}")
    for key, fits in _RULES.items():
        if key in meta and not fits(meta[key]):
            raise ValueError(f"{key!r} in {path.name} is {str(meta[key])[:40]!r}")
    return meta
