"""Rates of results that are known: what is blurred, has a lattice, is not mirrored, not as asked or not kept."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, ImageDraw, ImageFilter

from anime2real.face.geometry import TEMPLATE, Similarity, align, scaling
from anime2real.measure import rates as module
from anime2real.measure.figures import correlation, mean, median, ratio, share
from anime2real.measure.foreign import foreign_detector
from anime2real.measure.rates import TRAITS, Inputs, Least, Measured, lattices, least, measure
from anime2real.measure.rates import rates as all_rates
from anime2real.measure.sharpness import fine_detail
from anime2real.measure.symmetry import symmetry
from anime2real.measure.table import HEADER, rates_table
from anime2real.translator import Translator

PX = 32
NOISE = np.random.default_rng(0).integers(0, 256, (20, PX, PX, 3), np.uint8)
SMOOTH = np.stack([np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(2))) for p in NOISE])
BLUE, GREEN, SKIN = (30.0, 10.0, -40.0), (50.0, -40.0, 30.0), (80.0, 10.0, 15.0)
SHOWN = np.array([[1.0, 30, 1, 1, 1, 1], [-1.0, 30, 0, 0, 0, 0]] * 10)


def measured(
    pictures: np.ndarray, after: np.ndarray = SHOWN, mirrored: np.ndarray | None = None, **given: Any
) -> Measured:
    details = np.stack([fine_detail(pictures), fine_detail(pictures if mirrored is None else mirrored)], 1)
    count = len(pictures)
    known: dict[str, Any] = {
        "found": np.ones(count, bool),
        "elsewhere": None,
        "details": details,
        "mirror_distance": np.zeros(count),
        "symmetry": np.ones(count),
        "lattice": lattices(pictures),
        "before": SHOWN[:count],
        "after": after[:count],
        "eyes": np.full((count, 2, 3), np.nan),
        "skins": np.full((count, 2, 3), np.nan),
    }
    return Measured(**(known | given))


def rates(measured: Measured, sharp_from: float, sources: Sequence[str]) -> dict[str, Any]:
    return all_rates(measured, Least(sharp_from, 0.5), sources, lambda rows: None)


def sharp_from(pictures: np.ndarray) -> float:
    return least(pictures, np.broadcast_to(TEMPLATE * PX, (len(pictures), 5, 2))).detail


def test_what_is_blurred_is_not_sharp_and_each_source_counts_apart() -> None:
    half = np.concatenate([NOISE[:10], SMOOTH[10:]])
    record = rates(measured(half), sharp_from(NOISE), ["frames"] * 10 + ["men"] * 10)
    assert record["sources"]["men"]["sharp"]["value"] == 0
    assert record["sources"]["frames"]["sharp"]["value"] >= 0.9
    assert record["sharp"]["value"] == pytest.approx(record["sources"]["frames"]["sharp"]["value"] / 2)
    assert [record["sources"][name]["images"] for name in ("frames", "men")] == [10, 10]
    assert rates(measured(NOISE), sharp_from(NOISE), ["all"] * 20)["sharp"]["value"] == 0.95
    json.dumps(record, allow_nan=False)


def test_a_checkerboard_has_a_lattice() -> None:
    board = np.where(np.indices((PX, PX)).sum(0) % 2, 12, 0).astype(np.uint8)[None, :, :, None]
    stripes = np.where(np.indices((PX, PX))[1] % 2, 12, 0).astype(np.uint8)[None, :, :, None]
    noise = NOISE // 4 + 100
    assert np.median(lattices(noise)) < 3
    assert np.median(lattices(noise + board)) > 6
    assert np.median(lattices(noise + stripes)) > 6
    assert lattices(np.full((1, PX, PX, 3), 90, np.uint8)).tolist() == [1.0]


def test_a_flipped_label_is_not_kept() -> None:
    record = rates(measured(NOISE), 0.0, ["all"] * 20)
    assert all(
        side["value"] == 1 and side["images"] == 10 for kept in record["kept"].values() for side in kept.values()
    )
    for name, (place, _) in TRAITS.items():
        flipped = SHOWN.copy()
        flipped[0, place] = SHOWN[1, place]  # what the first showed is gone
        kept = rates(measured(NOISE, flipped), 0.0, ["all"] * 20)["kept"]
        assert kept[name]["there"]["value"] == 0.9
        assert kept[name]["absent"]["value"] == 1
        assert all(sides["there"]["value"] == 1 for other, sides in kept.items() if other != name)
    lost = rates(measured(NOISE[:1], SHOWN[1:]), 0.0, ["all"])["kept"]["glasses"]  # of one input, who wears them
    assert lost["there"]["value"] == 0
    assert lost["absent"] is None


def test_intervals() -> None:
    assert share(np.array([True] * 9 + [False])) == {"value": 0.9, "interval": [0.5958, 0.9821], "images": 10}
    values = np.arange(100.0)
    for figure, middle in ((mean(values), 49.5), (median(np.append(values, 1e6)), 50)):
        assert figure is not None
        low, high = figure["interval"]
        assert low < figure["value"] == middle < high < 70
    tied, loose = correlation(values, values * 2 + 1), correlation(values, np.random.default_rng(0).random(100))
    assert tied is not None
    assert loose is not None
    assert (tied["value"], tied["interval"]) == (1, [1, 1])
    low, high = loose["interval"]
    assert low < 0 < high
    halved = ratio(values + 1, 2 * values + 2, 100)
    assert halved is not None
    assert (halved["value"], halved["images"]) == (0.5, 100)
    assert ratio(values, values, 100) is None  # by nothing
    assert correlation(values, np.ones(100)) is correlation(values[:3], values[:3]) is None
    assert share(np.zeros(0, bool)) is mean(values[:0]) is median(values[:0]) is None


def test_sharpness_by_chance_does_not_correlate() -> None:
    order = np.random.default_rng(1).permutation(20)
    mixed = np.concatenate([NOISE[:10], SMOOTH[10:]])
    assert rates(measured(mixed, mirrored=mixed), 0.0, ["a"] * 20)["mirror_correlation"]["value"] == 1
    by_chance = rates(measured(mixed, mirrored=mixed[order]), 0.0, ["a"] * 20)["mirror_correlation"]
    assert by_chance["interval"][0] < 0.4 < 0.9 > by_chance["value"]


def test_whoever_draws_the_same_for_a_mirrored_input_is_not_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_labels", lambda pictures, landmarks: SHOWN[: len(pictures)])
    inputs = Inputs(NOISE, np.broadcast_to(TEMPLATE, (20, 5, 2)), SHOWN)
    bundle = SimpleNamespace(px=PX, target="real", classes=(), takes_who=False, ages=(18.0, 80.0))

    def distance(translate: Any) -> float:
        translator: Any = SimpleNamespace(bundle=bundle, translate=translate)
        found = measure(translator, inputs, translate(NOISE, inputs.shares), np.ones(20, bool), PX)
        assert found.asked is found.answered is None
        return rates(found, 0.0, ["all"] * 20)["mirror_distance"]["value"]

    ramp = np.broadcast_to(np.arange(PX, dtype=np.uint8)[None, None, :, None], NOISE.shape)
    assert distance(lambda pixels, shares, who=None: pixels) == 0
    assert distance(lambda pixels, shares, who=None: ramp) == pytest.approx(np.abs(np.arange(PX) * 2 - 31).mean())


def test_sex_and_age_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that draws the sex it is told in red and the age in green, and labels that read them, or half of it."""

    def read(pictures: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        colours = pictures[:, 0, 0].astype(float) / 127.5 - 1
        return np.concatenate([colours[:, :1], 100 * colours[:, 1:2], np.zeros((len(pictures), 4))], 1)

    bundle = tiny.write_bundle(tmp_path / "told", tiny.who_model(PX), px=PX, conditions=("who",), ages=(20, 60))
    translator = Translator(bundle)
    inputs = Inputs(NOISE, np.broadcast_to(TEMPLATE, (20, 5, 2)), SHOWN)
    drawn = translator.translate(NOISE, inputs.shares, who=inputs.told(bundle))
    monkeypatch.setattr(module, "read_labels", read)
    found = measure(translator, inputs, drawn, np.ones(20, bool), PX)
    record = rates(found, 0.0, ["all"] * 20)
    assert found.asked is not None
    assert 20 <= found.asked[:, 1].min() < 30 < 50 < found.asked[:, 1].max() <= 60
    assert set(found.asked[:, 0]) == {-1, 1}
    assert record["sex_as_asked"]["value"] == 1
    assert record["age_error_years"]["value"] < 0.5
    assert record["kept"]["man"]["there"]["value"] == record["kept"]["man"]["absent"]["value"] == 1  # told as they look
    monkeypatch.setattr(module, "read_labels", lambda *given: read(*given) * (-1, 0, 1, 1, 1, 1) + (0, 30, 0, 0, 0, 0))
    record = rates(measure(translator, inputs, drawn, np.ones(20, bool), PX), 0.0, ["all"] * 20)
    assert record["sex_as_asked"]["value"] == 0
    assert record["age_error_years"]["value"] == pytest.approx(np.abs(found.asked[:, 1] - 30).mean(), abs=1e-3)


def test_men_count_apart_and_so_does_a_detector_that_is_not_ours() -> None:
    elsewhere = SHOWN[:, 0] > 0  # of men alone
    record = rates(measured(NOISE, elsewhere=elsewhere, symmetry=np.where(elsewhere, 0.4, 0.6)), 0.0, ["all"] * 20)
    assert record["face_elsewhere"]["value"] == record["symmetric"]["value"] == 0.5
    assert (record["men"]["images"], record["men"]["face_elsewhere"]["value"]) == (10, 1)
    assert record["men"]["symmetric"]["value"] == 0
    assert rates(measured(NOISE), 0.0, ["all"] * 20)["face_elsewhere"] is None


def test_colours_that_are_kept_and_those_of_somebody_else() -> None:
    """Whoever gives everybody their own eyes stands at 0; whoever gives all the same eyes, at 1."""
    irises = np.array([BLUE, BLUE, GREEN, GREEN] * 5)
    skins = np.broadcast_to(np.array(SKIN), (20, 2, 3)).copy()
    skins[0, 1] = (60.0, 10.0, 15.0)
    skins[1] = np.nan  # not found
    own = rates(measured(NOISE, eyes=np.stack([irises, irises], 1), skins=skins), 0.0, ["all"] * 20)
    assert own["eye_delta_e"]["value"] == own["eye_ratio"]["value"] == 0
    assert own["eye_delta_e"]["images"] == 10  # the eyes of the others are closed
    assert own["skin_delta_e"]["images"] == 19
    assert own["skin_delta_e"]["value"] > 0.5
    same = np.broadcast_to(np.array(BLUE), (20, 3))
    shown = np.tile(SHOWN[:1], (20, 1))
    given = rates(measured(NOISE, eyes=np.stack([irises, same], 1), before=shown), 0.0, ["all"] * 20)
    assert given["eye_ratio"]["value"] == pytest.approx(1)
    low, high = given["eye_ratio"]["interval"]
    assert low < 1 < high


def test_halves_that_differ_and_those_that_do_not() -> None:
    """A face is symmetric however it is lit or leans; not with one eye smeared."""
    side = 128
    face = Image.new("L", (side, side), 180)
    draw = ImageDraw.Draw(face)
    for (x, y), size in zip(TEMPLATE * side, (7, 7, 4, 3, 3), strict=True):
        draw.ellipse((x - size, y - 5, x + size, y + 5), 40)
    plain = np.asarray(face.convert("RGB"))
    light = (plain * np.linspace(0.8, 1.0, side)[None, :, None]).astype(np.uint8)
    smeared = plain.copy()
    smeared[52:70, 74:92] = 170
    points = np.broadcast_to(TEMPLATE * side, (3, 5, 2))
    whole, lit, broken = symmetry(np.stack([plain, light, smeared]), points)
    assert whole > 0.95
    assert lit > 0.8
    assert broken < 0.7 < lit
    lean = Similarity(complex(np.cos(0.4), np.sin(0.4)), 12 - 20j)
    leaning = align(Image.fromarray(plain), lean.then(scaling(1 / side)), side)
    assert symmetry(np.asarray(leaning)[None], lean(TEMPLATE * side)[None])[0] > 0.9


def test_the_table_has_a_row_for_each_source_for_men_and_for_the_pictures_themselves() -> None:
    result = {"method": "cyclegan", "to": "real"}
    target = {"target": {"images": 7, "face_elsewhere": share(np.ones(7, bool)), "lattice": mean(np.full(7, 1.5))}}
    two = rates(measured(NOISE), 0.0, ["frames"] * 10 + ["men"] * 10) | target
    one = rates(measured(NOISE), 0.0, ["frames"] * 20) | target
    lines = rates_table({"results": [{**result, "rates": two}, {**result, "rates": one}]}).splitlines()
    rows = [line.strip("|").split(" | ") for line in lines]
    assert [row[2].strip() for row in rows[2:]] == ["all", "frames", "men", "all men", "real", "all", "all men", "real"]
    assert {len(row) for row in rows} == {len(HEADER)}
    cells = dict(zip(HEADER, (cell.strip() for cell in rows[2]), strict=True))
    assert (cells["sharp"], cells["symmetric"], cells["mirror r"]) == ("100 %", "100 %", "1.00")
    assert (cells["sex as asked"], cells["age error"], cells["man / woman"]) == ("–", "–", "100 / 100 %")
    own = dict(zip(HEADER, (cell.strip() for cell in rows[6]), strict=True))
    assert (own["images"], own["face / elsewhere"], own["lattice"]) == ("7", "– / 100 %", "1.50")


@pytest.mark.skipif(foreign_detector() is None, reason="the extra `foreign` is not installed")
def test_a_detector_that_is_not_ours_finds_faces_and_nothing_else() -> None:
    detector = foreign_detector()
    assert detector is not None
    assert detector.name.startswith("YuNet")
    portraits = sorted((Path(__file__).parents[2] / "examples" / "photographs").glob("*.webp"))[:2]
    faces = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in portraits])
    noise = np.random.default_rng(0).integers(0, 256, faces.shape, np.uint8)
    assert detector.find(np.concatenate([faces, noise])).tolist() == [True, True, False, False]
