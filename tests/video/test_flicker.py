"""The measure of flicker, on cases whose answer is known."""

import clips
import numpy as np
import pytest
from flicker import change
from PIL import Image

from anime2real.face.geometry import Similarity


@pytest.fixture(scope="module")
def pictures() -> tuple[Image.Image, Image.Image, np.ndarray, np.ndarray]:
    """A face, the same 7 px to the right and 4 down, and its landmarks in both."""
    drawing, landmarks = clips.face()
    base = clips.background((400, 300))
    one, two = (clips.laid(base, drawing, Similarity(1 + 0j, complex(50 + x, 20 + y))) for x, y in ((0, 0), (7, 4)))
    return one, two, landmarks + np.array([50.0, 20.0]), landmarks + np.array([57.0, 24.0])


def test_identical_pictures_do_not_flicker(pictures: tuple[Image.Image, Image.Image, np.ndarray, np.ndarray]) -> None:
    one, _, here, _ = pictures
    assert change(one, one, here, here) == 0


def test_motion_is_no_flicker(pictures: tuple[Image.Image, Image.Image, np.ndarray, np.ndarray]) -> None:
    one, two, here, there = pictures
    assert change(one, two, here, there) < 0.01
    assert change(one, two, here, here) > 5  # unwarped


def test_a_face_that_turns_and_grows(pictures: tuple[Image.Image, Image.Image, np.ndarray, np.ndarray]) -> None:
    drawing, landmarks = clips.face()
    base = clips.background((400, 300))
    places = [Similarity(1 + 0j, 60 + 20j), Similarity(1.02 + 0.03j, 58 + 18j)]
    one, two = (clips.laid(base, drawing, place) for place in places)
    here, there = (place(landmarks) for place in places)
    assert change(one, two, here, there) < 0.15 * change(one, two, here, here)


def test_ten_levels_more_are_a_flicker_of_ten(
    pictures: tuple[Image.Image, Image.Image, np.ndarray, np.ndarray],
) -> None:
    one, two, here, there = pictures
    half = Image.fromarray(np.asarray(one) // 2)
    brighter = Image.fromarray(np.asarray(two) // 2 + 10)
    assert change(half, brighter, here, there) - change(one, two, here, there) == pytest.approx(10, abs=0.3)
