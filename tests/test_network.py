"""A translator does what its network does, to the last of 255 levels, and says what is wrong in one line."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tiny
from draw_faces import LOOKS, draw_face
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from anime2real import Translator, UserError, network
from anime2real.bundle.format import BundleError, read
from anime2real.bundle.redrawer import networks_sum
from anime2real.domain import Domain
from anime2real.face.geometry import TEMPLATE
from anime2real.image.decode import PictureError
from anime2real.network import TranslatorError
from anime2real.session import Pixels, to_float, to_uint8
from anime2real.translator import find_faces
from anime2real.translator import kept as kept_translator

PX = tiny.PX


def levels() -> np.ndarray:
    """(3, 16, 16, 3): all 256 levels in each channel, in different orders."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return np.stack([np.stack([ramp, ramp.T, ramp[::-1]], -1), *(2 * [np.stack([ramp[:, ::-1]] * 3, -1)])])


@pytest.fixture
def identity(tmp_path: Path) -> Translator:
    return Translator.open(tiny.write_bundle(tmp_path / "identity").folder)


def test_every_level_comes_back_exactly(identity: Translator) -> None:
    assert np.array_equal(identity.translate(levels()), levels())
    assert np.array_equal(to_uint8(to_float(levels())), levels())
    floats = to_float(levels())
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (-1.0, 1.0)


def test_results_are_rounded_and_clipped(tmp_path: Path) -> None:
    brighter = Translator.open(tiny.write_bundle(tmp_path / "b", tiny.model(add=0.5)).folder)
    expected = np.minimum(np.rint(levels().astype(np.float64) + 0.5 * 127.5), 255)
    # A half level may fall either way in fp32.
    assert np.abs(brighter.translate(levels()).astype(float) - expected).max() <= 1
    negative = Translator.open(tiny.write_bundle(tmp_path / "n", tiny.model(scale=-1.0)).folder)
    assert np.array_equal(negative.translate(levels()), 255 - levels())


def test_weights_in_half_precision_need_nothing_special(tmp_path: Path) -> None:
    half = Translator.open(tiny.write_bundle(tmp_path / "h", tiny.model(add=-0.25, half=True)).folder)
    full = Translator.open(tiny.write_bundle(tmp_path / "f", tiny.model(add=-0.25)).folder)
    assert np.array_equal(half.translate(levels()), full.translate(levels()))


def redrawn(folder: Path, **back: Any) -> Translator:
    """A translator to real that brightens, redrawn by one, called `back`, that halves unless `back` says otherwise."""
    tiny.write_bundle(folder / "back", **{"content": tiny.model(scale=0.5), "source": "real", "target": "anime"} | back)
    return Translator.open(tiny.write_bundle(folder / "there", tiny.model(add=0.25), redrawn_by="back").folder)


def test_results_are_redrawn_and_translated_once_more(tmp_path: Path) -> None:
    dark = np.full((2, PX, PX, 3), 51, np.uint8)  # -0.6
    there = redrawn(tmp_path)
    assert there.translate(dark).flatten().tolist() == [round(((-0.6 + 0.25) * 0.5 + 0.25 + 1) * 127.5)] * dark.size
    once = Translator(there.bundle, redraws=False)
    assert once.translate(dark).flatten().tolist() == [round((-0.6 + 0.25 + 1) * 127.5)] * dark.size
    for one in (there, once):
        assert np.array_equal(pickle.loads(pickle.dumps(one)).translate(dark), one.translate(dark))
    # The two share what is loaded, and the way back alone is as it was.
    assert there._session is once._session
    back = Translator.open(tmp_path / "back")
    assert back.translate(dark)[0, 0, 0, 0] == round((-0.6 * 0.5 + 1) * 127.5)


