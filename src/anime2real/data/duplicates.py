"""Near-duplicates among pictures: a perceptual hash finds who may be one, a look at small copies decides.

The hash alone will not do for faces that are all aligned the same way: of 274 pairs of photographs within 4 bits, by a
hash of neighbouring pixels (dHash), some 30 were the same photograph twice. Of those whose thumbnails correlate by 0.95
or more, all were. `covering_hashes.py` and `near_hashes.py` find the pairs of hashes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.covering_hashes import MOST, Covering
from anime2real.data.near_hashes import BITS, Alike, Places, near_pairs, pairs_within, scattered

HASH = "pHash"
"""What meta.json calls `perceptual_hash`."""

NEAR = 8
"""Bits of 64 by which the hashes of near-duplicates may differ."""

LIKENESS = 0.95
"""Correlation of the thumbnails from which two pictures count as one."""

THUMBNAIL = 16

FEATURES = THUMBNAIL * THUMBNAIL * 3

COARSE = 4 * 4 * 3
"""Numbers that are compared before the thumbnails are."""

_BLOCK = 512
"""Pictures that are compared each with each."""

_FEWEST_COVERED = 2**13
"""Pictures from which on a covering code is the quicker search."""

_CANDIDATES = 256.0
"""Pairs that a covering code compares under one mask, for each picture, from which on halves are the quicker search."""

_COPIES = 2
"""Pairs of copies for each picture from which on they are not kept in memory, 16 bytes each, but searched by halves."""

_JOINED_AT_ONCE = 2**23
"""Pictures of either side of a join that are in memory at a time: less than 1 GB."""

_COMPARED_AT_ONCE = 2**13

_MINIATURE = (9, 8)

_UNIT = 2**16

_FLAT = 10
"""A wave's sum over a miniature up to which it counts as none, half a grey level high: smooth pictures' are of rounding
alone, whose signs are chance."""

_ROUNDING = 0.01
"""By which half precision may be wrong about a squared distance, several times over."""


def distinct(
    hashes: NDArray[np.uint64],
    near: int,
    alike: Alike | None = None,
    *,
    staying: NDArray[np.bool_] | None = None,
    parts: Sequence[int] = (),
    threads: int | None = None,
) -> NDArray[np.bool_]:
    """Which pictures are no near-duplicate of an earlier one that stays: (N,) of bool.

    Where hashes differ as those of most pictures do, all near pairs are found at once (`covering_hashes.py`), and gone
    through from the first picture on. Else, and of few pictures, by halves: those that stay of the first half are
    joined with the second, then what is left of the second is searched in itself. So every picture meets only earlier
    ones that stay, many copies of one picture cost no more than as many others, and each join is one large search by an
    index of hashes. Of more than `_JOINED_AT_ONCE` pictures a join is made in pieces, so that what is in memory does
    not grow further.

    Args:
        hashes: (N,), see `perceptual_hash`; may be a memory map.
        near: bits by which those of near-duplicates differ at most; 0 finds none.
        alike: given places (K,) and earlier ones (K,) whose hashes are near, says which of the pairs show the same;
            all, if not given.
        staying: (N,), those that are still there; all, if not given.
        parts: where each part but the first begins, ascending, if there are parts whose pictures are known to be no
            copies of each other; these are not searched again.
        threads: to search with, which call `alike`; as many as there are cores if not given. The result is the same.
    """
    stays = np.ones(len(hashes), bool) if staying is None else staying.copy()
    if near > 0 and len(hashes):
        _Search(hashes, stays, near, alike, parts, threads).between(0, len(hashes))
    return stays


@dataclass(frozen=True)
class _Search:
    """See `distinct`."""

    hashes: NDArray[np.uint64]
    stays: NDArray[np.bool_]
    near: int
    alike: Alike | None
    parts: Sequence[int]
    threads: int | None

    def between(self, start: int, stop: int) -> None:
        """Decide from `start` to `stop`, of which some may have been found to be copies of pictures before `start`."""
        first, last = bisect_right(self.parts, start), bisect_left(self.parts, stop)
        if self.parts and first == last:  # in one part
            return
        if stop - start <= _BLOCK:
            _search_block(self.hashes, self.stays, start, stop, self.near, self.alike)
            return
        if stop - start >= _FEWEST_COVERED and self.near <= MOST:
            covering = Covering(self.hashes, self.stays, start, stop, self.near, self.parts)
            if covering.candidates() <= _CANDIDATES and self._all_at_once(covering):
                return
        middle = (start + stop) // 2
        if self.parts:
            middle = min(self.parts[first:last], key=lambda border: abs(border - middle))
        self.between(start, middle)
        for late in _pieces(middle, stop):
            self._join(range(start, middle), late)
        self.between(middle, stop)

    def _all_at_once(self, covering: Covering) -> bool:
        """Decide by all pairs of copies; without a decision where there are too many of them."""
        found, most = [], _COPIES * (covering.stop - covering.start)
        with closing(covering.pairs(self.alike, self.threads, most)) as all_pairs:
            for pairs in all_pairs:
                found.append(pairs)
                most -= len(pairs[0])
                if most < 0:
                    return False
        later, earlier = (np.concatenate([pair[i] for pair in found]) for i in (0, 1))
        order = np.argsort(later, kind="stable")
        _leave_out(self.stays, later[order], earlier[order])
        return True

    def _join(self, before: range, piece: range) -> None:
        """Find those of a piece that are copies of pictures before."""
        late = self._staying(piece)
        known = np.ones(len(late), bool)  # those that no pair has shown to be a copy
        right = scattered(self.hashes[late])
        for some in _pieces(before.start, before.stop):
            early = self._staying(some)
            for of_late, of_early in near_pairs(scattered(self.hashes[early]), right, self.near, known):
                same = True if self.alike is None else self.alike(late[of_late], early[of_early])
                known[of_late[same]] = False
        self.stays[late] = known

    def _staying(self, piece: range) -> Places:
        return piece.start + np.flatnonzero(self.stays[piece.start : piece.stop])


def _pieces(start: int, stop: int) -> list[range]:
    """From `start` to `stop` in equal pieces of `_JOINED_AT_ONCE` at most."""
    count = -(-(stop - start) // _JOINED_AT_ONCE)
    edges = [start + (stop - start) * i // count for i in range(count + 1)]
    return [range(a, b) for a, b in pairwise(edges)]


def _search_block(
    hashes: NDArray[np.uint64], stays: NDArray[np.bool_], start: int, stop: int, near: int, alike: Alike | None
) -> None:
    places = start + np.flatnonzero(stays[start:stop])
    later, earlier = pairs_within(hashes[places], near)
    if alike is not None and len(later):
        same = alike(places[later], places[earlier])
        later, earlier = later[same], earlier[same]
    _leave_out(stays, places[later], places[earlier])


def _leave_out(stays: NDArray[np.bool_], later: Places, earlier: Places) -> None:
    """Leave out the later of each pair whose earlier one stays; pairs come by the later one, ascending."""
    for place, other in zip(later.tolist(), earlier.tolist(), strict=True):
        if stays[other]:
            stays[place] = False


def thumbnails_alike(thumbnails: NDArray[np.float32], coarse: NDArray[np.float16] | None = None) -> Alike:
    """`alike` for `distinct`: thumbnails correlate by `LIKENESS` at least.

    Thumbnails of mean 0 and length 1 that correlate by c are √(2 − 2c) apart, and their projections no farther. So
    their 4×4 means rule most pairs out: of lined-up faces with near hashes 24 in 25.

    Args:
        thumbnails: (N, FEATURES), see `thumbnail`; may be a memory map, only what is asked for is read again.
        coarse: (N, COARSE), see `coarse_of`, and as that; made here and kept in memory if not given.
    """
    small = np.empty((len(thumbnails), COARSE), np.float16) if coarse is None else coarse
    for start in range(0, 0 if coarse is not None else len(thumbnails), _COMPARED_AT_ONCE):
        small[start : start + _COMPARED_AT_ONCE] = coarse_of(thumbnails[start : start + _COMPARED_AT_ONCE])
    farthest = 2 - 2 * LIKENESS + _ROUNDING

    def alike(places: Places, earlier: Places) -> NDArray[np.bool_]:
        result = np.zeros(len(places), bool)
        for start in range(0, len(places), _COMPARED_AT_ONCE):
            one, other = (of[start : start + _COMPARED_AT_ONCE] for of in (places, earlier))
            apart = small[one].astype(np.float32) - small[other]
            near = np.flatnonzero(np.einsum("kf,kf->k", apart, apart) <= farthest)
            likenesses = np.einsum("kf,kf->k", thumbnails[one[near]], thumbnails[other[near]])
            result[start + near] = likenesses >= LIKENESS
        return result

    return alike


def coarse_of(thumbnails: NDArray[np.float32]) -> NDArray[np.float16]:
    """4×4 means of thumbnails (K, FEATURES): (K, COARSE), of length 1 where the thumbnails show nothing finer."""
    means = thumbnails.reshape(-1, 4, 4, 4, 4, 3).sum((2, 4)).reshape(-1, COARSE) / 4  # sums of 16, of length 4
    return np.asarray(means, np.float16)


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture (S, S, 3), S a multiple of 16, as (FEATURES,): 16×16, of mean 0 and length 1."""
    block = len(picture) // THUMBNAIL
    small = picture.astype(np.float32).reshape(THUMBNAIL, block, THUMBNAIL, block, 3).mean((1, 3)).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6))


