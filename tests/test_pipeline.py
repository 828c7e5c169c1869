"""One picture in, one picture out, whatever it shows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image

from anime2real import translator
from anime2real.bundle.format import BundleError
from anime2real.bundle.registry import UnknownMethodError
from anime2real.network import TranslatorError
from anime2real.pipeline import NoFaceError
from anime2real.translator import find_faces, translate_picture

ROOT = Path(__file__).parent.parent
DRAWING = ROOT / "examples" / "aoi.png"
PHOTOGRAPH = ROOT / "docs" / "pictures" / "astronaut.jpg"


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Negatives to people, and brighter pictures to drawings."""
    tiny.ship_only(monkeypatch, tmp_path)
    tiny.write_bundle(tmp_path / "cyclegan-anime-to-real", tiny.model(scale=-1.0))
    tiny.write_bundle(tmp_path / "cyclegan-real-to-anime", tiny.model(add=0.5), source="real", target="anime")
    yield
    translator._shipped.cache_clear()
    translator._opened.cache_clear()


def test_drawings_become_people_and_people_drawings() -> None:
    assert translate_picture(DRAWING).to == "real"
    assert translate_picture(PHOTOGRAPH).to == "anime"
    assert translate_picture(DRAWING, to="anime").to == "anime"
    assert translate_picture(DRAWING, crop="none").to == "real"


def test_the_layouts() -> None:
    face = np.asarray(translate_picture(DRAWING).image)
    pair = np.asarray(translate_picture(DRAWING, layout="pair").image)
    assert face.shape == (tiny.PX, tiny.PX, 3)
    assert (pair[:, tiny.PX :] == face).all()
    assert (pair[:, : tiny.PX] == 255 - face).all()
    made = translate_picture(DRAWING, layout="paste")
    with Image.open(DRAWING) as picture:
        before, after = np.asarray(picture.convert("RGB")), np.asarray(made.image)
    left, top, right, bottom = (round(edge) for edge in find_faces(Image.fromarray(before))[0].box)
    outside = np.ones(before.shape[:2], bool)
    outside[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = False
    assert (before == after)[outside].all()
    assert (before != after).any()


def test_all_faces_are_pasted_and_the_largest_shown() -> None:
    with Image.open(DRAWING) as picture:
        one = picture.convert("RGB")
    two = Image.new("RGB", (one.width * 2, one.height), "white")
    two.paste(one, (0, 0))
    two.paste(one.resize((one.width // 2, one.height // 2)), (one.width, 0))
    assert len(translate_picture(two, layout="paste").faces) == 2
    assert len(translate_picture(two).faces) == 1


def test_the_centre_square_needs_no_face() -> None:
    grey = np.full((20, 30, 3), 100, np.uint8)
    assert (np.asarray(translate_picture(grey, to="real", crop="none").image) == 155).all()
    assert translate_picture(grey, to="real", crop="none", layout="paste").image.size == (30, 20)
    with pytest.raises(TranslatorError, match="no telling"):
        translate_picture(grey, crop="none")
    with pytest.raises(NoFaceError, match="no face found"):
        translate_picture(grey)


def test_a_bundle_in_place_of_a_method(tmp_path: Path) -> None:
    folder = str(tiny.write_bundle(tmp_path / "mine" / "b", tiny.model(add=1.0), method="mine").folder)
    black = np.zeros((20, 20, 3), np.uint8)
    made = translate_picture(black, bundle=folder, crop="none")
    assert (made.method, made.to) == ("mine", "real")
    assert np.asarray(made.image).min() >= 127
    with pytest.raises(BundleError, match="to real, not to anime"):
        translate_picture(black, bundle=folder, to="anime", crop="none")


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'cyclegan'"):
        translate_picture(DRAWING, method="cylegan")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"layout": "past"}, "layout is 'past': give one of face, pair, paste"),
        ({"crop": "centre"}, "crop is 'centre': give one of face, none"),
        ({"method": "galatea", "bundle": "there"}, "give a method or a bundle, not both"),
    ],
)
def test_words_that_are_none_of_the_known_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(TranslatorError, match=f"^{said}$"):
        translate_picture(Image.new("RGB", (16, 16)), **arguments)
