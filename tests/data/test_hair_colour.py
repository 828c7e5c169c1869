"""The colour of hair in drawn heads whose hair is known."""

import numpy as np
import pytest
from heads import BLUE_HAIR, PINK_HAIR, PX, SKIN, head
from PIL import Image

from anime2real.data.hair_colour import hair_colour
from anime2real.image.cielab import ciede2000, to_lab


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


def test_a_picture_of_one_colour_has_no_hair() -> None:
    _, landmarks = head(SKIN)
    assert hair_colour(Image.new("RGB", (PX, PX), SKIN), landmarks) is None
