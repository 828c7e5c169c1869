"""Pictures in tiles are enlarged as whole ones are."""

import enlargers
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensors import DEVICE

from anime2real.train.networks.esrgan import with_weights
from anime2real.train.tiles import Enlarger, windows


@given(st.integers(1, 400), st.integers(9, 80), st.integers(0, 4))
def test_what_tiles_give_fills_a_side_and_stays_off_their_edges(length: int, tile: int, margin: int) -> None:
    found = windows(length, tile, margin)
    assert [row for _, begin, end in found for row in range(begin, end)] == list(range(length))
    for start, begin, end in found:
        stop = start + min(tile, length)
        assert 0 <= start <= begin < end <= stop <= length
        assert begin == 0 or begin - start >= margin
        assert end == length or stop - end >= margin


def test_pixels_and_colours_keep_their_places() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 7, 5, 3), np.uint8)
    enlarger = Enlarger(with_weights(enlargers.repeating_convolutions(), "model"), torch.device("cpu"))
    np.testing.assert_array_equal(enlarger(pictures), pictures.repeat(4, 1).repeat(4, 2))


def test_tiles_that_overlap_give_what_the_whole_gives() -> None:
    """The little network sees 21 px around each at most."""
    network = with_weights(enlargers.random_convolutions(), "model")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 100, 75, 3), np.uint8)
    whole = Enlarger(network, DEVICE)(pictures).astype(int)
    assert whole.std() > 10
    assert np.abs(Enlarger(network, DEVICE, tile=50, margin=21)(pictures) - whole).max() <= 1
    assert np.abs(Enlarger(network, DEVICE, tile=50, margin=0)(pictures) - whole).max() > 1


@pytest.mark.parametrize(("size", "pictures"), [((96, 96), 4), ((192, 192), 1), ((1000, 10), 3), ((2000, 3000), 1)])
def test_as_many_at_once_as_fill_a_tile(size: tuple[int, int], pictures: int) -> None:
    enlarger = Enlarger(with_weights(enlargers.random_convolutions(), "model"), torch.device("cpu"))
    assert enlarger.batch_size(*size) == pictures
