"""Rates of results that are known: what is blurred, has a lattice, is not mirrored, not as asked or not kept."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny
from PIL import Image, ImageFilter

from anime2real.face.geometry import TEMPLATE
from anime2real.measure import rates as module
from anime2real.measure.rates import (
    TRAITS,
    Inputs,
    Measured,
    correlation,
    lattices,
    mean,
    measure,
    median,
    rates,
    rates_table,
    share,
    sharp_from,
)
from anime2real.measure.sharpness import detail
from anime2real.translator import Translator

PX = 32
NOISE = np.random.default_rng(0).integers(0, 256, (20, PX, PX, 3), np.uint8)
SMOOTH = np.stack([np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(2))) for p in NOISE])
SHOWN = np.array([[1.0, 30, 1, 1, 1, 1], [-1.0, 30, 0, 0, 0, 0]] * 10)


def measured(pictures: np.ndarray, after: np.ndarray = SHOWN, mirrored: np.ndarray | None = None) -> Measured:
    details = np.stack([detail(pictures), detail(pictures if mirrored is None else mirrored)], 1)
    count = len(pictures)
    return Measured(np.ones(count, bool), details, np.zeros(count), lattices(pictures), SHOWN[:count], after[:count])


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
    bundle = SimpleNamespace(px=PX, takes_who=False, ages=(18.0, 80.0))

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


def test_the_table_has_a_row_for_each_source() -> None:
    result = {"method": "cyclegan", "to": "real"}
    two = rates(measured(NOISE), 0.0, ["frames"] * 10 + ["men"] * 10)
    one = rates(measured(NOISE), 0.0, ["frames"] * 20)
    lines = rates_table({"results": [{**result, "rates": two}, {**result, "rates": one}]}).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines]
    assert [row[2] for row in rows[2:]] == ["all", "frames", "men", "all"]
    assert {len(row) for row in rows} == {16}
    assert rows[2][4:7] == ["100 %", "100 %", "1.00"]
    assert rows[2][9:12] == ["–", "–", "100 / 100 %"]