def perceptual_hash(image: Image.Image) -> int:
    """64 bits: the signs of the lowest frequencies of a 9×8 grey miniature (pHash; Zauner, 2010).

    Where it gets darker to the right (dHash) is much the same in all faces that are lined up. Of CelebA's photographs
    700 in a million pairs are within 8 bits by that, by this 15; of copies, packed as JPEG of quality 40, of 0.6 of the
    size, or cut by a hundredth and darkened, at least 99.8 % (`research/perceptual_hashes.py`, 2026-11-30).
    """
    small = np.asarray(image.convert("L").resize(_MINIATURE, Image.Resampling.BOX), np.int64)
    above_mean = small.size * small - small.sum()  # whole numbers: 0 where there is nothing to see, on all machines
    return int.from_bytes(np.packbits(_WAVES @ above_mean.ravel() > _FLAT * small.size * _UNIT).tobytes())


def _waves() -> NDArray[np.int64]:
    """(64, 72): cosines over a miniature, the slowest first, without the constant one, times `_UNIT`."""
    width, height = _MINIATURE
    across, down = (np.cos(np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n) for n in _MINIATURE)
    of_both = np.einsum("vy,ux->vuyx", down, across).reshape(height * width, height * width)
    frequencies = np.add.outer(np.arange(height) / height, np.arange(width) / width).ravel()
    order = np.argsort(frequencies, kind="stable")[1 : BITS + 1]
    return np.asarray(np.rint(of_both[order] * _UNIT), np.int64)


_WAVES = _waves()
