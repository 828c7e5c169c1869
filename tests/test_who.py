"""Who is asked for: through every door, and nobody under 18."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import live
import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from anime2real import Translator, translate_picture
from anime2real.bundle.format import Bundle, BundleError, read
from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.cli.main import main
from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.who import Who, WhoError, parse_who
from anime2real.network import who_input
from anime2real.pipeline import crop_faces

EXAMPLES = Path(__file__).parent.parent / "examples"
DRAWING = EXAMPLES / "aoi.png"
PHOTOGRAPH = EXAMPLES.parent / "docs" / "pictures" / "astronaut.jpg"

REFUSED = ("girl, 12", "12", "man, 17", "boy", "man woman", "man, 25, 30", "81", "", "somebody", "woman 1000")


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """`galatea` to real, which paints what it is told: sex in red, age / 100 in green."""
    return tiny.write_bundle(
        tmp_path_factory.mktemp("told") / "b", tiny.who_model(), method="galatea", conditions=("who",)
    )


def heard(image: Image.Image) -> tuple[float, float]:
    """Sex and age that a picture of the bundle `told` was painted for."""
    red, green, _ = np.asarray(image)[0, 0] / 127.5 - 1
    return round(float(red), 1), round(100 * float(green))


@pytest.mark.parametrize(
    ("text", "sex", "age"),
    [
        ("man, 25", 1.0, 25.0), ("Woman 60", -1.0, 60.0), ("man", 1.0, None), ("40", None, 40.0),
        ("auto", None, None), ("30,woman", -1.0, 30.0),
    ],
)  # fmt: skip
def test_what_is_understood(text: str, sex: float | None, age: float | None) -> None:
    assert parse_who(text) == Who(sex, age)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(WhoError) as caught:
        parse_who(text)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        who = parse_who(text)
    except WhoError:
        return
    assert who.age is None or YOUNGEST <= who.age <= OLDEST


@pytest.mark.parametrize("made", [lambda: Who(2.0), lambda: Who(age=12), lambda: Who(age=float("nan"))])
def test_nobody_else_can_be_made(made: Callable[[], Who]) -> None:
    with pytest.raises(WhoError):
        made()


def test_an_age_read_below_18_becomes_18() -> None:
    asked = who_input([Who(), Who()], [(0.2, 9.0), (-3.0, 95.0)], (18, 80))
    np.testing.assert_allclose(asked, [[0.2, 0.18], [-1.0, 0.8]])


def test_ages_beyond_what_a_bundle_draws_are_the_nearest_that_it_does() -> None:
    np.testing.assert_allclose(who_input([Who(1.0, 75)], [(0.0, 0.0)], (18, 45)), [[1.0, 0.45]])


def test_who_is_asked_for_reaches_the_network(told: Bundle) -> None:
    translate = Translator(told)
    assert heard(translate(DRAWING, who="man, 60")) == (1.0, 60)
    assert heard(translate(DRAWING, who=Who(-1.0, 33))) == (-1.0, 33)
    assert heard(translate_picture(DRAWING, bundle=str(told.folder), who="woman, 20").image) == (-1.0, 20)


@pytest.mark.parametrize("crop", ["face", "none"])
def test_what_is_not_said_is_read_off_the_face(told: Bundle, crop: str) -> None:
    sex, age = heard(Translator(told)(DRAWING, crop=crop))  # type: ignore[arg-type]
    assert -1 <= sex <= 1
    assert YOUNGEST <= age <= OLDEST
    assert heard(Translator(told)(DRAWING, crop=crop, who="50"))[1] == 50  # type: ignore[arg-type]


def test_each_face_of_a_picture_is_asked_for_itself(told: Bundle) -> None:
    with Image.open(DRAWING) as picture:
        image = picture.convert("RGB")
    face = default_finder()(image)[0]
    crops = crop_faces(image, [face, face], told, who=[Who(1.0, 20), Who(-1.0, 70)])
    assert crops.who is not None
    np.testing.assert_allclose(crops.who, [[1.0, 0.2], [-1.0, 0.7]])
    assert crops.select(np.array([False, True])).who is not None
    labels = default_labeller(1)(image, [face])[0]
    auto = crop_faces(image, [face], told).who
    assert auto is not None
    np.testing.assert_allclose(auto, [[labels.sex, labels.age / 100]], atol=1e-6)


def test_on_the_command_line(told: Bundle, tmp_path: Path) -> None:
    command = ["translate", str(DRAWING), "-o", str(tmp_path), "--bundle", str(told.folder), "--who", "man, 44"]
    assert main(command) == 0
    with Image.open(tmp_path / "aoi.png") as made:
        assert heard(made) == (1.0, 44)


@pytest.mark.parametrize("text", ["girl, 12", "man, 17", "nobody"])
def test_the_command_line_refuses_in_one_line(
    text: str, told: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    command = ["translate", str(DRAWING), "-o", str(output), "--bundle", str(told.folder), "--who", text]
    assert main(command) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not output.exists()


def test_the_functions_refuse(told: Bundle) -> None:
    with pytest.raises(WhoError, match="18 to 80"):
        Translator(told)(DRAWING, who="girl, 12")
    with pytest.raises(WhoError, match="18 to 80"):
        translate_picture(DRAWING, bundle=str(told.folder), who="girl, 12")


def test_a_method_that_cannot_be_told_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny.write_bundle(tmp_path / "b")
    with pytest.raises(WhoError, match="cannot be told"):
        Translator(bundle)(DRAWING, who="man")
    assert (
        main(["translate", str(DRAWING), "-o", str(tmp_path / "o"), "--bundle", str(bundle.folder), "--who", "man"])
        == 2
    )
    assert "cannot be told" in capsys.readouterr().err
    assert main(["translate", str(DRAWING), "-o", str(tmp_path / "o"), "--bundle", str(bundle.folder)]) == 0


def test_the_server(told: Bundle, tmp_path: Path) -> None:
    with live.running([told, tiny.write_bundle(tmp_path / "b", method="difference")]) as server:
        methods = server.client.get("/v1/methods").json()["methods"]
        assert {row["method"]: row["ages"] for row in methods if row["to"] == "real"}["galatea"] == [18, 80]
        for who, expected in (("man, 30", (1.0, 30)), ("woman, 66", (-1.0, 66))):
            answer = server.post(
                "/v1/translate", to="real", method="galatea", who=who, headers={"Accept": "application/json"}
            )
            png = base64.b64decode(answer.json()["results"][0]["png"])
            with Image.open(io.BytesIO(png)) as made:
                assert heard(made) == expected
        for fields in ({"method": "galatea", "who": "girl, 12"}, {"method": "difference", "who": "man"}):
            answer = server.post("/v1/translate", to="real", **fields)
            assert answer.status_code == 400
            assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("share", [0, 0.4, 1.1, "close", True, float("nan")])
def test_a_bundle_cannot_take_other_shares_of_a_crop(share: object, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    tiny.write_bundle(folder, tiny.who_model(), conditions=("who",))
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["training"]["crop_share"] = share
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="crop_share"):
        read(folder)


def test_a_bundle_that_learned_from_closer_crops_gets_closer_crops(told: Bundle) -> None:
    image = Image.open(DRAWING).convert("RGB")
    faces = default_finder()(image)
    usual = crop_faces(image, faces, told)
    close = crop_faces(image, faces, replace(told, training={"crop_share": 0.5}))
    corners = np.array([[0.25, 0.25], [0.75, 0.75]])
    np.testing.assert_allclose(
        close.frames[0].inverse(np.array([[0.0, 0.0], [1.0, 1.0]])), usual.frames[0].inverse(corners)
    )
    np.testing.assert_allclose(close.landmarks - 0.5, 2 * (usual.landmarks - 0.5))


@pytest.mark.parametrize("ages", [[12, 80], [18], "young", [60, 30], [18, 81], [True, 80]])
def test_a_bundle_cannot_offer_other_ages(ages: object, told: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    tiny.write_bundle(folder, tiny.who_model(), conditions=("who",))
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["training"]["ages"] = ages
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="ages"):
        read(folder)


def test_labels_of_a_photograph() -> None:
    with Image.open(PHOTOGRAPH) as picture:
        image = picture.convert("RGB")
    labels = default_labeller(1)(image, default_finder()(image)[:1])[0]
    assert labels.smile > 0.5  # NASA's astronaut
    assert labels.eyes_open > 0.5
    assert labels.glasses < 0.5
    assert 25 < labels.age < 60
    assert default_labeller(1)(image, []) == []
