"""Near-duplicates among pictures: a perceptual hash finds who may be one, a look at small copies decides.

The hash alone will not do for faces that are all aligned the same way: of 274 pairs of photographs within 4 bits, some
30 were the same photograph twice. Of those whose thumbnails correlate by 0.95 or more, all were.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAR = 8
"""Bits of 64 by which the hashes of near-duplicates may differ."""

LIKENESS = 0.95
"""Correlation of the thumbnails from which two pictures count as one."""

THUMBNAIL = 16

Alike = Callable[[int, Sequence[int]], NDArray[np.bool_]]


def distinct(hashes: NDArray[np.uint64], near: int, alike: Alike | None = None) -> NDArray[np.bool_]:
    """Which pictures are no near-duplicate of an earlier one that stays: (N,) of bool.

    Two hashes within `near` bits agree in at least one of `near + 1` bands of bits, so only those that share a band
    are compared.

    Args:
        hashes: (N,), see `perceptual_hash`.
        near: bits by which those of near-duplicates differ at most; 0 finds none.
        alike: given a place and earlier ones whose hashes are near, says which show the same; all, if not given.
    """
    stays = np.ones(len(hashes), bool)
    if near <= 0:
        return stays
    edges = np.linspace(0, 64, near + 2).astype(int)
    bands = [(np.uint64(a), np.uint64(2 ** (int(b) - int(a)) - 1)) for a, b in pairwise(edges)]
    buckets: list[dict[int, list[int]]] = [{} for _ in bands]
    for place, value in enumerate(hashes):
        keys = [int((value >> shift) & mask) for shift, mask in bands]
        sharing = {p for bucket, key in zip(buckets, keys, strict=True) for p in bucket.get(key, ())}
        candidates = np.fromiter(sharing, np.int64, len(sharing))
        close = candidates[np.bitwise_count(hashes[candidates] ^ value) <= near].tolist()
        if close and (alike is None or alike(place, close).any()):
            stays[place] = False
            continue
        for bucket, key in zip(buckets, keys, strict=True):
            bucket.setdefault(key, []).append(place)
    return stays


def likeness(pictures: NDArray[np.uint8], places: Sequence[int]) -> Alike:
    """`alike` for `distinct`: the correlation of 16×16 thumbnails is at least `LIKENESS`.

    Args:
        pictures: (P, S, S, 3), S a multiple of 16; may be a memory map, only what is asked for is read.
        places: the row of `pictures` for each hash.
    """
    known: dict[int, NDArray[np.float32]] = {}

    def thumbnail(place: int) -> NDArray[np.float32]:
        if place not in known:
            picture = pictures[places[place]].astype(np.float32)
            block = len(picture) // THUMBNAIL
            small = picture.reshape(THUMBNAIL, block, THUMBNAIL, block, 3).mean((1, 3)).ravel()
            small -= small.mean()
            known[place] = small / max(float(np.linalg.norm(small)), 1e-6)
        return known[place]

    def alike(place: int, earlier: Sequence[int]) -> NDArray[np.bool_]:
        one = thumbnail(place)
        return np.array([float(one @ thumbnail(other)) >= LIKENESS for other in earlier], bool)

    return alike


def perceptual_hash(image: Image.Image) -> int:
    """64 bits: whether each pixel of a 9×8 grey miniature is brighter than its right neighbour (dHash)."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).flatten()), 2)
