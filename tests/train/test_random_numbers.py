"""Every use of chance in a step has numbers of its own, spread evenly."""

import numpy as np
import torch

from anime2real.train.random_numbers import AUGMENTATION, COLUMNS, CROP, RandomNumbers, draw_numbers


def test_no_two_uses_share_a_column() -> None:
    numbers = RandomNumbers(torch.arange(float(COLUMNS)).expand(2, -1))
    uses = [numbers.anime_crop, numbers.real_crop, numbers.recolouring[:, None], numbers.pool_real, numbers.pool_anime]
    uses += [numbers.augmentation(0), *(numbers.style(variant) for variant in range(4))]
    uses += [numbers.anime_hardness, numbers.real_hardness, numbers.flatness]
    uses += [numbers.eye_recolouring[:, None], numbers.skin_recolouring[:, None], numbers.cut, numbers.strand]
    # The first variant of the augmentation leaves whole numbers nothing behind the point: they are counted apart.
    columns = [column for use in uses if use is not uses[5] for column in use[0].tolist()]
    assert len(columns) == len(set(columns)) == COLUMNS - AUGMENTATION
    assert numbers.anime_crop.shape == (2, CROP)


def test_the_augmentation_has_columns_of_its_own() -> None:
    values = torch.zeros(1, COLUMNS)
    changed = []
    for column in range(COLUMNS):
        values[0, column] = 0.5
        numbers = RandomNumbers(values)
        others = (numbers.anime_crop, numbers.real_crop, numbers.recolouring, numbers.pool_real, numbers.pool_anime)
        if numbers.augmentation(0).any():
            assert not any(use.any() for use in (*others, *(numbers.style(variant) for variant in range(4))))
            changed.append(column)
        values[0, column] = 0.0
    assert len(changed) == AUGMENTATION


def test_variants_of_the_augmentation_are_even_and_others() -> None:
    numbers = RandomNumbers.random(4096)
    first = numbers.augmentation(0)
    for variant in range(1, 8):
        again = numbers.augmentation(variant)
        assert again.shape == (4096, AUGMENTATION)
        assert float(again.min()) >= 0
        assert float(again.max()) < 1
        assert torch.histc(again, 10, 0, 1).min() > 0.9 * again.numel() / 10
        assert abs(float(torch.corrcoef(torch.stack([again[:, 0], first[:, 0]]))[0, 1])) < 0.2


def test_the_host_s_numbers_repeat() -> None:
    one, two = (draw_numbers(np.random.default_rng(3), 5) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.shape == (5, COLUMNS)
    assert one.dtype == np.float32
    assert ((one >= 0) & (one < 1)).all()
