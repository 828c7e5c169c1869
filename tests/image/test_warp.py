"""Pictures resampled linearly are as Pillow makes them, to a level; crops are as near to the ideal as cubic ones."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from anime2real.face.geometry import align, around
from anime2real.image.warp import SHARPER, sharpened, warped

EXAMPLE = Path(__file__).parents[2] / "examples" / "kuro.png"
NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 4), np.uint8)
FOUR = np.asarray(Image.fromarray(NOISE, "RGBA").resize((60, 40), Image.Resampling.BICUBIC))


@settings(max_examples=30, deadline=None)
@given(st.floats(0.2, 3), st.floats(-3, 3), st.floats(-20, 40), st.floats(-20, 40))
def test_all_four_channels_are_as_pillow_has_them(scale: float, turn: float, x: float, y: float) -> None:
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    matrix, size = np.array([[a, -b, x], [b, a, y]]), (70, 300)
    how = Image.Transform.AFFINE, tuple(matrix.flatten()), Image.Resampling.BILINEAR
    made = warped(FOUR, matrix, size).astype(int)
    assert made.shape == (300, 70, 4)
    for channel in range(4):
        wanted = np.asarray(Image.fromarray(FOUR[..., channel]).transform(size, *how), int)
        inside = np.asarray(Image.new("L", (60, 40), 255).transform(size, *how)) > 0
        assert abs(made[..., channel] - wanted)[inside].max(initial=0) <= 3  # places are whole 256ths of a pixel


def test_what_is_at_an_edge_goes_on_beyond() -> None:
    made = warped(FOUR, np.array([[1.0, 0, -5], [0, 1.0, -7]]), (80, 60))
    np.testing.assert_array_equal(made[7:47, 5:65], FOUR)
    np.testing.assert_array_equal(made[:7, 5:65], np.broadcast_to(FOUR[:1], (7, 60, 4)))
    np.testing.assert_array_equal(made[7:47, 65:], np.broadcast_to(FOUR[:, -1:], (40, 15, 4)))


def test_pixels_are_sharpened_as_by_a_kernel() -> None:
    picture = np.ascontiguousarray(FOUR[..., :3])
    share = round(64 * SHARPER) / 64
    kernel = ImageFilter.Kernel((3, 3), (0, -share, 0, -share, 1 + 4 * share, -share, 0, -share, 0), scale=1)
    wanted = np.asarray(Image.fromarray(picture).filter(kernel), int)
    assert abs(sharpened(picture, SHARPER) - wanted).max() <= 1
    assert sharpened(picture, 0.0) is picture


@pytest.mark.parametrize("side", [300, 366, 450, 505])
def test_a_linear_crop_is_as_near_to_the_ideal_as_a_cubic_one(side: float) -> None:
    """Against the one made of a picture of twice the size, at four times the crop's."""
    with Image.open(EXAMPLE) as opened:
        fine = opened.convert("RGB").resize((1024, 1024), Image.Resampling.LANCZOS)
    picture = fine.resize((512, 512), Image.Resampling.LANCZOS)
    ideal = align(fine, around((512.6, 510.4), 2 * side, 0.08), 1024).resize((256, 256), Image.Resampling.LANCZOS)
    frame = around((256.3, 255.2), side, 0.08)

    def off(crop: Image.Image) -> float:
        middle: NDArray[np.float64] = (np.asarray(crop, float) - np.asarray(ideal, float))[8:-8, 8:-8]
        return float((middle**2).mean())

    assert off(align(picture, frame, 256, linear=True)) < 1.1 * off(align(picture, frame, 256))
