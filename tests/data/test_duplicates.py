"""Near-duplicates are found as by comparing each with each, in a time that does not grow with their square."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anime2real.data import duplicates, near_hashes
from anime2real.data.duplicates import distinct, perceptual_hash, thumbnail, thumbnails_alike
from anime2real.data.near_hashes import Alike


def brute_force(hashes: NDArray[np.uint64], near: int, alike: Alike | None = None) -> NDArray[np.bool_]:
    """As `distinct`, picture after picture."""
    stays = np.ones(len(hashes), bool)
    for place, value in enumerate(hashes):
        close = np.flatnonzero(stays[:place] & (np.bitwise_count(hashes[:place] ^ value) <= near))
        same = np.ones(len(close), bool) if alike is None else alike(np.full(len(close), place), close)
        stays[place] = not same.any()
    return stays


def with_copies(count: int, seed: int, bits: int) -> NDArray[np.uint64]:
    """Half are random, half are others with up to so many bits flipped: chains of copies of copies among them."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, count, np.uint64)
    for place in random.permutation(np.arange(1, count))[: count // 2]:
        flips = random.choice(64, random.integers(0, bits + 1), replace=False).astype(np.uint64)
        hashes[place] = hashes[random.integers(place)] ^ np.bitwise_or.reduce(
            np.uint64(1) << flips, initial=np.uint64(0)
        )
    return hashes


@pytest.mark.parametrize(("near", "count"), [(1, 3000), (4, 3000), (8, 3000), (8, 1), (20, 1500), (64, 1100)])
def test_distinct_finds_what_brute_force_finds(near: int, count: int) -> None:
    hashes = with_copies(count, near, 9)
    expected = brute_force(hashes, near)
    assert count == 1 or 0 < expected.sum() < count
    assert np.array_equal(distinct(hashes, near), expected)
    assert distinct(hashes, 0).all()


def test_who_is_no_copy_stays_and_copies_of_those_that_went_are_compared_with_those_that_stay() -> None:
    hashes = with_copies(2500, 7, 9)

    def alike(places: NDArray[np.int64], earlier: NDArray[np.int64]) -> NDArray[np.bool_]:
        assert (earlier < places).all()
        return (places + earlier) % 3 > 0

    expected = brute_force(hashes, 8, alike)
    assert distinct(hashes, 8).sum() < expected.sum() < len(hashes)
    assert np.array_equal(distinct(hashes, 8, alike), expected)


@pytest.mark.parametrize("near", [1, 4, 8, 11])
def test_bands_find_every_pair_once(near: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though each set of bands finds many pairs twice, and candidates come in parts."""
    monkeypatch.setattr(near_hashes, "_PAIRS_AT_ONCE", 5000)
    monkeypatch.setattr(near_hashes, "_COMPARE_ALL", 1e9)  # never quicker
    hashes = near_hashes.scattered(with_copies(3000, near, near + 3))
    left, right = hashes[:1400], hashes[1400:]
    found = [
        pair
        for of_right, of_left in near_hashes.near_pairs(left, right, near, np.ones(1600, bool))
        for pair in zip(of_right.tolist(), of_left.tolist(), strict=True)
    ]
    expected = np.argwhere(np.bitwise_count(right[:, None] ^ left[None]) <= near)
    assert len(expected) > 100
    assert sorted(found) == [tuple(pair) for pair in expected.tolist()]


def test_the_time_does_not_square_and_copies_of_one_picture_cost_no_more() -> None:
    random = np.random.default_rng(3)

    def seconds(hashes: NDArray[np.uint64]) -> float:
        start = time.process_time()
        distinct(hashes, 4)
        return time.process_time() - start

    few, many = (seconds(random.integers(0, 2**64, count, np.uint64)) for count in (4000, 32000))
    assert many < 40 * few  # 64 times as many pairs
    assert seconds(np.full(100_000, 5, np.uint64)) < max(many, 1.0)  # of which 5·10⁹ pairs are near


def test_the_hash_is_of_signs_of_a_cosine_transform() -> None:
    fft = pytest.importorskip("scipy.fft")
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 256, (9, 9, 3), np.uint8)).resize((64, 64))
    waves = fft.dctn(np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.float64)) / 4
    lowest = sorted((v / 8 + u / 9, v, u) for v in range(8) for u in range(9) if v or u)[:64]
    bits = [waves[v, u] > duplicates._FLAT for _, v, u in lowest]
    assert 20 < sum(bits) < 44
    assert perceptual_hash(picture) == int("".join("01"[int(bit)] for bit in bits), 2)


def test_smooth_pictures_have_the_hash_of_their_copies() -> None:
    """Most waves of theirs are of rounding alone."""
    random, (ys, xs) = np.random.default_rng(0), np.mgrid[:64, :64] / 64
    pictures = [np.sin(a * xs + b * ys + c) * 60 + 120 for a, b, c in random.normal(0, 2, (20, 3))] + [ys * 0 + 127]
    for grey in pictures:
        image = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
        noisy = Image.fromarray((grey * 0.9 + 9 + random.normal(0, 1, grey.shape)).astype(np.uint8)).convert("RGB")
        for copy in (noisy, image.resize((40, 40))):
            assert (perceptual_hash(image) ^ perceptual_hash(copy)).bit_count() <= 4


def test_lined_up_faces_with_near_hashes_stay_two() -> None:
    """A hash sees where it gets darker, and that is the same in all faces that are lined up."""
    ys, xs = np.mgrid[:64, :64] / 64
    shading = (np.sin(3 * xs + 2 * ys) * 60 + 120)[:, :, None]
    one = (shading * [1.2, 0.6, 0.4]).clip(0, 255).astype(np.uint8)
    two = (shading * [0.4, 0.7, 1.3]).clip(0, 255).astype(np.uint8)
    copy = np.asarray(Image.fromarray(one).resize((48, 48)).resize((64, 64)))
    hashes = np.array([perceptual_hash(Image.fromarray(p)) for p in (one, two, copy)], np.uint64)
    assert int(np.bitwise_count(hashes[0] ^ hashes[1])) <= 8
    small = np.stack([thumbnail(picture) for picture in (one, two, copy)])
    assert small.shape == (3, duplicates.FEATURES)
    assert distinct(hashes, 8, thumbnails_alike(small)).tolist() == [True, True, False]


def test_what_rules_pairs_out_early_rules_out_none_that_are_alike() -> None:
    """Pairs about the limit, of thumbnails that are coarse, fine, or both."""
    random = np.random.default_rng(5)
    coarse = np.kron(random.normal(size=(400, 4, 4, 3)), np.ones((1, 4, 4, 1)))
    fine = random.normal(size=(400, 16, 16, 3))
    share = np.repeat(np.linspace(0, 1, 8), 50)[:, None, None, None]
    first = share * coarse + (1 - share) * fine
    noise = random.permutation(coarse) * share + random.permutation(fine) * (1 - share)
    both = np.concatenate([first, first + 0.33 * noise]).reshape(800, -1)
    both -= both.mean(1, keepdims=True)
    both = (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)
    one, other = np.arange(400), np.arange(400, 800)
    expected = (both[one].astype(np.float64) * both[other]).sum(1) >= duplicates.LIKENESS
    assert 50 < expected.sum() < 350
    assert np.array_equal(thumbnails_alike(both)(one, other), expected)