def test_what_is_made_in_the_end_gets_the_colours_of_what_went_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inverted(
        inputs: Pixels, results: Pixels, landmarks: NDArray[np.float64], to: Domain, *, threads: int
    ) -> Pixels:
        asked.append((inputs, results, landmarks, to))
        return 255 - results

    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(network, "keep_colours", inverted)
    redrawn(tmp_path, keeps_colours=True)
    keeps = tiny.write_bundle(tmp_path / "there", tiny.model(add=0.25), redrawn_by="back", keeps_colours=True)
    dark, places = np.full((2, PX, PX, 3), 51, np.uint8), np.stack([TEMPLATE, TEMPLATE + 0.1])
    plain = Translator(keeps, keeps_colours=False).translate(dark, places)
    assert not asked
    assert np.array_equal(Translator(keeps).translate(dark, places), 255 - plain)
    ((inputs, results, landmarks, to),) = asked  # once: not of the drawing on the way
    assert np.array_equal(inputs, dark)
    assert np.array_equal(results, plain)
    assert np.array_equal(landmarks, places)
    assert to == "real"


def test_two_that_redraw_each_other_do_so_once(tmp_path: Path) -> None:
    there = redrawn(tmp_path, redrawn_by="there")
    assert there.translate(np.full((1, PX, PX, 3), 51, np.uint8))[0, 0, 0, 0] == round((-0.35 * 0.5 + 1.25) * 127.5)


def test_another_that_redraws_gives_other_results(tmp_path: Path) -> None:
    there = redrawn(tmp_path)
    before, kept = networks_sum(there.bundle), kept_translator(Translator, there.bundle, 1)
    assert before == f"{there.bundle.sha256}+{read(tmp_path / 'back').sha256}"
    assert kept_translator(Translator, there.bundle, 1) is kept
    tiny.write_bundle(tmp_path / "back", tiny.model(scale=0.25), source="real", target="anime")
    assert networks_sum(there.bundle) != before
    assert kept_translator(Translator, there.bundle, 1) is not kept
    assert networks_sum(read(tmp_path / "back")) == read(tmp_path / "back").sha256


def test_nobody_older_is_asked_of_what_redraws_than_it_can_draw(tmp_path: Path) -> None:
    told = {"content": tiny.who_model(), "conditions": ("who",), "ages": (20, 30)}
    there = redrawn(tmp_path, **told)
    results = there.translate(levels(), who=np.array([[1.0, 0.7], [-1.0, 0.25], [0.5, 0.18]]))
    for result, (sex, age) in zip(results, ((1.0, 0.3), (-1.0, 0.25), (0.5, 0.2)), strict=True):
        wanted = np.array([sex, age, -1.0]) + 0.25
        assert np.abs(result[0, 0] - ((wanted + 1) * 127.5).clip(0, 255)).max() <= 1


def test_what_redraws_has_to_lie_beside_and_lead_back(tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "alone" / "there", redrawn_by="back")
    with pytest.raises(BundleError, match="redrawn by back, which is neither in it nor beside it: put that"):
        Translator.open(tmp_path / "alone" / "there")
    with pytest.raises(BundleError, match="does not lead back from"):
        redrawn(tmp_path / "same", source="anime", target="real")
    with pytest.raises(BundleError, match="does not lead back from"):
        redrawn(tmp_path / "small", px=32, content=tiny.model(32))
    with pytest.raises(
        BundleError, match="back takes label maps, which no bundle draws: cyclegan-anime-to-real cannot"
    ):
        redrawn(tmp_path / "map", classes=("sky", "skin"))
    manifest = tmp_path / "alone" / "there" / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"back"', '"../back"'))
    with pytest.raises(BundleError, match="redrawn_by in 'training' must be the name of a bundle"):
        Translator.open(tmp_path / "alone" / "there")
    manifest.write_text(manifest.read_text().replace('"redrawn_by": "../back"', '"keeps_colours": 1'))
    with pytest.raises(BundleError, match="keeps_colours in 'training' must be true or false, not 1"):
        Translator.open(tmp_path / "alone" / "there")


def test_one_picture_of_any_kind(identity: Translator, tmp_path: Path) -> None:
    pixels = levels()[0]
    image = Image.fromarray(pixels)
    image.save(tmp_path / "picture.png")
    for picture in (pixels, image, tmp_path / "picture.png", str(tmp_path / "picture.png")):
        result = identity(picture, crop="none")
        assert (result.mode, result.size) == ("RGB", (PX, PX))
        assert np.array_equal(np.asarray(result), pixels)
    assert identity(image.convert("L"), crop="none").mode == "RGB"


