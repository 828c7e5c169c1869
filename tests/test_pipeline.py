"""One picture in, one picture out, whatever it shows."""

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import ExifTags, Image

from anime2real import one_picture, translator
from anime2real.bundle.format import BundleError
from anime2real.bundle.registry import UnknownMethodError
from anime2real.errors import UserError
from anime2real.face.geometry import TEMPLATE, Face
from anime2real.image.decode import PictureError
from anime2real.image.given import to_image
from anime2real.image.label_map import label_picture
from anime2real.image.provenance import read_marks
from anime2real.network import TranslatorError
from anime2real.one_picture import translate_picture
from anime2real.pipeline import NoFaceError, direction
from anime2real.translator import Translator, find_faces

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
    one_picture._shipped.cache_clear()
    one_picture._opened.cache_clear()
    translator._KEPT.clear()


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
        ({"to": "Real"}, "to is 'Real': give one of anime, real"),
        ({"method": 5}, "method is a name, not 5"),
    ],
)
def test_words_that_are_none_of_the_known_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(TranslatorError, match=f"^{said}$"):
        translate_picture(Image.new("RGB", (16, 16)), **arguments)


def test_whatever_holds_a_picture_is_one() -> None:
    with Image.open(DRAWING) as opened:
        rgb = opened.convert("RGB")
    pixels = np.asarray(rgb)
    clear = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    content = DRAWING.read_bytes()
    deep = pixels.astype(np.uint16) * 257
    wanted = np.asarray(to_image(DRAWING))
    for given in (str(DRAWING), content, io.BytesIO(content), rgb, pixels, clear, deep):
        assert (np.asarray(to_image(given)) == wanted).all()
    grey = Image.fromarray(deep[..., 0])
    for one in (grey, deep[..., 0], pixels[..., 0]):
        assert (np.asarray(to_image(one)) == pixels[..., :1]).all()
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    rgb.rotate(90, expand=True).save(turned, "PNG", exif=exif)
    for given in (turned, Image.open(turned)):
        turned.seek(0)
        assert (np.asarray(to_image(given)) == wanted).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 4, 3)), r"not \(4, 4, 3\) float64: multiply by 255"),
        (np.zeros((3, 4, 5), np.uint8), r"not \(3, 4, 5\) uint8$"),
        (io.StringIO("text"), "open it in binary mode"),
        (b"", "is empty"),
        (Image.new("RGB", (0, 4)), "is empty, 0×4 px"),
        (np.full((4, 4, 3), np.nan), r"not \(4, 4, 3\) float64: multiply by 255"),
        (np.array(7, np.uint8), r"not \(\) uint8$"),
        (np.broadcast_to(np.uint8(0), (7300, 7200, 3)), "has 7200×7300 = 52,560,000 pixels, more than the 52,000,000"),
        (Image.new("1", (7200, 7300)), "has 7200×7300 = 52,560,000 pixels, more than the 52,000,000"),
        ("", "name is empty"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_picture_is_told(given: Any, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        find_faces(given)


def test_a_label_map_is_read_from_an_open_file() -> None:
    palette = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    palette.putpalette([9, 9, 9, 0, 255, 0, 255, 0, 0])
    file = io.BytesIO()
    palette.save(file, "PNG")
    for given in (palette, file.getvalue(), bytearray(file.getvalue()), io.BytesIO(file.getvalue())):
        seen = np.asarray(label_picture(given, ("sky", "face", "hair")))  # type: ignore[arg-type]
        assert seen[..., 0].tolist() == [[0, 1], [2, 1]]
    for image in (Image.new("P", (0, 4)), Image.new("L", (7200, 7300))):
        with pytest.raises(PictureError, match=r"is empty|more than the 52,000,000 allowed"):
            label_picture(image, ("sky", "face", "hair"))


def test_a_batch_keeps_what_worked() -> None:
    translate = Translator.load(to="real")
    pictures: list[Any] = [DRAWING, Path("nothing.png"), np.zeros((40, 40, 3), np.uint8), DRAWING]
    first, missing, faceless, last = translate.batch(pictures, on_error="keep")
    assert isinstance(missing, PictureError)
    assert isinstance(faceless, NoFaceError)
    assert np.array_equal(np.asarray(first), np.asarray(last))
    with pytest.raises(PictureError, match="is not there"):
        translate.batch(pictures)
    with pytest.raises(TranslatorError, match="on_error is 'skip': give one of raise, keep"):
        translate.batch(pictures, on_error="skip")  # type: ignore[call-overload]
    for one in (str(DRAWING), np.array(3), np.zeros((40, 40), np.uint8)):
        with pytest.raises(TranslatorError, match="takes a list of pictures"):
            translate.batch(one)  # type: ignore[arg-type]


def test_a_translator_is_loaded_once_says_what_it_is_and_goes_through_pickle() -> None:
    translate = Translator.load(to="real", threads=1)
    assert Translator.load("cyclegan", "real", threads=1) is translate
    assert Translator.load(to="anime", threads=1) is not translate
    assert repr(translate) == f"<Translator cyclegan-anime-to-real, {tiny.PX} px>"
    again = pickle.loads(pickle.dumps(translate))
    assert np.array_equal(np.asarray(again(DRAWING)), np.asarray(translate(DRAWING)))
    for threads in (0, "2"):
        with pytest.raises(TranslatorError, match="threads is a whole number from 1"):
            Translator.load(to="real", threads=threads)  # type: ignore[arg-type]
    for name, value in (("keeps_colours", "no"), ("redraws", "false"), ("once", 1), ("keeps_colours", None)):
        with pytest.raises(TranslatorError, match=f"^{name} is True or False, not {value!r}$"):
            Translator(translate.bundle, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_results_carry_the_marks_however_they_are_saved(suffix: str, tmp_path: Path) -> None:
    made = translate_picture(DRAWING)
    made.image.save(tmp_path / f"pillow.{suffix}")
    made.save(tmp_path / f"own.{suffix}")
    Translator.load(to="real")(DRAWING).save(tmp_path / f"one.{suffix}")
    for name in ("pillow", "own", "one"):
        marks = read_marks(tmp_path / f"{name}.{suffix}")
        assert marks["DigitalSourceType"].endswith("trainedAlgorithmicMedia")
        assert marks["Software"].startswith("anime2real")


@pytest.mark.parametrize("suffix", ["tif", "tiff", "gif"])
def test_what_pillow_alone_writes_is_marked_too(suffix: str, tmp_path: Path) -> None:
    result = Translator.load(to="real")(DRAWING)
    result.save(tmp_path / f"a.{suffix}")
    with (tmp_path / f"b.{suffix}").open("wb") as file:
        result.save(file, "tiff" if suffix.startswith("tif") else suffix)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    assert read_marks(tmp_path / f"a.{suffix}")["DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    with Image.open(tmp_path / f"a.{suffix}") as read:
        assert read.size == result.size


@pytest.mark.parametrize("name", ["a.bmp", "a.ppm", "a.jp2", "a.pdf", "a.unknown", "a"])
def test_a_format_that_cannot_hold_the_mark_is_refused(name: str, tmp_path: Path) -> None:
    result = Translator.load(to="real")(DRAWING)
    with pytest.raises(UserError, match=r"cannot hold the mark|ends in its format"):
        result.save(tmp_path / name)
    assert not (tmp_path / name).exists()
    result.copy().save(tmp_path / "a.bmp")  # what Pillow makes of it is the caller's


def test_the_largest_face_decides_where_as_many_are_drawn_as_photographed() -> None:
    small, large = Face(TEMPLATE * 50, "real", 1.0), Face(TEMPLATE * 90, "anime", 1.0)
    for faces in ([small, large], [large, small]):
        assert direction(faces) == "real"
    assert direction([small, large, small]) == "anime"
