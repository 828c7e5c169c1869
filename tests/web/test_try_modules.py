"""docs/try's JavaScript against Python, in node: geometry, pixels, the finder, the networks' inputs and the marks.

Python's ONNX Runtime runs the networks, on the inputs that the JavaScript makes.
"""

import functools
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import build_try
import javascript
import numpy as np
import pytest
import tiny
import write_picture_way
from live import EXAMPLES
from numpy.typing import NDArray
from picture_way import CASES, NAMES, assert_alike
from PIL import Image

from anime2real import Translator
from anime2real.bundle.format import Bundle
from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.bundle.redrawer import redrawer
from anime2real.domain import Domain
from anime2real.face import finder, who
from anime2real.face import geometry as python
from anime2real.face.by_hand import face_in_box
from anime2real.face.finder import default_labeller
from anime2real.face.geometry import Face
from anime2real.face.who import AS_SEEN, Who
from anime2real.image import provenance
from anime2real.image.decode import decode
from anime2real.network import who_input
from anime2real.pipeline import crop_faces
from anime2real.session import to_float, to_uint8
from anime2real.translator import find_faces

CONDITIONS = ("tilt", "landmarks", "style")


@functools.cache
def best(to: Domain) -> tuple[Translator, javascript.Network]:
    """The best translator to a domain, and its network as docs/try calls it."""
    translator = Translator.load(None, to)
    return translator, javascript.network(translator.bundle.model())


@pytest.fixture(scope="module")
def page() -> Iterator[javascript.Modules]:
    models = {name: finder.MODELS / f"{name}.onnx" for name in ("detector", "landmarks", "head")}
    callbacks = {
        name: javascript.network(path.read_bytes()) for name, path in (models | {"labels": who.LABELS}).items()
    }
    with javascript.modules(build_try.PAGE, callbacks) as modules:
        yield modules


def found(page: javascript.Modules, image: Image.Image) -> list[dict[str, Any]]:
    """The faces that docs/try finds in a picture."""
    networks = {"callback": "detector"}, {"callback": "landmarks"}
    faces: list[dict[str, Any]] = page(
        "finder.js", "find", build_try.face_facts(), *networks, javascript.picture(np.asarray(image))
    )
    return faces


def turned() -> Image.Image:
    """A large picture with a turned face that reaches beyond its edge."""
    face = decode(EXAMPLES / "mika.png").image.resize((900, 900), Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (2000, 1500), (240, 240, 240))
    canvas.paste(face.rotate(20, Image.Resampling.BICUBIC, fillcolor=(240, 240, 240)), (-120, -60))
    return canvas


def two() -> Image.Image:
    """A picture of two faces."""
    canvas = Image.new("RGB", (700, 400), (230, 235, 240))
    for name, side, place in [("mika", 340, (20, 30)), ("aoi", 260, (410, 70))]:
        canvas.paste(decode(EXAMPLES / f"{name}.png").image.resize((side, side)), place)
    return canvas


def close_up() -> Image.Image:
    """A face from eyebrow to chin."""
    return decode(EXAMPLES / "mika.png").image.crop((60, 107, 180, 227))


def strip() -> Image.Image:
    """A picture so long that it is searched in windows."""
    canvas = Image.new("RGB", (220, 1700), (230, 235, 240))
    canvas.paste(decode(EXAMPLES / "aoi.png").image.resize((110, 110)), (40, 1500))
    return canvas


def photographed() -> Image.Image:
    return decode(EXAMPLES.parent / "docs" / "pictures" / "astronaut.jpg").image


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "aoi": lambda: decode(EXAMPLES / "aoi.png").image,
    "kuro": lambda: decode(EXAMPLES / "kuro.png").image,
    "turned": turned,
    "two": two,
    "close up": close_up,
    "strip": strip,
    "photographed": photographed,
    "small": lambda: decode(EXAMPLES / "aoi.png").image.resize((80, 80)),
}


def assert_same_faces(here: list[dict[str, Any]], there: list[Face]) -> None:
    assert [face["domain"] for face in here] == [face.domain for face in there]
    for face, expected in zip(here, there, strict=True):
        side = expected.box[2] - expected.box[0]
        np.testing.assert_allclose(face["landmarks"], expected.landmarks, atol=1e-3 * side)
        np.testing.assert_allclose(face["box"], expected.box, atol=1e-3 * side)
        assert face["tilt"] == pytest.approx(expected.tilt, abs=1e-3)
        assert face["score"] == pytest.approx(expected.score, abs=1e-3)


