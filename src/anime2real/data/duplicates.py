"""Near-duplicates among pictures: a perceptual hash finds who may be one, a look at small copies decides.

The hash alone will not do for faces that are all aligned the same way: of 274 pairs of photographs within 4 bits, some
30 were the same photograph twice. Of those whose thumbnails correlate by 0.95 or more, all were. `near_hashes.py` finds
the pairs of hashes.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.near_hashes import Places, near_pairs, pairs_within, scattered

NEAR = 8
"""Bits of 64 by which the hashes of near-duplicates may differ."""

LIKENESS = 0.95
"""Correlation of the thumbnails from which two pictures count as one."""

THUMBNAIL = 16

FEATURES = THUMBNAIL * THUMBNAIL * 3

Alike = Callable[[Places, Places], NDArray[np.bool_]]

_BLOCK = 512
"""Pictures that are compared each with each."""

_COMPARED_AT_ONCE = 2**13

_ROUNDING = 0.01
"""By which half precision may be wrong about a squared distance, several times over."""


def distinct(hashes: NDArray[np.uint64], near: int, alike: Alike | None = None) -> NDArray[np.bool_]:
    """Which pictures are no near-duplicate of an earlier one that stays: (N,) of bool.

    By halves: those that stay of the first half are joined with the second, then what is left of the second is
    searched in itself. So every picture meets only earlier ones that stay, many copies of one picture cost no more than
    as many others, and each join is one large search by an index of hashes.

    Args:
        hashes: (N,), see `perceptual_hash`.
        near: bits by which those of near-duplicates differ at most; 0 finds none.
        alike: given places (K,) and earlier ones (K,) whose hashes are near, says which of the pairs show the same;
            all, if not given.
    """
    stays = np.ones(len(hashes), bool)
    if near > 0 and len(hashes):
        _search(scattered(hashes), stays, 0, len(hashes), near, alike)
    return stays


def _search(
    hashes: NDArray[np.uint64], stays: NDArray[np.bool_], start: int, stop: int, near: int, alike: Alike | None
) -> None:
    """Decide between `start` and `stop`, of which some may have been found to be copies of pictures before `start`."""
    if stop - start <= _BLOCK:
        _search_block(hashes, stays, start, stop, near, alike)
        return
    middle = (start + stop) // 2
    _search(hashes, stays, start, middle, near, alike)
    early, late = (a + np.flatnonzero(stays[a:b]) for a, b in ((start, middle), (middle, stop)))
    known = np.ones(len(late), bool)  # those that no pair has shown to be a copy
    for of_late, of_early in near_pairs(hashes[early], hashes[late], near, known):
        same = True if alike is None else alike(late[of_late], early[of_early])
        known[of_late[same]] = False
    stays[late] = known
    _search(hashes, stays, middle, stop, near, alike)


def _search_block(
    hashes: NDArray[np.uint64], stays: NDArray[np.bool_], start: int, stop: int, near: int, alike: Alike | None
) -> None:
    places = start + np.flatnonzero(stays[start:stop])
    later, earlier = pairs_within(hashes[places], near)
    if alike is not None and len(later):
        same = alike(places[later], places[earlier])
        later, earlier = later[same], earlier[same]
    for place, other in zip(places[later].tolist(), places[earlier].tolist(), strict=True):  # by `later`, ascending
        if stays[other]:
            stays[place] = False


def thumbnails_alike(thumbnails: NDArray[np.float32]) -> Alike:
    """`alike` for `distinct`: thumbnails correlate by `LIKENESS` at least.

    Thumbnails of mean 0 and length 1 that correlate by c are √(2 − 2c) apart, and their projections no farther. So
    their 4×4 means, in memory, rule most pairs out: of lined-up faces with near hashes 24 in 25.

    Args:
        thumbnails: (N, FEATURES), see `thumbnail`; may be a memory map, only what is asked for is read again.
    """
    coarse = np.empty((len(thumbnails), 48), np.float16)
    for start in range(0, len(thumbnails), _COMPARED_AT_ONCE):
        some = thumbnails[start : start + _COMPARED_AT_ONCE].reshape(-1, 4, 4, 4, 4, 3)
        coarse[start : start + _COMPARED_AT_ONCE] = some.sum((2, 4)).reshape(-1, 48) / 4  # sums of 16, of length 4
    farthest = 2 - 2 * LIKENESS + _ROUNDING

    def alike(places: Places, earlier: Places) -> NDArray[np.bool_]:
        result = np.zeros(len(places), bool)
        for start in range(0, len(places), _COMPARED_AT_ONCE):
            one, other = (of[start : start + _COMPARED_AT_ONCE] for of in (places, earlier))
            apart = coarse[one].astype(np.float32) - coarse[other]
            near = np.flatnonzero(np.einsum("kf,kf->k", apart, apart) <= farthest)
            likenesses = np.einsum("kf,kf->k", thumbnails[one[near]], thumbnails[other[near]])
            result[start + near] = likenesses >= LIKENESS
        return result

    return alike


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture (S, S, 3), S a multiple of 16, as (FEATURES,): 16×16, of mean 0 and length 1."""
    block = len(picture) // THUMBNAIL
    small = picture.astype(np.float32).reshape(THUMBNAIL, block, THUMBNAIL, block, 3).mean((1, 3)).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6))


def perceptual_hash(image: Image.Image) -> int:
    """64 bits: whether each pixel of a 9×8 grey miniature is brighter than its right neighbour (dHash)."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).flatten()), 2)
