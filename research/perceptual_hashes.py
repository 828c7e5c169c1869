"""How near the hashes of pictures are that are no copies, and of those that are: what chose the hash of `prepare`.

    python research/perceptual_hashes.py celeba-109.zip anime-96.zip ffhq.zip

Of each zip archive the first `--pictures`, cut to their centre square, by pHash (`data/duplicates.py`) and by dHash,
which it took the place of: the share of pairs within `--near` bits; the share of `--copies` that stay within them,
packed as JPEG of quality 40, brought to 0.6 of the size and back, or cut by a hundredth on each side and darkened; and
the share of pairs that are equal under a mask of `data/covering_hashes.py`, the mean of all masks. The last line is
JSON.
"""

import argparse
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.covering_hashes import masks
from anime2real.data.duplicates import perceptual_hash

Hash = Callable[[Image.Image], int]


def dhash(image: Image.Image) -> int:
    """64 bits: whether each pixel of a 9×8 grey miniature is brighter than its right neighbour."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).flatten()), 2)


HASHES: dict[str, Hash] = {"pHash": perceptual_hash, "dHash": dhash}


def square(image: Image.Image) -> Image.Image:
    """The centre square, 64 px a side, as crops are before they are hashed."""
    side, width, height = min(image.size), *image.size
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BOX)


def copies(image: Image.Image) -> Iterator[Image.Image]:
    """As pictures are copied."""
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=40)
    yield Image.open(packed)
    width, height = image.size
    yield image.resize((width * 6 // 10, height * 6 // 10)).resize((width, height))
    edge = max(1, width // 100)
    cut = image.crop((edge, edge, width - edge, height - edge)).resize((width, height))
    yield cut.point(lambda value: int(value * 0.9 + 8))


def near_share(hashes: NDArray[np.uint64], near: int) -> float:
    """Of all pairs."""
    count = -len(hashes)
    for start in range(0, len(hashes), 500):
        count += int((np.bitwise_count(hashes[start : start + 500, None] ^ hashes[None]) <= near).sum())
    return count / len(hashes) / (len(hashes) - 1)


def equal_share(hashes: NDArray[np.uint64], near: int) -> float:
    """Of all pairs under a mask, the mean of all masks."""
    total = 0
    for mask in masks(near):
        counts = np.unique(hashes & mask, return_counts=True)[1]
        total += int((counts * (counts - 1)).sum())
    return total / len(masks(near)) / len(hashes) / (len(hashes) - 1)


def measured(archive: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """By hash."""
    hashes: dict[str, list[int]] = {name: [] for name in HASHES}
    differ: dict[str, list[int]] = {name: [] for name in HASHES}
    with ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.endswith((".webp", ".png", ".jpg")))
        for place, member in enumerate(names[: options.pictures]):
            image = Image.open(io.BytesIO(file.read(member))).convert("RGB")
            others = [square(copy) for copy in copies(image)] if place < options.copies else []
            for name, hash_of in HASHES.items():
                value = hash_of(square(image))
                hashes[name].append(value)
                differ[name] += [(value ^ hash_of(other)).bit_count() for other in others]
    found = {}
    for name in HASHES:
        values = np.array(hashes[name], np.uint64)
        found[name] = {
            "pictures": len(values), "pairs_near": near_share(values, options.near),
            "copies_near": float(np.mean(np.array(differ[name]) <= options.near)),
            "pairs_equal_under_a_mask": equal_share(values, options.near),
        }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000, help="of each archive")
    parser.add_argument("--copies", type=int, default=500, help="pictures that are copied, three times each")
    parser.add_argument("--near", type=int, default=8)
    options = parser.parse_args()
    lines = {}
    for archive in options.archives:
        lines[archive.stem] = found = measured(archive, options)
        print(archive.stem, *(f"{name}: {of}" for name, of in found.items()), sep="\n  ", flush=True)
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
