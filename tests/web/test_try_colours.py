"""docs/try's JavaScript reads colours off faces and gives them to results as Python does, in node."""

from collections.abc import Iterator
from typing import Any

import build_try
import javascript
import numpy as np
import pytest
from live import EXAMPLES
from numpy.typing import NDArray

from anime2real.domain import DOMAINS, Domain
from anime2real.face import finder, geometry
from anime2real.face.heads import face_and_hair
from anime2real.face.irises import eye_colour, irises
from anime2real.face.skin import skin_tone
from anime2real.image import cielab
from anime2real.image.decode import decode
from anime2real.image.guided_filter import along_edges, box_mean
from anime2real.network import keep_colours
from anime2real.translator import find_faces

PX = 192
PICTURES = {"anime": EXAMPLES / "aoi.png", "real": EXAMPLES.parent / "docs" / "pictures" / "astronaut.jpg"}

Crop = tuple[NDArray[np.uint8], NDArray[np.float64]]
"""A face lined up (PX, PX, 3) and its landmarks (5, 2), px."""


@pytest.fixture(scope="module")
def page() -> Iterator[javascript.Modules]:
    networks = {name: (finder.MODELS / f"{name}.onnx").read_bytes() for name in ("landmarks", "head")}
    callbacks = {name: javascript.network(content) for name, content in networks.items()}
    with javascript.modules(build_try.PAGE, callbacks) as modules:
        yield modules


@pytest.fixture(scope="module")
def crops() -> dict[Domain, Crop]:
    """A drawn face and a photographed one."""
    found: dict[Domain, Crop] = {}
    for domain in DOMAINS:
        image = decode(PICTURES[domain]).image
        face = find_faces(image)[0]
        frame = geometry.upright(face.crop)
        found[domain] = np.array(geometry.align(image, frame, PX)), PX * frame(face.landmarks)
    return found


def test_cielab_is_python_s(page: javascript.Modules) -> None:
    rgb = np.random.default_rng(0).uniform(0, 255, (40, 3))
    rgb[:4] = [[0, 0, 0], [255, 255, 255], [128, 128, 128], [9, 10, 11]]
    labs = cielab.to_lab(rgb)
    here = np.array([page("cielab.js", "toLab", colour) for colour in rgb.tolist()])
    np.testing.assert_allclose(here, labs, atol=1e-9)
    wild = labs * (1, 2, 2)  # no screen shows them all
    here = np.array([page("cielab.js", "fromLab", colour) for colour in wild.tolist()])
    np.testing.assert_allclose(here, cielab.from_lab(wild), atol=1e-9)
    pairs = list(zip(labs.tolist(), np.roll(labs, 1, 0).tolist(), strict=True))
    here = np.array([page("cielab.js", "ciede2000", *pair) for pair in pairs])
    np.testing.assert_allclose(here, cielab.ciede2000(labs, np.roll(labs, 1, 0)), atol=1e-9)
    assert np.ptp(here) > 20


@pytest.mark.parametrize("domain", DOMAINS)
def test_skin_and_irises_are_read_as_in_python(
    page: javascript.Modules, crops: dict[Domain, Crop], domain: Domain
) -> None:
    pixels, landmarks = crops[domain]
    given, tone = (javascript.picture(pixels), landmarks.tolist()), skin_tone(pixels, landmarks)
    assert tone is not None
    np.testing.assert_allclose(page("colours.js", "skinTone", *given), tone, atol=1e-3)
    read = page("colours.js", "irises", *given, domain)
    for here, there in zip(read, irises(pixels, landmarks, domain), strict=True):
        assert there is not None
        np.testing.assert_allclose(here["colour"], there.colour, atol=1e-3)
        assert here["middle"] == pytest.approx(there.middle, abs=1e-5)
    both = eye_colour(pixels, landmarks, domain)
    assert both is not None
    np.testing.assert_allclose(page("colours.js", "eyeColour", *given, domain), both, atol=1e-3)


def test_no_colours_are_read_off_what_has_none(page: javascript.Modules, crops: dict[Domain, Crop]) -> None:
    pixels, landmarks = crops["anime"]
    given = javascript.picture(pixels), (0.5 * landmarks).tolist()  # a small face
    assert page("colours.js", "skinTone", *given) is skin_tone(pixels, 0.5 * landmarks) is None
    assert page("colours.js", "irises", *given, "anime") == [None, None]
    blank = np.full_like(pixels, 220)
    given = javascript.picture(blank), landmarks.tolist()
    assert page("colours.js", "eyeColour", *given, "anime") is eye_colour(blank, landmarks, "anime") is None


def test_a_mask_follows_edges_as_in_python(page: javascript.Modules, crops: dict[Domain, Crop]) -> None:
    pixels, _ = crops["anime"]
    given = javascript.picture(pixels)
    ((face, hair),) = page("heads.js", "faceAndHair", [given], {"callback": "head"})
    np.testing.assert_allclose([face.reshape(64, 64), hair.reshape(64, 64)], face_and_hair(pixels[None])[0], atol=1e-5)
    assert abs(face - hair).mean() > 0.1
    fine = page("heads.js", "alongEdges", face, given, 1, 1e-3).reshape(PX, PX)
    np.testing.assert_allclose(fine, along_edges(face.reshape(64, 64), pixels, 1, 1e-3), atol=1e-3)


def test_means_of_windows_are_python_s_where_a_picture_is_not_square(page: javascript.Modules) -> None:
    plane = np.random.default_rng(0).random((7, 4), np.float32)
    here = page("planes.js", "boxMean", plane.ravel(), 1, 4).reshape(7, 4)
    np.testing.assert_allclose(here, box_mean(plane, 1), atol=1e-6)


def kept(
    page: javascript.Modules, source: NDArray[np.uint8], result: NDArray[np.uint8], landmarks: Any, to: Domain
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The result with its input's colours, by docs/try and by Python."""
    shares = landmarks / PX
    networks = {"callback": "landmarks"}, {"callback": "head"}
    squares = javascript.picture(source), javascript.picture(result)
    here = page("kept-colours.js", "keepColours", build_try.face_facts(), *networks, *squares, shares.tolist(), to)
    return javascript.pixels(here), keep_colours(source[None], result[None], shares[None], to)[0]


@pytest.mark.parametrize("to", DOMAINS)
@pytest.mark.parametrize("look", ["as it is", "darker", "redder"])
def test_results_keep_colours_as_in_python(
    page: javascript.Modules, crops: dict[Domain, Crop], to: Domain, look: str
) -> None:
    """What is drawn gets the photographed face's skin, what is photographed the drawn one's irises."""
    source, landmarks = crops["real" if to == "anime" else "anime"]
    result, _ = crops[to]
    source = (source * {"as it is": 1.0, "darker": 0.7, "redder": np.array([1, 0.8, 0.8])}[look]).astype(np.uint8)
    here, there = kept(page, source, result, landmarks, to)
    apart = np.abs(here.astype(int) - there)
    print(f"\nto {to}, {look}: {apart.mean():.5f} grey levels from Python, {apart.max()} at most")
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3
    assert (there != result).any(-1).sum() > 30


@pytest.mark.parametrize("to", DOMAINS)
def test_colours_that_are_not_found_change_nothing(
    page: javascript.Modules, crops: dict[Domain, Crop], to: Domain
) -> None:
    source, landmarks = crops["real" if to == "anime" else "anime"]
    grey = np.full_like(source, 128)
    for given, result in ((source, grey), (grey, crops[to][0])):  # no face in the result; no colours in the input
        here, there = kept(page, given, result, landmarks, to)
        assert np.array_equal(here, there)
        assert np.array_equal(here, result)
