"""Sums of the pictures of a pack, so many together, computed on all cores."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES: Final = 2**26
"""Of the pictures that have a sum together."""


def chunk_sums(path: Path, chunk: int) -> list[str]:
    """The sum of each chunk of so many pictures in a file of them, (P, …) uint8."""
    pixels = np.load(path, mmap_mode="r")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda number: chunk_sum(pixels, number, chunk), range(len(range(0, len(pixels), chunk)))))


def chunk_sum(pixels: NDArray[np.uint8], number: int, chunk: int) -> str:
    """Hex SHA-256 of a chunk of pictures."""
    return hashlib.sha256(np.ascontiguousarray(pixels[number * chunk : (number + 1) * chunk]).data).hexdigest()


def file_sum(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_changed(
    pixels: NDArray[np.uint8], sums: Sequence[str], chunk: int, numbers: Iterable[int], known: set[int]
) -> int | None:
    """The first of these chunks that has not its sum; those found whole are added to `known`, which is not read."""
    new = [number for number in numbers if number not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, found in zip(new, pool.map(lambda n: chunk_sum(pixels, n, chunk), new), strict=True):
            if found != sums[number]:
                return number
            known.add(number)
    return None