def test_transparency_is_laid_on_white(identity: Translator) -> None:
    clear = Image.new("RGBA", (PX, PX), (255, 0, 0, 0))
    assert np.array_equal(np.asarray(identity(clear, crop="none")), np.full((PX, PX, 3), 255))


def test_the_centre_square_is_taken(identity: Translator) -> None:
    wide = np.zeros((PX, 3 * PX, 3), np.uint8)
    wide[:, PX : 2 * PX] = levels()[0]
    assert np.array_equal(np.asarray(identity(wide, crop="none")), levels()[0])


def test_the_largest_face_is_taken_and_turned_upright(tmp_path: Path) -> None:
    drawing, _ = draw_face(LOOKS[0], 200)
    canvas = Image.new("RGB", (420, 300), (200, 210, 205))
    canvas.paste(drawing.rotate(-20, expand=True, fillcolor=(200, 210, 205)), (120, 10))
    translator = Translator.open(tiny.write_bundle(tmp_path / "larger", tiny.model(96), px=96).folder)
    (face,) = find_faces(translator(canvas).resize((192, 192)))
    assert abs(np.degrees(face.tilt)) < 5
    assert np.abs(face.landmarks.mean(0) / 192 - TEMPLATE.mean(0)).max() < 0.05
    with pytest.raises(TranslatorError, match="crop='none'"):
        translator(Image.new("RGB", (64, 64), (10, 120, 90)))


@pytest.mark.parametrize("count", [0, 1, 3, 8, 19])
def test_batches_of_any_size(identity: Translator, count: int) -> None:
    pictures = [np.full((PX, PX, 3), i, np.uint8) for i in range(count)]
    results = identity.batch(pictures, crop="none")
    assert [int(np.asarray(result)[0, 0, 0]) for result in results] == list(range(count))
    assert identity.translate(np.zeros((count, PX, PX, 3), np.uint8)).shape == (count, PX, PX, 3)


def test_threads_change_nothing(tmp_path: Path) -> None:
    folder = tiny.write_bundle(tmp_path / "b", tiny.model(add=0.1)).folder
    one, two = Translator.open(folder, threads=1), Translator.open(folder, threads=2)
    assert np.array_equal(one.translate(levels()), two.translate(levels()))
    with pytest.raises(TranslatorError, match="a whole number from 1"):
        Translator.open(folder, threads=0)


class Recorder:
    """A session that notes how many pictures each call of it gets."""

    def __init__(self, session: Any) -> None:
        self.session, self.counts = session, list[int]()

    def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> Any:
        """As the session's."""
        self.counts.append(len(inputs["image"]))
        return self.session.run(names, inputs)


@pytest.mark.parametrize(("threads", "counts"), [(1, [2, 2, 2, 2, 2, 1]), (3, [3, 3, 3, 2]), (64, [8, 3])])
def test_a_call_gets_a_picture_a_thread(tmp_path: Path, threads: int, counts: list[int]) -> None:
    translator = Translator.open(tiny.write_bundle(tmp_path / "b").folder, threads=threads)
    translator._session = recorder = Recorder(translator._session)  # type: ignore[assignment]
    assert len(translator.translate(np.zeros((11, PX, PX, 3), np.uint8))) == 11
    assert recorder.counts == counts


def test_load_takes_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.ship_only(monkeypatch, tmp_path)
    tiny.write_bundle(tmp_path / "cyclegan-real-to-anime", source="real", target="anime")
    translator = Translator.load("cyclegan", to="anime")
    assert (translator.bundle.source, translator.px) == ("real", PX)
    with pytest.raises(UserError, match="did you mean 'cyclegan'"):
        Translator.load("cycle-gan")


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((PX, PX, 2), np.uint8), np.zeros((PX,), np.uint8), np.zeros((PX, PX, 3), np.float32),
        np.zeros((0, PX, 3), np.uint8),
    ],
)  # fmt: skip
def test_an_array_that_is_no_picture(identity: Translator, pixels: np.ndarray) -> None:
    with pytest.raises(PictureError, match=r"\(H, W, 4\), uint8 or uint16, not"):
        identity(pixels)


