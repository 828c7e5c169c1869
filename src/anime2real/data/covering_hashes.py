"""All pairs of 64-bit hashes that differ in few bits, by covering codes (Pagh, SODA 2016, "CoveringLSH").

Of a linear code of dimension r + 1 and length 64, every word but 0 is a mask. Hashes that differ in r bits or fewer are
equal under one mask at least: the r columns of the code's generator where they differ do not span r + 1 dimensions, so
a word is 0 in all of them. Each mask has 28 bits or more (an extended BCH code), under which few hashes that are not
near are equal. So hashes are sorted once for each mask, and neighbours are compared: near linear, up to thousands of
millions of hashes.
"""

import os
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from anime2real.data.near_hashes import BITS, Alike, Hashes, Pairs

MOST: Final = 9
"""Bits by which the two of a pair may differ at most: the code has ten dimensions."""

_SCRAMBLE: Final = np.uint64(0x9E3779B97F4A7C15)
"""Knuth's multiplier, 2⁶⁴ over the golden ratio: the upper bits of a product depend on all bits of a masked hash."""

_SORTED_AT_ONCE: Final = 2**25
"""Hashes that a thread sorts at a time, 256 MB, about."""

_AT_ONCE: Final = 2**17

_LEAST_A_THREAD: Final = 2**14
"""Hashes below which threads have more to tell each other than to do."""

_TABLES_LOOKED_AT: Final = 2


