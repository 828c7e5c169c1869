"""Distances against sums worked out by hand and against scipy."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from anime2real.measure.distances import fid, interval, kid, ratio_interval, squared_mmd


def vectors(count: int, dimensions: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, dimensions))


def test_the_kernel_distance_is_the_sum_written_out() -> None:
    one, two = vectors(4, 3, 0), vectors(5, 3, 1)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    expected = sum(kernel(one[i], one[j]) for i in range(4) for j in range(4) if i != j) / 12
    expected += sum(kernel(two[i], two[j]) for i in range(5) for j in range(5) if i != j) / 20
    expected -= 2 * sum(kernel(a, b) for a in one for b in two) / 20
    assert squared_mmd(one, two) == pytest.approx(expected)


def test_two_samples_of_one_distribution_are_near_zero_and_others_are_not() -> None:
    same = [squared_mmd(vectors(60, 8, 2 * i), vectors(60, 8, 2 * i + 1)) for i in range(40)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(40)  # unbiased
    far = kid(vectors(60, 8, 0), vectors(80, 8, 1, shift=0.7), subsets=10, size=50)
    assert far.mean > 10 * np.std(same)
    assert far.std > 0
    again = kid(vectors(60, 8, 0), vectors(80, 8, 1, shift=0.7), subsets=10, size=50)
    assert again == far


def test_the_frechet_distance_of_lines_is_the_closed_form() -> None:
    one, two = vectors(200, 1, 0) * 2 + 1, vectors(300, 1, 1) * 5 - 3
    expected = (one.mean() - two.mean()) ** 2 + (one.std(ddof=1) - two.std(ddof=1)) ** 2
    assert fid(one, two) == pytest.approx(expected)


def test_the_frechet_distance_is_that_of_the_matrix_square_root() -> None:
    random = np.random.default_rng(0)
    one, two = vectors(50, 6, 2) @ random.normal(size=(6, 6)), vectors(70, 6, 3) @ random.normal(size=(6, 6)) + 1
    first, second = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    means = one.mean(0) - two.mean(0)
    expected = means @ means + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert fid(one, two) == pytest.approx(expected, rel=1e-6)
    assert fid(one, one) == pytest.approx(0, abs=1e-8)
    few = vectors(4, 6, 5)  # a singular covariance
    assert np.isfinite(fid(few, two))


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        values = np.random.default_rng(seed).exponential(1.0, 60)
        low, high = interval(values, draws=300, seed=seed)
        hits += low <= 1.0 <= high
    assert 175 <= hits <= 198
    with pytest.raises(ValueError, match="no values"):
        interval(np.zeros(0))


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        above, below = random.gamma(4.0, 0.5, 60), random.gamma(4.0, 1.0, 50)  # of means 2 and 4
        low, high = ratio_interval(above, below, draws=300, seed=seed)
        hits += low <= 0.5 <= high
    assert 175 <= hits <= 198
    assert ratio_interval(np.full(3, 6.0), np.full(9, 3.0)) == (2, 2)
    for above, below in ((np.ones(0), np.ones(2)), (np.ones(2), np.ones(0)), (np.ones(2), np.array([1.0, 0.0]))):
        with pytest.raises(ValueError, match="positive ones below"):
            ratio_interval(above, below)


def test_too_few_vectors_or_others_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        kid(vectors(1, 3, 0), vectors(5, 3, 0))
    with pytest.raises(ValueError, match="one length"):
        fid(vectors(5, 3, 0), vectors(5, 4, 0))