@pytest.mark.parametrize("threads", [0, True, 1.0, "2"])
def test_threads_are_a_whole_number(tmp_path: Path, threads: Any) -> None:
    folder = tiny.write_bundle(tmp_path / "b").folder
    with pytest.raises(TranslatorError, match=f"^threads is a whole number from 1, not {threads!r}$"):
        Translator.open(folder, threads=threads)


@pytest.mark.parametrize("variant", [-1, True, [True], 0.0, "1"])
def test_a_variant_is_a_whole_number(identity: Translator, variant: Any) -> None:
    with pytest.raises(TranslatorError, match="a variant is a whole number from 0, not "):
        identity.translate(levels()[:1], variant=variant)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"landmarks": np.zeros((1, 4, 2))}, r"landmarks are \(1, 5, 2\) finite numbers"),
        ({"landmarks": np.full((1, 5, 2), np.nan)}, r"landmarks are \(1, 5, 2\) finite numbers"),
        ({"who": np.zeros((2, 2))}, r"who are \(1, 2\) finite numbers"),
        ({"who": [[0, np.inf]]}, r"who are \(1, 2\) finite numbers"),
        ({"who": "man"}, r"who are \(1, 2\) finite numbers"),
    ],
)
def test_what_a_network_is_told_is_finite_and_of_one_shape(
    identity: Translator, told: dict[str, Any], said: str
) -> None:
    with pytest.raises(TranslatorError, match=said):
        identity.translate(levels()[:1], **told)


def test_another_size_or_object_is_refused(identity: Translator, tmp_path: Path) -> None:
    with pytest.raises(TranslatorError, match="takes"):
        identity.translate(np.zeros((1, PX, PX + 1, 3), np.uint8))
    with pytest.raises(TranslatorError, match=r"not \(0,\) float64"):
        identity.translate([])  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="not int"):
        identity(3)  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="not there"):
        identity(tmp_path / "nowhere.png")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiny.model(inputs=("picture",)), "goes from picture"),
        (tiny.model(inputs=("image", "tilt")), "goes from image, tilt"),
        (tiny.model(batch=1), "holds no translator of 16 px"),
        (tiny.model(px=32), "holds no translator of 16 px"),
    ],
)
def test_another_signature_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(BundleError, match=words) as caught:
        tiny.write_bundle(tmp_path / "b", content)
    assert "\n" not in str(caught.value)


def test_a_condition_that_this_version_cannot_give(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="wants mood"):
        tiny.write_bundle(tmp_path / "b", conditions=("mood",))
    with pytest.raises(BundleError, match="not from image, tilt to one"):
        tiny.write_bundle(tmp_path / "c", conditions=("tilt",))


def test_a_network_that_gives_nonsense(tmp_path: Path) -> None:
    broken = Translator.open(tiny.write_bundle(tmp_path / "nan", tiny.model(add=float("nan"))).folder)
    with pytest.raises(TranslatorError, match="NaN"):
        broken.translate(levels())


@pytest.mark.parametrize("sides", [(PX, PX), ("H", "W")])
def test_a_network_that_doubles_the_picture(tmp_path: Path, sides: tuple[int | str, ...]) -> None:
    value = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, *sides])
    output = helper.make_tensor_value_info("large", TensorProto.FLOAT, ["N", 3, None, None])
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    node = helper.make_node("Resize", ["image", "", "scales"], ["large"], mode="linear")
    graph = helper.make_graph([node], "g", [value], [output], [scales])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(file)
    with pytest.raises(BundleError, match="pictures of another size"):
        tiny.write_bundle(tmp_path / "large", file.SerializeToString())


def test_a_call_that_wants_more_memory_than_there_is_fails_in_one_line(tmp_path: Path) -> None:
    """In a process of its own, since all networks of a process share the memory."""
    folder = tiny.write_bundle(tmp_path / "b", tiny.model(1024), px=1024).folder
    code = (
        "import numpy as np; from anime2real import session; session.ARENA_BYTES = 2**23; "
        "from anime2real.translator import Translator; "
        f"Translator.open({str(folder)!r}).translate(np.zeros((1, 1024, 1024, 3), np.uint8))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "TranslatorError" in done.stderr.splitlines()[-1]
    assert "[E:onnxruntime" not in done.stderr
