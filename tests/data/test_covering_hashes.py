"""A covering code finds every near pair once, whatever the number of threads and the memory it gets."""

from typing import Any

import numpy as np
import pytest
from data.test_duplicates import brute_force, with_copies
from numpy.typing import NDArray

from anime2real.data import covering_hashes, duplicates, near_hashes
from anime2real.data.covering_hashes import MOST, Covering, masks
from anime2real.data.duplicates import distinct


@pytest.mark.parametrize("near", range(1, MOST + 1))
def test_whatever_bits_differ_a_mask_leaves_them_out(near: int) -> None:
    words, random = masks(near), np.random.default_rng(near)
    assert len(np.unique(words)) == 2 ** (near + 1) - 1
    assert np.bitwise_count(words).min() >= 28
    places = random.random((2000, 64)).argsort(1)[:, :near].astype(np.uint64)
    differ = np.bitwise_or.reduce(np.uint64(1) << places, axis=1)
    assert (differ[:, None] & words == 0).any(1).all()


def test_there_are_no_masks_for_more_bits() -> None:
    with pytest.raises(ValueError, match="1 to 9 bits, not 10"):
        masks(10)


@pytest.mark.parametrize("near", [1, 4, 8])
@pytest.mark.parametrize("threads", [1, 3])
def test_every_pair_comes_once(near: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of hashes of which some are gone, a part of them, in tables of several slices and blocks."""
    monkeypatch.setattr(covering_hashes, "_LEAST_A_THREAD", 1)
    monkeypatch.setattr(covering_hashes, "_SORTED_AT_ONCE", 2**9)
    monkeypatch.setattr(covering_hashes, "_AT_ONCE", 300)
    hashes = with_copies(2000, near, near + 3)
    hashes[100:140] = hashes[5]
    stays, borders = np.random.default_rng(1).random(2000) < 0.8, [60, 120, 700]
    close = np.argwhere(np.bitwise_count(hashes[:, None] ^ hashes[None]) <= near)
    close = close[(close[:, 0] > close[:, 1]) & stays[close].all(1) & (close >= 50).all(1) & (close < 1900).all(1)]
    for parts in ((), borders):
        part = np.searchsorted(parts, close, "right")
        expected = close[part[:, 0] != part[:, 1]] if parts else close
        covering = Covering(hashes, stays, 50, 1900, near, parts)
        found = np.concatenate([np.stack(pair, 1) for pair in covering.pairs(None, threads)])
        assert len(expected) > 100
        assert np.array_equal(found[np.lexsort(found.T[::-1])], expected)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_distinct_finds_what_brute_force_finds(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_FEWEST_COVERED", 1000)
    monkeypatch.setattr(covering_hashes, "_LEAST_A_THREAD", 1)
    monkeypatch.setattr(duplicates, "near_pairs", None)  # by halves
    hashes = with_copies(3000, 8, 9)

    def alike(places: NDArray[np.int64], earlier: NDArray[np.int64]) -> NDArray[np.bool_]:
        return (places + earlier) % 3 > 0

    for says in (None, alike):
        assert np.array_equal(distinct(hashes, 8, says, threads=threads), brute_force(hashes, 8, says))


@pytest.mark.parametrize("threads", [1, 2])
def test_where_most_are_copies_they_are_searched_by_halves(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So pairs need no more memory than pictures."""
    monkeypatch.setattr(duplicates, "_FEWEST_COVERED", 1000)
    monkeypatch.setattr(covering_hashes, "_LEAST_A_THREAD", 1)
    hashes = with_copies(3000, 8, 9)
    hashes[::60] = hashes[7]
    expected = distinct(hashes, 8, threads=threads)
    monkeypatch.setattr(duplicates, "_COPIES", 0)
    joins = []

    def join(*of: Any) -> Any:
        joins.append(of)
        return near_hashes.near_pairs(*of)

    monkeypatch.setattr(duplicates, "near_pairs", join)
    assert np.array_equal(distinct(hashes, 8, threads=threads), expected)
    assert joins
    assert np.array_equal(expected, brute_force(hashes, 8))


def test_hashes_that_are_much_alike_are_searched_by_halves() -> None:
    random = np.random.default_rng(0)
    few_bits = random.integers(0, 2**4, 3000, np.uint64)
    many_bits = random.integers(0, 2**64, 3000, np.uint64)
    some = [Covering(hashes, np.ones(3000, bool), 0, 3000, 8).candidates() for hashes in (few_bits, many_bits)]
    assert some[0] > duplicates._CANDIDATES > 1000 * some[1]
