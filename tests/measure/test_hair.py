"""Hair colour: CIELAB and CIEDE2000 against published values, and drawn heads whose hair is known."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from anime2real.face.geometry import TEMPLATE, Similarity
from anime2real.image.cielab import ciede2000, to_lab
from anime2real.measure.hair import hair_colour, hair_figures

SHARMA = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)
"""Sharma, Wu and Dalal, 2005, table 1: two colours and their difference."""

PX = 96
SKIN, BLUE_HAIR, PINK_HAIR = (240, 205, 180), (40, 60, 150), (235, 110, 160)
GREEN, GREY = (60, 140, 70), (120, 120, 120)


def head(
    hair: tuple[int, int, int],
    background: tuple[int, int, int] = GREEN,
    *,
    tilt_degrees: float = 0.0,
    width: float = 0.76,
) -> tuple[np.ndarray, np.ndarray]:
    """A face with hair of a width around it, turned clockwise about the middle; and its landmarks, px."""
    picture = Image.new("RGB", (PX, PX), background)
    draw = ImageDraw.Draw(picture)

    def oval(left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        draw.ellipse(tuple(PX * v for v in (left, top, right, bottom)), fill=colour)

    oval(0.5 - width / 2, 0.40 - width / 2, 0.5 + width / 2, 0.95, hair)
    oval(0.27, 0.20, 0.73, 0.86, SKIN)
    angle = np.radians(tilt_degrees)
    linear = complex(np.cos(angle), np.sin(angle))
    middle = complex(PX / 2, PX / 2)
    turned = picture.rotate(-tilt_degrees, resample=Image.Resampling.BICUBIC, fillcolor=background)
    return np.asarray(turned), Similarity(linear, middle - linear * middle)(TEMPLATE * PX)


def test_ciede2000_is_that_of_the_published_pairs() -> None:
    one, two, expected = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]
    np.testing.assert_allclose(ciede2000(one, two), expected, atol=5.1e-5)
    np.testing.assert_allclose(ciede2000(two, one), expected, atol=5.1e-5)
    assert not ciede2000(one, one).any()


def test_lab_is_that_of_published_colours() -> None:
    colours = [[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [119, 119, 119], [10, 10, 10]]
    expected = [
        [100, 0, 0],
        [0, 0, 0],
        [53.2408, 80.0925, 67.2032],
        [87.7347, -86.1827, 83.1793],
        [32.2970, 79.1875, -107.8602],
        [50.0344, 0, 0],
        [2.7418, 0, 0],  # below the knee of either curve
    ]  # Lindbloom's calculator, sRGB, D65
    np.testing.assert_allclose(to_lab(np.array(colours)), expected, atol=0.01)


@pytest.mark.parametrize("tilt_degrees", [0, 30])
@pytest.mark.parametrize("hair", [BLUE_HAIR, PINK_HAIR, (20, 18, 16), (225, 190, 90)])
def test_the_colour_of_drawn_hair_is_found(hair: tuple[int, int, int], tilt_degrees: float) -> None:
    picture, landmarks = head(hair, tilt_degrees=tilt_degrees)
    found = hair_colour(Image.fromarray(picture), landmarks)
    assert found is not None
    assert ciede2000(found, to_lab(np.array(hair))) < 0.5


def test_whose_hair_cannot_be_told_has_none() -> None:
    as_skin, landmarks = head(SKIN)
    assert hair_colour(Image.fromarray(as_skin), landmarks) is None
    picture, landmarks = head(BLUE_HAIR)
    cut = Image.fromarray(picture[PX // 3 :])
    assert hair_colour(cut, landmarks - [0, PX // 3]) is None  # the arch lies above the picture


def test_a_background_that_is_most_of_the_arch_is_not_taken_for_hair() -> None:
    picture, landmarks = head(BLUE_HAIR, width=0.60)  # 60 % of the arch shows the background
    assert hair_colour(Image.fromarray(picture), landmarks) is None
    picture, landmarks = head(BLUE_HAIR, width=0.66)
    found = hair_colour(Image.fromarray(picture), landmarks)
    assert found is not None
    assert ciede2000(found, to_lab(np.array(BLUE_HAIR))) < 0.5


def test_the_figure_sees_hair_and_not_the_background() -> None:
    picture, landmarks = head(BLUE_HAIR)
    dyed, _ = head(PINK_HAIR)
    elsewhere, _ = head(BLUE_HAIR, GREY)

    def figure(result: np.ndarray) -> float:
        return float(hair_figures(picture[None], result[None], landmarks[None])["hair_delta_e"])

    assert figure(picture) == 0
    assert figure(elsewhere) < 0.5
    expected = ciede2000(to_lab(np.array(BLUE_HAIR)), to_lab(np.array(PINK_HAIR)))
    assert expected > 30
    assert figure(dyed) == pytest.approx(float(expected), abs=0.5)


def test_pairs_that_cannot_be_told_are_left_out() -> None:
    (picture, landmarks), (bald, _), (dyed, _) = head(BLUE_HAIR), head(SKIN), head(PINK_HAIR)
    inputs = np.stack([picture, picture, bald, picture])
    results = np.stack([picture, bald, picture, dyed])
    figures = hair_figures(inputs, results, np.stack([landmarks] * 4))
    alone = hair_figures(inputs[3:], results[3:], landmarks[None])
    assert figures["hair_measured"] == 2
    assert figures["hair_delta_e"] == pytest.approx(alone["hair_delta_e"] / 2, abs=1e-3)
    low, high = figures["hair_delta_e_interval"]
    assert low <= figures["hair_delta_e"] <= high
    assert hair_figures(inputs[1:3], results[1:3], np.stack([landmarks] * 2)) == {
        "hair_delta_e": None,
        "hair_delta_e_interval": None,
        "hair_measured": 0,
    }
