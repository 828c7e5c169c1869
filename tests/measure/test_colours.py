"""Eyes and skin painted in known colours are found in these, wherever the face lies; what is hidden is not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from painted import BLUE, HAIR, POINTS, RED, SIDE, SKIN, face

from anime2real.face.geometry import SWAPPED
from anime2real.face.irises import eye_colour
from anime2real.face.skin import skin_tone
from anime2real.image.cielab import to_lab
from anime2real.measure import colours
from anime2real.measure.colours import colour_pairs


def lab(*rgb: int) -> NDArray[np.float64]:
    return to_lab(np.array(rgb))


@pytest.mark.parametrize("gaze", [0.0, 2.0, -2.0])
@pytest.mark.parametrize("iris", [BLUE, RED])
def test_irises_and_skin_have_the_colours_that_were_painted(iris: tuple[int, ...], gaze: float) -> None:
    picture, points = face(iris=iris, gaze=gaze), POINTS
    assert np.linalg.norm(skin_tone(picture, points) - lab(*SKIN)) < 0.5
    found = eye_colour(picture, points, "real")
    assert found is not None
    assert np.linalg.norm((found - lab(*iris))[1:]) < 8
    assert abs(found[0] - lab(*iris)[0]) < 10


def test_a_mirrored_face_has_the_same_colours() -> None:
    picture, points = face(gaze=2.0), POINTS
    mirrored = points[list(SWAPPED)] * [-1, 1] + [SIDE, 0]
    for domain in ("anime", "real"):
        here, there = eye_colour(picture, points, domain), eye_colour(picture[:, ::-1], mirrored, domain)
        assert here is not None
        assert there is not None
        np.testing.assert_allclose(here, there, atol=0.2)


def test_a_fringe_hides_an_eye_and_a_cheek_in_the_dark_does_not_change_the_skin() -> None:
    picture, points = face().copy(), POINTS
    picture[:, 72:] = SKIN
    picture[66:, 72:] = HAIR
    assert np.linalg.norm(skin_tone(picture, points) - lab(*SKIN)) < 1
    open_eye = eye_colour(picture, points, "real")
    assert np.linalg.norm((open_eye - lab(*BLUE))[1:]) < 8
    assert eye_colour(np.full_like(picture, SKIN), points, "real") is None


def test_a_face_in_profile_is_left_out() -> None:
    points = POINTS.copy()
    points[1, 0] = points[0, 0] + 15
    assert skin_tone(face(), points) is None
    assert eye_colour(face(), points, "real") is None


def test_pairs_of_colours_are_those_of_input_and_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colours, "located", lambda _, points: points)
    inputs = np.stack([face(iris=BLUE), face(iris=RED), np.full_like(face(), SKIN)])
    eyes, skins = colour_pairs(inputs, inputs[[1, 0, 0]], np.stack([POINTS] * 3), "real")
    assert eyes.shape == skins.shape == (3, 2, 3)
    assert np.linalg.norm((eyes[0, 0] - lab(*BLUE))[1:]) < 12  # a drawn iris is looked for in a larger place
    assert np.linalg.norm((eyes[0, 1] - lab(*RED))[1:]) < 8
    assert np.isnan(eyes[2]).all()
    np.testing.assert_allclose(skins, np.broadcast_to(lab(*SKIN), skins.shape), atol=0.5)
