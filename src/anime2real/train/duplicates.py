"""Near-duplicates among pictures, by a perceptual hash."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAR = 4
"""Bits of 64 by which near-duplicates may differ; at 8, different drawings of one character begin to fall together."""


def distinct(hashes: NDArray[np.uint64], near: int) -> NDArray[np.bool_]:
    """Which of the hashes (N,) lie more than `near` bits from every earlier one that stays: (N,) of bool.

    Two hashes within `near` bits agree in at least one of `near + 1` bands of bits, so only those that share a band
    are compared.
    """
    stays = np.ones(len(hashes), bool)
    if near <= 0:
        return stays
    edges = np.linspace(0, 64, near + 2).astype(int)
    bands = [(np.uint64(a), np.uint64(2 ** (int(b) - int(a)) - 1)) for a, b in pairwise(edges)]
    buckets: list[dict[int, list[int]]] = [{} for _ in bands]
    for place, value in enumerate(hashes):
        keys = [int((value >> shift) & mask) for shift, mask in bands]
        candidates = [p for bucket, key in zip(buckets, keys, strict=True) for p in bucket.get(key, ())]
        if candidates and int(np.bitwise_count(hashes[candidates] ^ value).min()) <= near:
            stays[place] = False
            continue
        for bucket, key in zip(buckets, keys, strict=True):
            bucket.setdefault(key, []).append(place)
    return stays


def perceptual_hash(image: Image.Image) -> int:
    """64 bits: whether each pixel of a 9×8 grey miniature is brighter than its right neighbour (dHash)."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).flatten()), 2)
