"""The files of a pack, written: each is whole or as it was."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anime2real.atomic import atomic_file
from anime2real.data.chunk_sums import CHUNK_BYTES, chunk_sums
from anime2real.data.index import Index
from anime2real.data.pack import NEXT, PackError
from anime2real.data.workers import processes_here


def write_index(folder: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Replace index.jsonl of a pack by these entries, one for each picture.

    Raises:
        PackError: it cannot be written.
    """
    _replace(folder / "index.jsonl", map(index_line, entries))


def index_line(entry: Mapping[str, Any]) -> str:
    """A picture's line of index.jsonl."""
    return json.dumps(entry, sort_keys=True) + "\n"


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Replace meta.json of a pack.

    Raises:
        PackError: it cannot be written.
    """
    _replace(folder / "meta.json", [json.dumps(meta, indent=1, sort_keys=True) + "\n"])


def write_both(folder: Path, entries: Iterable[Mapping[str, Any]], meta: Mapping[str, Any]) -> None:
    """Replace index.jsonl and meta.json of a pack; killed on the way, it leaves the old two or the new two.

    Raises:
        PackError: they cannot be written.
    """
    _replace(folder / NEXT, map(index_line, entries))
    write_meta(folder, meta)
    (folder / NEXT).replace(folder / "index.jsonl")


def _replace(path: Path, lines: Iterable[str]) -> None:
    try:
        with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
    except OSError as error:
        raise PackError(f"{path} cannot be written: {error.strerror or error}") from error


def note_hair(folder: Path, meta: Mapping[str, Any], sha256: str, facts: Mapping[str, Any]) -> None:
    """Say in meta.json that a pack knows hair, whose masks, in hair.npy, have this sum."""
    chunk = meta.get("sums", {}).get("pictures")
    sums = {"sums": chunk_sums(folder / "hair.npy", chunk)} if chunk else {}
    write_meta(folder, {**meta, "hair": {**facts, "sha256": sha256, **sums}})


def sums_of(folder: Path, processes: int | None = 1) -> dict[str, Any]:
    """`sums` of meta.json, for a pack whose images.npy and index.jsonl are written.

    Args:
        processes: that read a large index; as many as there are cores if None.
    """
    shape = np.load(folder / "images.npy", mmap_mode="r").shape
    chunk = max(1, CHUNK_BYTES // int(np.prod(shape[1:])))
    files = Index(folder / "index.jsonl", processes_here(processes)).files_sha256
    return {"pictures": chunk, "files": files, "images": chunk_sums(folder / "images.npy", chunk)}
