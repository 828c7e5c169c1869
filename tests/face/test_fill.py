"""Beyond its picture a crop shows soft colours and nothing else; what the picture shows stays."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.fill import FADE
from anime2real.face.geometry import Similarity, align, around

SIDE = 96
TIGHT = around((70.0, 40.0), 150.0, 0.2)
"""A crop that reaches beyond a picture of 100 px on three sides."""


def stripes() -> Image.Image:
    """Lines and colours, 100 px a side."""
    rows, columns = np.indices((100, 100))
    return Image.fromarray(np.stack([columns // 4 % 2 * 255, rows // 4 % 2 * 255, 2 * rows], -1).astype(np.uint8))


def distances(to_unit: Similarity) -> NDArray[np.float64]:
    """How far each pixel of a crop of that picture lies beyond it, in shares of the crop's side."""
    rows, columns = (np.indices((SIDE, SIDE)) + 0.5) / SIDE
    x, y = np.moveaxis(to_unit.inverse(np.stack([columns, rows], -1)), -1, 0)
    outside: NDArray[np.float64] = np.max([-x, x - 100, -y, y - 100], 0) * to_unit.scale
    return outside


def roughness(crop: Image.Image) -> NDArray[np.int64]:
    """The largest step to the pixel on the right or below, in levels."""
    pixels = np.asarray(crop).astype(int)
    steps = np.zeros((SIDE, SIDE, 2), int)
    steps[:, :-1, 0] = np.abs(np.diff(pixels, axis=1)).max(-1)
    steps[:-1, :, 1] = np.abs(np.diff(pixels, axis=0)).max(-1)
    return steps.max(-1)


def test_what_the_picture_shows_stays_bit_for_bit() -> None:
    quiet, mirrored = (np.asarray(align(stripes(), TIGHT, SIDE, beyond=kind)) for kind in ("quiet", "mirror"))
    inside = distances(TIGHT) <= 0
    assert 0.2 < inside.mean() < 0.8
    assert np.array_equal(quiet[inside], mirrored[inside])


def test_beyond_it_there_are_no_lines() -> None:
    far = distances(TIGHT) > FADE + 1.5 / SIDE
    assert roughness(align(stripes(), TIGHT, SIDE, beyond="mirror"))[far].max() > 150
    assert roughness(align(stripes(), TIGHT, SIDE))[far].max() <= 25


def test_its_colours_are_those_nearby() -> None:
    picture = Image.new("RGB", (100, 100), (200, 30, 30))
    picture.paste((30, 30, 200), (0, 50, 100, 100))
    crop = np.asarray(align(picture, around((50.0, 50.0), 200.0), SIDE))
    assert crop[:20, 30:66, 0].min() > 150
    assert crop[-20:, 30:66, 2].min() > 150


def test_a_crop_inside_is_as_it_was() -> None:
    within = around((50.0, 50.0), 60.0, 0.3)
    assert align(stripes(), within, SIDE).tobytes() == align(stripes(), within, SIDE, beyond="mirror").tobytes()


@pytest.mark.parametrize("centre", [(-300.0, 50.0), (-50.0, -50.0)])
def test_a_crop_that_shows_nothing_of_its_picture_has_its_colours(centre: tuple[float, float]) -> None:
    crop = np.asarray(align(Image.new("RGB", (100, 100), (10, 200, 90)), around(centre, 90.0), SIDE))
    assert (crop == (10, 200, 90)).all()
