"""Makes a pack small enough to send to another machine, and whole again there.

    python scripts/pack_archive.py shrink packs/aligned aligned.zip --quality 80 --parts 2
    python scripts/pack_archive.py expand aligned-1.zip aligned-2.zip -o packs/aligned

The pictures travel as WebP, a thirtieth of the size, and so do the hair masks of a pack that has them; what is
restored is a pack with the same pictures, landmarks and split, whose meta.json says that they were recoded, so that a
run on it is told from a run on the original.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.hair_masks import note_hair
from anime2real.data.pack import Pack, PackError
from anime2real.errors import UserError


def encoded(pixels: NDArray[np.uint8], quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def decoded(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


MASK_QUALITY = 60


def encoded_mask(mask: NDArray[np.uint8]) -> bytes:
    """A mask (S, S) as WebP; nothing for an empty one."""
    return encoded(np.repeat(mask[:, :, None], 3, 2), MASK_QUALITY) if mask.any() else b""


def decoded_mask(data: bytes, size: int) -> NDArray[np.uint8]:
    """A mask (S, S); levels that recoding moved off 0 and 255 go back."""
    if not data:
        return np.zeros((size, size), np.uint8)
    level = decoded(data)[:, :, 1].astype(np.float32)
    return np.asarray(np.rint((level - 12) * (255 / 231)).clip(0, 255), np.uint8)


def shrink(folder: Path, archive: Path, quality: int, parts: int) -> list[Path]:
    """Write a pack to `parts` archives, named after `archive`; returns them."""
    pack = Pack(folder)
    paths = [archive] if parts == 1 else [archive.with_stem(f"{archive.stem}-{i + 1}") for i in range(parts)]
    names = {name: (folder / name).read_bytes() for name in ("meta.json", "index.jsonl")}
    bounds = np.linspace(0, len(pack.images), parts + 1).astype(int)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, path in enumerate(paths):
            rows = range(bounds[i], bounds[i + 1])
            # Pictures are compressed already; the index is text.
            with zipfile.ZipFile(path, "w") as file:
                for name, content in names.items() if i == 0 else ():
                    file.writestr(name, content, zipfile.ZIP_DEFLATED)
                file.writestr(f"part-{i}", json.dumps({"quality": quality, "parts": parts}))
                pictures = pool.map(lambda row: encoded(pack.images[row], quality), rows)
                for row, content in zip(rows, pictures, strict=True):
                    file.writestr(f"{row}.webp", content)
                if pack.hair is not None:
                    masks = pool.map(encoded_mask, pack.hair[rows])
                    for row, content in zip(rows, masks, strict=True):
                        file.writestr(f"{row}.hair.webp", content)
    return paths


def expand(archives: list[Path], output: Path) -> None:
    """Restore a pack from all of its archives.

    Raises:
        PackError: one is missing or no archive of a pack, or `output` is there.
    """
    if output.exists():
        raise PackError(f"{output} is already there: name another folder")
    files = [zipfile.ZipFile(path) for path in archives]
    held = {name: file for file in files for name in file.namelist()}
    marks = [name for name in held if name.startswith("part-")]
    if "meta.json" not in held or not marks:
        raise PackError(f"{archives[0]} is no archive of a pack, or not its first part: give all parts")
    told = json.loads(held[marks[0]].read(marks[0]))
    if len(marks) != told["parts"]:
        raise PackError(f"the pack has {told['parts']} parts, {len(marks)} are given: give all of them")
    meta = json.loads(held["meta.json"].read("meta.json"))
    meta["recoded"] = f"WebP, quality {told['quality']}"
    index = held["index.jsonl"].read("index.jsonl")
    count, size = len(index.splitlines()), meta["size"]
    partial = output.parent / f".{output.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        images = np.lib.format.open_memmap(partial / "images.npy", "w+", np.uint8, (count, size, size, 3))
        contents = [held[f"{row}.webp"].read(f"{row}.webp") for row in range(count)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for row, pixels in enumerate(pool.map(decoded, contents)):
                images[row] = pixels
        images.flush()
        (partial / "index.jsonl").write_bytes(index)
        (partial / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
        if "hair" in meta:
            masks = np.lib.format.open_memmap(partial / "hair.npy", "w+", np.uint8, (count, size, size))
            total = hashlib.sha256()
            for row in range(count):
                name = f"{row}.hair.webp"
                masks[row] = decoded_mask(held[name].read(name), size)
                total.update(masks[row].tobytes())
            masks.flush()
            note_hair(partial, meta, total.hexdigest(), meta["hair"])
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    command = commands.add_parser("shrink")
    command.add_argument("pack", type=Path)
    command.add_argument("archive", type=Path)
    command.add_argument("--quality", type=int, default=80)
    command.add_argument("--parts", type=int, default=1)
    command = commands.add_parser("expand")
    command.add_argument("archives", type=Path, nargs="+")
    command.add_argument("--output", "-o", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.command == "shrink":
            for path in shrink(options.pack, options.archive, options.quality, options.parts):
                print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
        else:
            expand(options.archives, options.output)
    except (UserError, OSError, zipfile.BadZipFile) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