def difference(picture: dict[str, Any], expected: Image.Image) -> float:
    """Mean absolute difference, in grey levels."""
    return float(np.abs(javascript.pixels(picture).astype(int) - np.asarray(expected).astype(int)).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_translated_as_python_translates_it(page: javascript.Modules, name: str) -> None:
    image = PICTURES[name]()
    faces, expected = found(page, image), find_faces(image)
    assert expected
    assert_same_faces(faces, expected)
    translator, run = best("anime" if expected[0].domain == "real" else "real")
    square, result = translated(page, image, faces[0], translator.bundle, run)
    assert square.shape == (translator.px, translator.px, 3)
    apart = difference(result, translator(image))
    print(f"\n{name}: {apart:.3f} grey levels from Python")
    assert apart < 0.05


def translated(
    page: javascript.Modules,
    image: Image.Image,
    face: dict[str, Any],
    bundle: Bundle,
    run: javascript.Network,
    asked: dict[str, str] | None = None,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The crop that goes in, and the result; of whom the picture has, unless somebody else is asked for."""
    facts = {"px": bundle.px, "conditions": bundle.conditions, "crop_share": bundle.crop_share}
    who = told(page, image, face, bundle, asked or {"sex": "", "age": ""}) if bundle.takes_who else None
    prepared = page("translate.js", "prepare", javascript.picture(np.asarray(image)), face, facts, who)
    (values,) = run(prepared["inputs"]).values()
    result = page("pixels.js", "toPicture", values, bundle.px)
    if back := redrawer(bundle):
        facts = {"conditions": back.conditions, "ages": back.ages}
        inputs = page("translate.js", "redrawing", prepared["inputs"], result, facts)
        (values,) = javascript.network(back.model())(inputs).values()
        inputs = page("translate.js", "again", prepared["inputs"], page("pixels.js", "toPicture", values, bundle.px))
        (values,) = run(inputs).values()
        result = page("pixels.js", "toPicture", values, bundle.px)
    if bundle.keeps_colours:
        given = build_try.face_facts(), {"callback": "landmarks"}, {"callback": "head"}, prepared["square"], result
        result = page("kept-colours.js", "keepColours", *given, prepared["points"], bundle.target)
    return javascript.pixels(prepared["square"]), result


def labels_of(page: javascript.Modules, image: Image.Image, face: dict[str, Any]) -> dict[str, float]:
    """How a face looks, by docs/try."""
    given = javascript.picture(np.asarray(image))
    labels: dict[str, float] = page("who.js", "labelsOf", given, face["crop"], who.LABEL_CROP, {"callback": "labels"})
    return labels


def told(
    page: javascript.Modules, image: Image.Image, face: dict[str, Any], bundle: Bundle, asked: dict[str, str]
) -> list[float]:
    """What docs/try tells a bundle of whom to show."""
    looks = labels_of(page, image, face) if page("who.js", "goesByFace", asked) else None
    values: list[float] = page("who.js", "told", asked, looks, bundle.ages)
    return values


@pytest.mark.parametrize("golden", CASES, ids=NAMES)
def test_labels_are_python_s(page: javascript.Modules, golden: dict[str, Any]) -> None:
    image = decode(write_picture_way.TOP / golden["picture"]).image
    faces = find_faces(image)
    assert faces
    for face, labels in zip(faces, default_labeller(1)(image, faces), strict=True):
        here = labels_of(page, image, {"crop": javascript.similarity(face.crop)})
        assert here == pytest.approx(vars(labels), abs=1e-3)


@pytest.fixture(scope="module")
def leaning(page: javascript.Modules) -> tuple[Image.Image, dict[str, Any], list[Face]]:
    """A picture of a turned face, and the face as docs/try and as Python find it."""
    image = turned().reduce(3)
    (face,) = found(page, image)
    return image, face, find_faces(image)


@pytest.mark.parametrize(
    ("asked", "who"),
    [
        ({"sex": "", "age": ""}, AS_SEEN),
        ({"sex": "woman", "age": ""}, Who(-1.0)),
        ({"sex": "", "age": "45"}, Who(age=45)),
        ({"sex": "man", "age": "75"}, Who(1.0, 75)),
        ({"sex": "man", "age": "18"}, Who(1.0, 18)),
    ],
)
@pytest.mark.parametrize("ages", [(YOUNGEST, OLDEST), (30, 50)])
def test_who_is_asked_for_is_told_as_python_tells_it(
    page: javascript.Modules,
    leaning: tuple[Image.Image, dict[str, Any], list[Face]],
    tmp_path: Path,
    asked: dict[str, str],
    who: Who,
    ages: tuple[int, int],
) -> None:
    bundle = tiny.write_bundle(tmp_path / "b", tiny.who_model(), conditions=("who",), ages=ages)
    image, face, expected = leaning
    crops = crop_faces(image, expected, bundle, who=who)
    assert crops.who is not None
    here = told(page, image, face, bundle, asked)
    assert here == pytest.approx(crops.who[0].tolist(), abs=1e-3)
    square, result = translated(page, image, face, bundle, javascript.network(bundle.model()), asked)
    assert difference(javascript.picture(square), Image.fromarray(crops.pixels[0])) < 0.5
    assert np.array_equal(javascript.pixels(result), np.asarray(Translator(bundle)(image, who=who)))


@pytest.mark.parametrize("looks", [{"sex": 0.3, "age": 9.0}, {"sex": -1.2, "age": 95.0}])
def test_what_a_face_looks_like_is_kept_to_what_can_be_drawn(page: javascript.Modules, looks: dict[str, float]) -> None:
    ages = (float(YOUNGEST), float(OLDEST))
    expected = who_input([AS_SEEN], [(looks["sex"], looks["age"])], ages)[0]
    assert page("who.js", "told", {"sex": "", "age": ""}, looks, ages) == pytest.approx(expected.tolist())


def test_conditions_are_those_of_the_leaning_face(
    page: javascript.Modules, leaning: tuple[Image.Image, dict[str, Any], list[Face]]
) -> None:
    image, face, (expected,) = leaning
    prepared = page(
        "translate.js", "prepare", javascript.picture(np.asarray(image)), face, {"px": 64, "conditions": CONDITIONS}
    )
    inputs = {name: np.reshape(values, shape) for name, (values, shape) in prepared["inputs"].items()}
    frame = python.upright(expected.crop)
    landmarks = frame(expected.landmarks)
    assert difference(prepared["square"], python.align(image, frame, 64)) < 0.5
    np.testing.assert_allclose(inputs["landmarks"], landmarks[None], atol=1e-3)
    assert inputs["tilt"] == pytest.approx([python.tilt_of(landmarks)], abs=2e-3)
    assert abs(math.degrees(float(inputs["tilt"][0]))) > 15
    assert inputs["style"].shape == (1, 8)
    assert not inputs["style"].any()
    assert inputs["image"].shape == (1, 3, 64, 64)


def test_no_face_is_found_in_grey(page: javascript.Modules) -> None:
    assert found(page, Image.new("RGB", (300, 200), (128, 128, 128))) == []


@pytest.mark.parametrize("golden", CASES, ids=NAMES)
def test_the_golden_cases(page: javascript.Modules, golden: dict[str, Any]) -> None:
    image = decode(write_picture_way.TOP / golden["picture"]).image
    faces = found(page, image)
    records = [{**face, "tilt_degrees": math.degrees(face["tilt"])} for face in faces]
    crops = []
    for crop in golden["crops"]:
        face, px = faces[crop["face"]], crop["px"]
        frame = page("geometry.js", "upright", face["crop"]) if crop["keep_tilt"] else face["crop"]
        square = page("align.js", "align", javascript.picture(np.asarray(image)), frame, px)
        landmarks = [page("geometry.js", "apply", frame, point) for point in face["landmarks"]]
        numbers = {"a": frame["a"], "b": frame["b"], "tx": frame["x"], "ty": frame["y"]}
        grid = write_picture_way.means(javascript.pixels(square))
        crops.append({**crop, "frame": numbers, "landmarks": landmarks, "grid": grid})
    assert_alike({"faces": records, "crops": crops}, golden)


@pytest.mark.parametrize("seed", range(5))
def test_geometry(page: javascript.Modules, seed: int) -> None:
    random = np.random.default_rng(seed)
    landmarks = random.uniform(0.5, 2) * 100 * (python.TEMPLATE + random.normal(0, 0.03, (5, 2)))
    landmarks = python.around((10.0, 20.0), 1.0, random.uniform(-3, 3))(landmarks)
    points = landmarks.tolist()

    def call(name: str, *arguments: Any) -> Any:
        return page("geometry.js", name, *arguments)

    crop = python.to_template(landmarks)
    other = python.around((3.0, 4.0), 5.0, 0.3)
    assert call("tiltOf", points) == pytest.approx(python.tilt_of(landmarks))
    assert call("toTemplate", points, python.TEMPLATE.tolist()) == pytest.approx(javascript.similarity(crop))
    assert call("around", [3, 4], 5, 0.3) == pytest.approx(javascript.similarity(other))
    assert call("inverse", javascript.similarity(crop)) == pytest.approx(javascript.similarity(crop.inverse))
    assert call("compose", javascript.similarity(crop), javascript.similarity(other)) == pytest.approx(
        javascript.similarity(crop.then(other))
    )
    assert call("upright", javascript.similarity(crop)) == pytest.approx(javascript.similarity(python.upright(crop)))
    assert call("scaleOf", javascript.similarity(crop)) == pytest.approx(crop.scale)
    np.testing.assert_allclose(call("apply", javascript.similarity(crop), points[0]), crop(landmarks[0]))


def noise(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("kernel", "size"),
    [("box", (30, 22)), ("box", (50, 37)), ("box", (5, 4)), ("bicubic", (130, 96)), ("bicubic", (61, 45))],
)
def test_resize_is_pillow_s(page: javascript.Modules, kernel: str, size: tuple[int, int]) -> None:
    """For sizes that keep the aspect, as the finder asks for: for others some versions begin along the columns."""
    given = noise(61, 45)
    resized = javascript.pixels(page("pixels.js", "resize", javascript.picture(given), *size, kernel))
    expected = np.asarray(Image.fromarray(given).resize(size, Image.Resampling[kernel.upper()]))
    assert np.array_equal(resized, expected)


@pytest.mark.parametrize("beyond", ["quiet", "mirror", "edge"])
@pytest.mark.parametrize(
    ("centre", "side", "angle"), [((60.0, 40.0), 50.0, 0.4), ((5.0, 90.0), 80.0, -1.0), ((60.0, 45.0), 300.0, 2.5)]
)
def test_align_is_python_s(
    page: javascript.Modules, centre: tuple[float, float], side: float, angle: float, beyond: Any
) -> None:
    image = Image.fromarray(noise(120, 90)).resize((480, 360), Image.Resampling.BICUBIC).crop((0, 0, 120, 90))
    frame = python.around(centre, side, angle)
    given = javascript.picture(np.asarray(image))
    cut = javascript.pixels(page("align.js", "align", given, javascript.similarity(frame), 48, beyond))
    expected = np.asarray(python.align(image, frame, 48, beyond=beyond)).astype(int)
    assert np.abs(cut - expected).max() <= 1
    assert (cut != expected).mean() < 0.01


def test_pixels_become_floats_and_floats_pixels_as_in_python(page: javascript.Modules) -> None:
    given = np.stack([noise(16, 16, seed) for seed in range(2)])
    assert np.array_equal(
        page("pixels.js", "toFloat", [javascript.picture(pixels) for pixels in given]), to_float(given).ravel()
    )
    values = np.random.default_rng(0).uniform(-1.2, 1.2, (1, 3, 32, 32)).astype(np.float32)
    ties = (np.arange(255, dtype=np.float32) + np.float32(0.5)) / np.float32(127.5) - np.float32(1)
    values.ravel()[:255] = ties
    assert np.array_equal(javascript.pixels(page("pixels.js", "toPicture", values.ravel(), 32)), to_uint8(values)[0])
    values[0, 1, 2, 3] = np.nan
    assert page("pixels.js", "toPicture", values.ravel(), 32) is None


def test_halves_are_rounded_as_in_python(page: javascript.Modules) -> None:
    for value in (0.5, 1.5, 2.5, 2.4999, 7.0):
        assert page("pixels.js", "round", value) == round(value)


def test_a_face_in_a_box_is_that_of_python(page: javascript.Modules) -> None:
    image = two()
    (_, second) = find_faces(image)
    left, top, right, bottom = second.box
    box = (left - 20, top - 12, right + 9, bottom + 20)
    facts = build_try.face_facts()
    networks = {"callback": "detector"}, {"callback": "landmarks"}
    for where in (box, (300.0, 300.0, 380.0, 380.0)):  # where a face is, and where none is
        by_hand = face_in_box(image, where, "real")
        found = page("finder.js", "inBox", facts, *networks, javascript.picture(np.asarray(image)), list(where))
        assert np.allclose(found["landmarks"], by_hand.landmarks, atol=0.05)


def test_a_png_is_marked_as_generated(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(20, 10)).save(buffer, "PNG")
    marks = {"xmp": provenance.PACKET, "software": provenance.SOFTWARE}
    with javascript.modules(build_try.SHARED) as shared:
        marked = shared("png.js", "marked", np.frombuffer(buffer.getvalue(), np.uint8), marks).tobytes()
    path = tmp_path / "marked.png"
    path.write_bytes(marked)
    assert np.array_equal(np.asarray(Image.open(path)), noise(20, 10))
    assert provenance.read_marks(path) == {"DigitalSourceType": provenance.GENERATED, "Software": provenance.SOFTWARE}
