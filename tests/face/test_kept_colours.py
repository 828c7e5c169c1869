"""People keep a drawing's eyes, drawings a photograph's skin; nothing else of a result changes, nor what is no face."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from painted import BLUE, DARK, RED, SKIN, face
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.finder import located
from anime2real.face.geometry import TEMPLATE, align
from anime2real.face.irises import RADIUS, eye_colour
from anime2real.face.skin import NEAR, skin_tone
from anime2real.image.cielab import ciede2000
from anime2real.network import keep_colours
from anime2real.translator import find_faces

ROOT: Final = Path(__file__).parents[2]
SIDE: Final = 256
POINTS: Final = TEMPLATE * SIDE


def crop(path: Path) -> NDArray[np.uint8]:
    """The face of a picture, as a network sees it."""
    with Image.open(path) as picture:
        image = picture.convert("RGB")
    return np.asarray(align(image, find_faces(image)[0].crop, SIDE))


PERSON: Final = crop(ROOT / "docs" / "pictures" / "astronaut.jpg")
DRAWING: Final = crop(ROOT / "examples" / "kuro.png")


def painted(skin: tuple[int, ...] = SKIN, iris: tuple[int, ...] = BLUE) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(face(skin, iris)).resize((SIDE, SIDE)))


def kept(source: NDArray[np.uint8], result: NDArray[np.uint8], to: Domain) -> NDArray[np.uint8]:
    return keep_colours(source[None], result[None], TEMPLATE[None], to)[0]


def found(result: NDArray[np.uint8]) -> NDArray[np.float64]:
    points = located(result, POINTS)
    assert points is not None
    return points


@pytest.mark.parametrize("colour", [BLUE, RED])
def test_irises_become_those_of_the_drawing_and_nothing_else_changes(colour: tuple[int, ...]) -> None:
    drawing, points = painted(iris=colour), found(PERSON)
    result = kept(drawing, PERSON, "real")
    wanted, before, after = (
        eye_colour(drawing, POINTS, "anime"),
        eye_colour(PERSON, points, "real"),
        eye_colour(result, points, "real"),
    )
    assert wanted is not None
    assert before is not None
    assert after is not None
    assert ciede2000(after, wanted) < 0.5 * ciede2000(before, wanted)
    rows, columns = np.nonzero((result != PERSON).any(-1))
    apart = np.hypot(*(points[1] - points[0]))
    nearest = np.min([np.hypot(columns + 0.5 - x, rows + 0.5 - y) for x, y in points[:2]], 0)
    assert len(rows) > 50
    assert nearest.max() < (RADIUS + 0.08) * apart + 1


def test_pupils_stay_dark_and_highlights_white() -> None:
    points = found(PERSON)
    result = kept(painted(iris=BLUE), PERSON, "real")
    for x, y in points[:2].astype(int):
        before, after = (picture[y - 8 : y + 8, x - 8 : x + 8].max(-1).astype(int) for picture in (PERSON, result))
        assert abs(after.max() - before.max()) < 12
        assert abs(after.min() - before.min()) < 30


@pytest.mark.parametrize("tone", [DARK, SKIN])
def test_drawn_skin_becomes_near_that_of_the_photograph(tone: tuple[int, ...]) -> None:
    photograph = painted(skin=tone)
    result = kept(photograph, DRAWING, "anime")
    wanted, before, after = (
        skin_tone(photograph, POINTS),
        skin_tone(DRAWING, found(DRAWING)),
        skin_tone(result, found(DRAWING)),
    )
    assert wanted is not None
    assert before is not None
    assert after is not None
    assert ciede2000(after, wanted) < max(NEAR + 1, ciede2000(before, wanted))
    if tone == DARK:
        assert ciede2000(before, wanted) > 3 * NEAR
        corners = np.concatenate([(result != DRAWING)[:16, :16], (result != DRAWING)[:16, -16:]])
        assert not corners.any()
        dark = DRAWING.max(-1) < 30  # lines and black hair
        assert dark.sum() > 200
        assert (result[dark].astype(int) - DRAWING[dark]).max() <= 1


def test_pale_skin_around_drawn_eyes_darkens_with_the_face_and_their_white_stays_white() -> None:
    points = found(DRAWING)
    rows, columns = np.indices((SIDE, SIDE)) + 0.5
    away = np.min([np.hypot(columns - x, rows - y) for x, y in points[:2]], 0) / np.hypot(*(points[1] - points[0]))
    own = np.median(DRAWING[140:150, 118:138], (0, 1))
    skin, white = np.abs(DRAWING - own).max(-1) < 12, (away < 0.25) & (DRAWING.min(-1) > 240)
    pale, around = DRAWING.copy(), skin & (away < 0.34)
    pale[around] = 255 - (255 - pale[around].astype(int)) // 2
    result = kept(painted(skin=DARK), pale, "anime").astype(int)
    ring, elsewhere = (np.median(result[at], 0) for at in (skin & (away > 0.24) & (away < 0.3), skin & (away > 0.5)))
    assert np.abs(ring - elsewhere).max() < 35  # a halo is twice as far from it
    assert np.median(result[white].min(-1)) > 180
    assert np.median(np.ptp(result[white], -1)) < 30


@pytest.mark.parametrize("to", ["real", "anime"])
def test_where_a_colour_is_not_found_nothing_changes(to: Domain) -> None:
    result = PERSON if to == "real" else DRAWING
    grey = np.full_like(result, 128)
    assert np.array_equal(kept(grey, result, to), result)  # an input without irises, of a grey picture's skin
    assert np.array_equal(kept(painted(), grey, to), grey)  # a result that is no face


@pytest.mark.parametrize("seen", ["dark", "grey", "red light", "cloth"])
def test_a_tone_that_need_not_be_skin_s_is_not_given(seen: str) -> None:
    photograph = painted(skin=DARK).astype(int)
    levels = {
        "dark": photograph // 4,
        "grey": np.repeat(photograph.mean(-1, keepdims=True), 3, -1),
        "red light": photograph * (1.9, 0.3, 0.3),
        "cloth": np.asarray(painted(skin=(150, 170, 220))),
    }
    told = np.clip(levels[seen], 0, 255).astype(np.uint8)
    assert skin_tone(told, POINTS) is not None
    assert np.array_equal(kept(told, DRAWING, "anime"), DRAWING)


def test_each_of_a_batch_keeps_its_own() -> None:
    drawings = np.stack([painted(iris=BLUE), painted(iris=RED)])
    people, places = np.stack([PERSON] * 2), np.stack([TEMPLATE] * 2)
    both = keep_colours(drawings, people, places, "real")
    for drawing, result in zip(drawings, both, strict=True):
        assert np.array_equal(result, kept(drawing, PERSON, "real"))
    assert not np.array_equal(*both)
    assert np.array_equal(keep_colours(drawings, people, places, "real", threads=2), both)
    assert keep_colours(drawings[:0], people[:0], places[:0], "real").shape == (0, SIDE, SIDE, 3)
