"""Pairs of 64-bit hashes that differ in few bits, by multi-index hashing (Norouzi, Punjani and Fleet, 2012).

The bits are cut into m bands. Of hashes within r = m·a + b bits, b < m, one of the first b + 1 bands differs by a bits
at most, or one of the others by a − 1 (their Proposition 2). So hashes are sorted by a band, and each looks into the
buckets whose keys are so near to its own. With m near 64 / log₂ N a bucket holds one hash or a few, and the time is
near linear in N.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]
Pairs = tuple[Places, Places]
Alike = Callable[[Places, Places], NDArray[np.bool_]]
"""Which of some pairs (K,) show the same."""

BITS: Final = 64

_WIDEST: Final = 24
"""Bits of a band: its table of buckets has 2^24 entries at most, 64 MB."""

_ASKING_AT_ONCE: Final = 2**16
"""Hashes that ask at a time."""

_FLIPS_BETWEEN: Final = 16
"""Sets of flipped bits after which those who have been found to be copies ask no more."""

_PAIRS_AT_ONCE: Final = 2**21
"""Candidates in memory at a time, some 100 MB."""

_LOOK_UP, _COMPARE, _COMPARE_ALL, _ENTRY = 12.0, 14.0, 2.0, 3.0
"""Nanoseconds of one look into a bucket, of one candidate there, of one pair where all are compared, and of one entry
of a table; measured, and needed only roughly."""


@dataclass(frozen=True)
class _Band:
    """Bits `shift` to `shift + width` of a hash, and by how many of them near hashes differ at most."""

    shift: int
    width: int
    radius: int

    def keys(self, hashes: Hashes) -> NDArray[np.int64]:
        return np.asarray((hashes >> np.uint64(self.shift)) & np.uint64(2**self.width - 1), np.int64)

    def flips(self) -> Iterator[np.int64]:
        """Every set of at most `radius` bits of a key, the smallest first."""
        for count in range(self.radius + 1):
            for bits in combinations(range(self.width), count):
                yield np.int64(sum(1 << bit for bit in bits))

    def nanoseconds(self, left: int, right: int) -> float:
        """What a join by this band takes, roughly."""
        flips = sum(comb(self.width, count) for count in range(self.radius + 1))
        keys = float(2**self.width)
        return flips * right * (_LOOK_UP + _COMPARE * left / keys) + _ENTRY * keys


def scattered(hashes: Hashes) -> Hashes:
    """The hashes with their bits in another order, the same for all: waves of about one length lie in different bands.

    Long waves of lined-up faces are much alike, and a band of them would have few full buckets.
    """
    result = np.zeros(len(hashes), np.uint64)
    for number, places in enumerate(_SCATTERED):
        result |= places[(hashes >> np.uint64(8 * number)).astype(np.uint8)]
    return result


def _scattered_bytes() -> Hashes:
    """(8, 256): where the bits of each byte of a hash go, for each of its values."""
    bits = np.arange(BITS, dtype=np.uint64)
    of_bits = (np.uint64(1) << (bits * np.uint64(29) % np.uint64(BITS))).reshape(8, 1, 8)
    values = (np.arange(256, dtype=np.uint64)[:, None] >> np.arange(8, dtype=np.uint64)) & np.uint64(1)
    return np.asarray(np.bitwise_or.reduce(of_bits * values, axis=2))


_SCATTERED: Final = _scattered_bytes()


def pairs_within(hashes: Hashes, near: int) -> Pairs:
    """Places (K,) and earlier places (K,) of all pairs within `near` bits, ascending; each is compared with each."""
    close = np.bitwise_count(hashes[:, None] ^ hashes[None]) <= near
    later, earlier = np.nonzero(np.tril(close, -1))
    return later, earlier


def near_pairs(left: Hashes, right: Hashes, near: int, wanted: NDArray[np.bool_]) -> Iterator[Pairs]:
    """All pairs within `near` bits, each once, in parts: places (K,) of the right ones and (K,) of the left ones.

    Args:
        left, right: (L,), (R,).
        near: bits by which the two of a pair differ at most.
        wanted: (R,), of which right ones pairs are wanted. The caller may take some back between two parts, and pairs
            of these may come or not.
    """
    bands = _bands(len(left), len(right), near)
    if not bands:
        yield from _compare_all(left, right, near, wanted)
    for number, band in enumerate(bands):
        for of_right, of_left in _join(left, right, near, band, wanted):
            differ = left[of_left] ^ right[of_right]
            new = np.ones(len(differ), bool)
            for other in bands[:number]:  # which has found them already
                new &= np.bitwise_count(other.keys(differ)) > other.radius
            yield of_right[new], of_left[new]


def _bands(left: int, right: int, near: int) -> list[_Band]:
    """The bands that are quickest for so many hashes; none if it is quickest to compare all."""
    best: list[_Band] = []
    least = _COMPARE_ALL * left * right
    for count in range(1, min(near + 1, BITS) + 1):
        edges = [BITS * i // count for i in range(count + 1)]
        widths = [b - a for a, b in pairwise(edges)]
        if max(widths) > _WIDEST:
            continue
        few, rest = divmod(near, count)
        radii = [few if i <= rest else few - 1 for i in range(count)]
        bands = [_Band(a, w, r) for a, w, r in zip(edges, widths, radii, strict=False) if r >= 0]
        cost = sum(band.nanoseconds(left, right) for band in bands)
        if cost < least:
            best, least = bands, cost
    return best


def _join(left: Hashes, right: Hashes, near: int, band: _Band, wanted: NDArray[np.bool_]) -> Iterator[Pairs]:
    """The pairs within `near` bits whose bands are within the band's radius.

    Few enough ask at a time that what is known of them stays in the processor's cache, sorted by key, so that a look
    into the table is near the one before.
    """
    keys = band.keys(left)
    order = np.argsort(keys, kind="stable")
    table = np.zeros(2**band.width + 1, np.int32 if len(left) < 2**31 else np.int64)
    np.cumsum(np.bincount(keys, minlength=2**band.width), out=table[1:])
    occupied = table[1:] != table[:-1]
    sorted_left = left[order]
    flips = np.array(list(band.flips()), np.int32)
    places = np.flatnonzero(wanted)
    places = places[np.argsort(band.keys(right[places]), kind="stable")]
    for start in range(0, len(places), _ASKING_AT_ONCE):
        asking = places[start : start + _ASKING_AT_ONCE]
        hashes, asked = right[asking], band.keys(right[asking]).astype(np.int32)
        for number, flip in enumerate(flips):
            if number % _FLIPS_BETWEEN == 0:
                still = wanted[asking]
                asking, hashes, asked = asking[still], hashes[still], asked[still]
            probes = asked ^ flip
            full = np.flatnonzero(occupied[probes])  # bytes: the table itself is four times as far to read
            full_probes = probes[full]
            first = table[full_probes]
            counts = table[full_probes + 1] - first
            for some, who, met in _expanded(first, counts):
                differ = sorted_left[met]
                differ ^= hashes[full[some]][who]
                close = np.flatnonzero(np.bitwise_count(differ) <= near)
                if len(close):
                    yield asking[full[some][who[close]]], order[met[close]]


def _expanded(
    first: NDArray[np.signedinteger], counts: NDArray[np.signedinteger]
) -> Iterator[tuple[slice, NDArray[np.int32], NDArray[np.signedinteger]]]:
    """Who asks and whom it meets, for buckets of `counts` (F,), none of them 0, that begin at `first` (F,).

    In parts that fit memory: which of those who ask, and, of each pair, its place among them and whom it meets.
    """
    ends = np.cumsum(counts, dtype=np.int64)
    start, begun = 0, 0
    while start < len(first):
        stop = max(start + 1, int(np.searchsorted(ends, begun + _PAIRS_AT_ONCE)))
        part = counts[start:stop]
        who = np.repeat(np.arange(len(part), dtype=np.int32), part)
        met = (first[start:stop] - (ends[start:stop] - part - begun)).astype(first.dtype)[who]
        met += np.arange(len(met), dtype=met.dtype)
        yield slice(start, stop), who, met
        begun, start = int(ends[stop - 1]), stop


def _compare_all(left: Hashes, right: Hashes, near: int, wanted: NDArray[np.bool_]) -> Iterator[Pairs]:
    rows = max(1, _PAIRS_AT_ONCE // max(1, len(left)))
    places = np.flatnonzero(wanted)
    for start in range(0, len(places), rows):
        some = places[start : start + rows]
        of_right, of_left = np.nonzero(np.bitwise_count(right[some, None] ^ left[None]) <= near)
        yield some[of_right], of_left