@dataclass(frozen=True)
class Covering:
    """A search among some hashes.

    Attributes:
        hashes: (N,), may be a memory map.
        stays: (N,), which of them take part.
        start, stop: where the search begins and ends; places are counted from the first hash of all.
        near: bits by which the two of a pair differ at most, from 1 to `MOST`.
        parts: where each part but the first begins, ascending; pairs within a part are not wanted. All pairs, if empty.
    """

    hashes: Hashes
    stays: NDArray[np.bool_]
    start: int
    stop: int
    near: int
    parts: Sequence[int] = ()
    _own: threading.local = field(default_factory=threading.local)

    def candidates(self) -> float:
        """Pairs that are compared under one mask, for each hash; many where hashes are much alike."""
        counts = []
        for mask in self._masks[-_TABLES_LOOKED_AT:]:
            counts.append(0)
            for number in range(self._slices):
                same = np.flatnonzero(self._same(self._sorted(mask, number)))
                first = np.flatnonzero(np.diff(same, prepend=-2) != 1)
                lengths = np.diff(first, append=len(same)) + 1
                counts[-1] += int((lengths * (lengths - 1) // 2).sum())
        return max(counts) / max(1, self.stop - self.start)

    def pairs(self, alike: Alike | None, threads: int | None, most: int | None = None) -> Generator[Pairs]:
        """All pairs, each once, in parts: later places (K,) and earlier places (K,).

        Args:
            alike: says which pairs are wanted; all if not given. It is called by several threads.
            threads: to search with; as many as there are cores if not given. The pairs are the same.
            most: pairs from which on a part ends early, as the caller wants none of more; all come if not given.
        """
        tables = [(number, part) for number in range(len(self._masks)) for part in range(self._slices)]
        number = 1 if self.stop - self.start < _LEAST_A_THREAD else min(threads or os.cpu_count() or 1, len(tables))
        if number == 1:
            yield from (self._wanted(table, alike, most) for table in tables)
            return
        waiting: deque[Future[Pairs]] = deque()
        pool = ThreadPoolExecutor(number)
        try:
            for table in tables:
                waiting.append(pool.submit(self._wanted, table, alike, most))
                if len(waiting) > 2 * number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    @property
    def _masks(self) -> Hashes:
        return masks(self.near)

    @property
    def _slices(self) -> int:
        """Parts, a power of two, in which the hashes of a table are sorted."""
        return 1 << max(0, (max(1, self.stop - self.start) - 1).bit_length() - (_SORTED_AT_ONCE.bit_length() - 1))

    @property
    def _place_bits(self) -> int:
        return max(1, (self.stop - self.start - 1).bit_length())

    def _sorted(self, mask: np.uint64, number: int) -> Hashes:
        """Words (M,) of one slice, ascending: of each hash its masked bits, scrambled, and below them its place."""
        words, bits = self._buffer("words"), np.uint64(self._place_bits)
        filled = 0
        for start in range(self.start, self.stop, _AT_ONCE):
            stop = min(start + _AT_ONCE, self.stop)
            keys = np.bitwise_and(self.hashes[start:stop], mask, out=self._buffer("keys")[: stop - start])
            keys *= _SCRAMBLE
            own = self._buffer("places")[: stop - start]
            chosen = self._chosen(keys, start, stop, number, own)
            if chosen is None:
                np.add(self._arange[: stop - start], np.uint64(start - self.start), out=own)
            else:
                keys = keys[chosen]
                own = chosen.astype(np.uint64)
                own += np.uint64(start - self.start)
            keys >>= bits
            keys <<= bits
            if filled + len(keys) > len(words):
                words = self._larger(words[:filled], filled + len(keys))
            np.bitwise_or(keys, own, out=words[filled : filled + len(keys)])
            filled += len(keys)
        words[:filled].sort()
        return words[:filled]

    def _chosen(self, keys: Hashes, start: int, stop: int, number: int, buffer: Hashes) -> NDArray[np.intp] | None:
        """Which of some keys take part and are of this slice; None if all are."""
        there, slices = self.stays[start:stop], self._slices
        if slices == 1:
            return None if there.all() else np.flatnonzero(there)
        of_slice = np.right_shift(keys, np.uint64(BITS - (slices - 1).bit_length()), out=buffer) == number
        of_slice &= there
        return np.flatnonzero(of_slice)

    def _same(self, words: Hashes) -> NDArray[np.bool_]:
        """(M − 1,): which words have the masked bits of the next one."""
        same = np.empty(max(0, len(words) - 1), bool)
        limit = np.uint64(2**self._place_bits)
        for start in range(0, len(same), _AT_ONCE):
            some = same[start : start + _AT_ONCE]
            differ = self._buffer("keys")[: len(some)]
            np.bitwise_xor(words[start + 1 : start + 1 + len(some)], words[start : start + len(some)], out=differ)
            np.less(differ, limit, out=some)
        return same

    def _wanted(self, table: tuple[int, int], alike: Alike | None, most: int | None) -> Pairs:
        """The pairs that this table finds and none before it."""
        number, part = table
        words = self._sorted(self._masks[number], part)
        same = self._same(words)
        found, count, start = [(np.zeros(0, np.int64),) * 2], 0, 0
        while start < len(same) and (most is None or count <= most):
            stop = _end_of_run(same, start + _AT_ONCE)
            for later, earlier in self._near(words[start : stop + 1], same[start:stop], number):
                wanted = np.ones(len(later), bool) if alike is None else alike(later, earlier)
                found.append((later[wanted], earlier[wanted]))
                count += int(np.count_nonzero(wanted))
            start = stop
        return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])

    def _near(self, words: Hashes, same: NDArray[np.bool_], number: int) -> Iterator[Pairs]:
        """Pairs of some runs that are near, of different parts, and equal under no mask before this one."""
        places = np.flatnonzero(np.append(same, False) | np.append(False, same))  # of those in runs of two or more
        goes_on = np.append(same, False)[places]
        of_all = (words[places] & np.uint64(2**self._place_bits - 1)).astype(np.int64) + self.start
        hashes = self.hashes[of_all]
        first, apart = np.flatnonzero(goes_on), 1
        while len(first):
            for start in range(0, len(first), _AT_ONCE):
                some = first[start : start + _AT_ONCE]
                differ = hashes[some + apart] ^ hashes[some]
                close = np.flatnonzero(np.bitwise_count(differ) <= self.near)
                later, earlier = of_all[some[close] + apart], of_all[some[close]]
                new = self._new(differ[close], number)
                if len(self.parts):
                    new &= np.searchsorted(self.parts, later, "right") != np.searchsorted(self.parts, earlier, "right")
                if new.any():
                    yield later[new], earlier[new]
            first = first[first + apart < len(goes_on)]
            first = first[goes_on[first + apart]]
            apart += 1

    def _new(self, differ: Hashes, number: int) -> NDArray[np.bool_]:
        """(K,): whether no mask before this one leaves out all bits in which the two of a pair differ."""
        table = _leaving_out(self.near)[:, :, : number // BITS + 1]
        left_out = table[0][(differ & np.uint64(255)).astype(np.intp)]
        for byte in range(1, BITS // 8):
            left_out &= table[byte][(differ >> np.uint64(8 * byte) & np.uint64(255)).astype(np.intp)]
        left_out[:, -1] &= np.uint64(2 ** (number % BITS) - 1)
        new: NDArray[np.bool_] = ~left_out.any(1)
        return new

    @property
    def _arange(self) -> Hashes:
        if not hasattr(self._own, "arange"):
            self._own.arange = np.arange(_AT_ONCE, dtype=np.uint64)
        return self._own.arange  # type: ignore[no-any-return]

    def _buffer(self, name: str) -> Hashes:
        """An array of this thread, which is used again and again: what is new has to be fetched from the system."""
        if not hasattr(self._own, name):
            most = _AT_ONCE if name != "words" else _SORTED_AT_ONCE + (_SORTED_AT_ONCE // 4) * (self._slices > 1)
            setattr(self._own, name, np.empty(min(self.stop - self.start, most), np.uint64))
        return cast(Hashes, getattr(self._own, name))

    def _larger(self, words: Hashes, length: int) -> Hashes:
        larger = np.empty(length + length // 4, np.uint64)
        larger[: len(words)] = words
        self._own.words = larger
        return larger


def _end_of_run(same: NDArray[np.bool_], stop: int) -> int:
    """Where the run of equal words that reaches `stop` ends."""
    while stop < len(same) and same[stop - 1]:
        ends = np.flatnonzero(~same[stop : stop + _AT_ONCE])
        stop = stop + int(ends[0]) + 1 if len(ends) else stop + _AT_ONCE
    return min(stop, len(same))


@cache
def masks(near: int) -> Hashes:
    """(2^(near + 1) − 1,): under one of them at least, hashes that differ in `near` bits or fewer are equal."""
    if not 1 <= near <= MOST:
        raise ValueError(f"masks are for 1 to {MOST} bits, not {near}")
    words = np.zeros(1, np.uint64)
    for row in _generator()[: near + 1]:
        words = np.concatenate([words, words ^ row])
    return words[1:]


@cache
def _leaving_out(near: int) -> Hashes:
    """(8, 256, W): for each byte of a hash and each value of it a bit for each mask, set if the mask has none of it."""
    words = masks(near)
    words = np.append(words, np.full(-len(words) % BITS, 2**BITS - 1, np.uint64))
    values = np.arange(256, dtype=np.uint64)
    table = np.zeros((BITS // 8, 256, len(words) // BITS), np.uint64)
    for byte in range(BITS // 8):
        none = (words >> np.uint64(8 * byte)) & values[:, None] == 0
        table[byte] = np.packbits(none, axis=1, bitorder="little").view("<u8")
    return table


def _generator() -> Hashes:
    """(10,): rows of the extended BCH code [64, 10, 28], whose words are c + Tr(a·x) + Tr(b·x⁹), x all of GF(64)."""
    powers = [1]  # of a root of x⁶ + x + 1, which generates GF(64)
    for _ in range(62):
        doubled = powers[-1] << 1
        powers.append(doubled ^ 0b1000011 if doubled & 64 else doubled)

    def trace(power: int) -> int:
        total = 0
        for _ in range(6):
            total, power = total ^ powers[power % 63], power * 2 % 63
        return total

    rows = [2**BITS - 1]
    for exponent, factors in ((1, tuple(range(6))), (9, (1, 2, 5))):
        bits = [trace(factor + exponent * place) for factor in factors for place in range(63)]
        rows += [sum(bits[63 * row + place] << place for place in range(63)) for row in range(len(factors))]
    return np.array(rows, np.uint64)
