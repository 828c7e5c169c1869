"""A pack made small enough to send to another machine, and whole again there.

The pictures travel as WebP, a thirtieth of their size, and so do the hair masks; label maps without loss. The restored
pack has the same pictures, landmarks and splits. Its meta.json says that the pictures were recoded: a run on it differs
from one on the original.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.atomic import atomic_file, made_folder
from anime2real.atomic_folder import atomic_folder
from anime2real.data.arrays import new_array
from anime2real.data.pack import Pack, PackError, PackOptionError
from anime2real.data.pack_files import note_hair, sums_of, write_meta
from anime2real.errors import first_line

MASK_QUALITY: Final = 60


def archive_pack(folder: Path, archive: Path, *, quality: int = 80, parts: int = 1) -> list[Path]:
    """Write a pack to one zip archive, or to several named after it.

    Args:
        folder: of the pack.
        archive: what is there is replaced.
        quality: of the WebP pictures, 1 to 100.
        parts: how many archives; NAME-1.zip, NAME-2.zip … if more than one.

    Returns:
        the archives.

    Raises:
        PackError: it is no whole pack, quality or parts are out of range, or an archive cannot be written.
    """
    pack = Pack(folder)
    pack.check()
    if not 1 <= quality <= 100:
        raise PackOptionError(f"the quality goes from 1 to 100, not {quality}")
    if not 1 <= parts <= len(pack.images):
        raise PackError(f"{folder} has {len(pack.images)} pictures: it cannot be in {parts} parts")
    paths = [archive] if parts == 1 else [archive.with_stem(f"{archive.stem}-{i + 1}") for i in range(parts)]
    bounds = np.linspace(0, len(pack.images), parts + 1).astype(int)
    try:
        with made_folder(archive.parent), ThreadPoolExecutor(os.cpu_count()) as pool:
            for i, path in enumerate(paths):
                _write_part(pack, path, i, range(bounds[i], bounds[i + 1]), {"quality": quality, "parts": parts}, pool)
    except OSError as error:
        raise PackError(f"{archive} cannot be written ({error.strerror or error}): choose another place") from error
    return paths


def _write_part(
    pack: Pack, path: Path, number: int, rows: range, facts: dict[str, int], pool: ThreadPoolExecutor
) -> None:
    """One archive of a pack's rows; the first has its texts."""
    texts = {"meta.json": pack.folder / "meta.json", "index.jsonl": pack.index_path} if number == 0 else {}
    # Pictures are compressed already; the index is text.
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for name, text in texts.items():
            file.writestr(name, text.read_bytes(), zipfile.ZIP_DEFLATED)
        file.writestr(f"part-{number}", json.dumps(facts))
        pictures = pool.map(lambda row: _encoded_row(pack, row, facts["quality"]), rows)
        for row, content in zip(rows, pictures, strict=True):
            file.writestr(f"{row}.webp", content)
        if pack.hair is not None:
            masks = pool.map(_encoded_mask, pack.hair[rows.start : rows.stop])
            for row, content in zip(rows, masks, strict=True):
                file.writestr(f"{row}.hair.webp", content)


def restore_pack(archives: Sequence[Path], output: Path) -> None:
    """Restore a pack from all of its archives.

    Raises:
        PackError: an archive is missing, damaged or of no pack, or `output` is there.
    """
    if output.exists():
        raise PackError(f"{output} is already there: name another folder")
    try:
        held = {name: file for path in archives for file in (zipfile.ZipFile(path),) for name in file.namelist()}
        meta, index = _opened(held, archives)
        with atomic_folder(output) as partial:
            (partial / "index.jsonl").write_bytes(index)
            _restore_pictures(held, partial, len(index.splitlines()), meta)
    except OSError as error:
        why = error.strerror or first_line(error)
        raise PackError(f"{archives[0]} cannot be restored ({error.filename or output}: {why})") from error
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise PackError(f"{archives[0]} cannot be restored ({first_line(error)})") from error


def _opened(held: dict[str, zipfile.ZipFile], archives: Sequence[Path]) -> tuple[dict[str, Any], bytes]:
    """meta.json, which says that the pictures were recoded, and index.jsonl."""
    marks = [name for name in held if name.startswith("part-")]
    if "meta.json" not in held or not marks:
        raise PackError(f"{archives[0]} is no archive of a pack, or not its first part: give all parts")
    part = json.loads(held[marks[0]].read(marks[0]))
    if len(marks) != part["parts"]:
        raise PackError(f"the pack has {part['parts']} parts, {len(marks)} are given: give all of them")
    meta = json.loads(held["meta.json"].read("meta.json"))
    meta.pop("shards", None)  # it becomes a pack in one piece
    meta["recoded"] = f"WebP, quality {part['quality']}"
    return meta, held["index.jsonl"].read("index.jsonl")


def _restore_pictures(held: dict[str, zipfile.ZipFile], folder: Path, count: int, meta: dict[str, Any]) -> None:
    size = meta["size"]
    images = new_array(folder / "images.npy", (count, size, size, 3))
    contents = (held[f"{row}.webp"].read(f"{row}.webp") for row in range(count))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, pixels in enumerate(pool.map(_decoded, contents)):
            images[row] = pixels
    del images
    meta["sums"] = sums_of(folder)
    if "hair" not in meta:
        write_meta(folder, meta)
        return
    masks = new_array(folder / "hair.npy", (count, size, size))
    total = hashlib.sha256()
    for row in range(count):
        name = f"{row}.hair.webp"
        masks[row] = _decoded_mask(held[name].read(name), size)
        total.update(masks[row].tobytes())
    del masks
    note_hair(folder, meta, total.hexdigest(), meta["hair"])


def _encoded_row(pack: Pack, row: int, quality: int) -> bytes:
    """A picture of a pack as WebP; label maps without loss, for a changed value is another class."""
    is_map = bool(pack.classes) and pack.index[row]["domain"] == "anime"
    return _encoded(pack.images[row], quality, lossless=is_map)


def _encoded(pixels: NDArray[np.uint8], quality: int, *, lossless: bool = False) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=4, lossless=lossless, exact=lossless)
    return file.getvalue()


def _decoded(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def _encoded_mask(mask: NDArray[np.uint8]) -> bytes:
    """A mask (S, S) as WebP; nothing for an empty one."""
    return _encoded(np.repeat(mask[:, :, None], 3, 2), MASK_QUALITY) if mask.any() else b""


def _decoded_mask(data: bytes, size: int) -> NDArray[np.uint8]:
    """A mask (S, S); levels that recoding moved off 0 and 255 go back."""
    if not data:
        return np.zeros((size, size), np.uint8)
    level = _decoded(data)[:, :, 1].astype(np.float32)
    return np.asarray(np.rint((level - 12) * (255 / 231)).clip(0, 255), np.uint8)
