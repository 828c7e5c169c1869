"""Copies among pictures of several packs, each of which holds none: what was prepared in parts, found as in one piece.

As in `prepare`, pictures to test with stay before those to train on, else those of the earlier pack; in memory are a
byte for each picture and one piece of the search, however many packs there are.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, repeat
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.data.duplicates import NEAR, distinct, thumbnails_alike
from anime2real.data.fingerprints import fingerprints, runs_of, write_fingerprints
from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS, Domain
from anime2real.progress import Progress

_SORTED_AT_ONCE: Final = 2**23
"""Sums that are sorted in memory, about, by all threads together."""

_READ_AT_ONCE: Final = 2**20


@dataclass(frozen=True)
class Copies:
    """What of some packs is a copy.

    Attributes:
        stays: of each pack (P,), which of its pictures are none.
        dropped: how many are, by kind.
    """

    stays: list[NDArray[np.bool_]]
    dropped: dict[str, int]


def find_copies(packs: Sequence[Pack], folder: Path, progress: Progress) -> Copies:
    """Find the copies among packs of one size and crop, prepared with the same `near`.

    Args:
        folder: for what is known of the pictures, some 3.2 kB each; the same call goes on with it.

    Raises:
        PackError: a picture is not what was written.
        OSError: the folder cannot be written to.
    """
    total, done, counts = sum(len(pack.index) for pack in packs), 0, {}
    for domain in DOMAINS:
        counts[domain] = write_fingerprints(packs, domain, folder, progress, done, total)
        done += counts[domain]
    progress("comparing pictures", 0)
    copies = Copies([np.ones(len(pack.index), bool) for pack in packs], {"exact duplicate": 0, "near duplicate": 0})
    for domain in DOMAINS:
        _find(packs, domain, folder, counts[domain], copies)
    return copies


def _find(packs: Sequence[Pack], domain: Domain, folder: Path, count: int, copies: Copies) -> None:
    """Note the copies of a domain."""
    known = fingerprints(folder, domain, count)
    parts = list(accumulate(len(rows) for _, _, rows in runs_of(packs, domain)))
    unique = first_of_each(known["sum"])
    alike = thumbnails_alike(known["thumbnail"], known["coarse"])
    near = packs[0].meta.get("near", NEAR)
    stays = distinct(known["hash"], near, alike, staying=unique, parts=sorted(set(parts) - {0, count}))
    copies.dropped["exact duplicate"] += int(np.count_nonzero(~unique))
    copies.dropped["near duplicate"] += int(np.count_nonzero(unique) - np.count_nonzero(stays))
    for (number, _, rows), end in zip(runs_of(packs, domain), parts, strict=True):
        copies.stays[number][rows] = stays[end - len(rows) : end]


def first_of_each(sums: NDArray[np.uint64], threads: int | None = None) -> NDArray[np.bool_]:
    """Which of some sums (N, 4) equal no earlier one: (N,) of bool. Sums of 0 equal none.

    They are sorted in parts, as memory wants it; a sum's remainder says which it belongs to.

    Args:
        threads: that sort; as many as there are cores if not given.
    """
    first = np.ones(len(sums), bool)
    threads = threads or os.cpu_count() or 1
    parts = -(-len(sums) // max(1, _SORTED_AT_ONCE // threads))
    with ThreadPoolExecutor(threads) as pool:
        for equal in pool.map(_equal_to_earlier, repeat(sums), range(parts), repeat(parts)):
            first[equal] = False
    return first


def _equal_to_earlier(sums: NDArray[np.uint64], part: int, parts: int) -> NDArray[np.int64]:
    """Places of those sums of a part that equal an earlier one."""
    places = np.concatenate([
        start + np.flatnonzero(sums[start : start + _READ_AT_ONCE, 0] % np.uint64(parts) == part)
        for start in range(0, len(sums), _READ_AT_ONCE)
    ])  # fmt: skip
    some = sums[places]
    order = np.argsort(some[:, 0], kind="stable")  # of equal ones the first place comes first
    same = some[order[1:], 0] == some[order[:-1], 0]
    if not (some[order[1:][same]] == some[order[:-1][same]]).all():
        order = np.lexsort(some.T)  # stable, too
    same = (some[order[1:]] == some[order[:-1]]).all(1) & some[order[1:]].any(1)
    equal: NDArray[np.int64] = places[order[1:][same]]
    return equal
