"""Figures of translators whose results are known exactly."""

import json
import math
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import other_drawings
import pytest
import tiny
import torch
from draw_faces import LOOKS, draw_face
from PIL import Image

from anime2real.bundle.format import read
from anime2real.cli.main import main
from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import sums_of, write_both, write_index, write_meta
from anime2real.face.geometry import TEMPLATE, Face, Similarity
from anime2real.image.decode import decode
from anime2real.measure.distances import kid
from anime2real.measure.evaluate import evaluate
from anime2real.measure.faces import BINS, compare_faces, misplacement
from anime2real.measure.features import FeatureError, Features
from anime2real.measure.foreign import MISSING
from anime2real.measure.subjects import EvaluationError, turned
from anime2real.measure.table import FOOTNOTE, TOO_FEW, rates_table, table
from anime2real.pipeline import crop_faces, crop_lined_up

PHOTOGRAPH = Path(__file__).parent.parent.parent / "docs" / "pictures" / "astronaut.jpg"
PX = 96


def leaning(degrees: float) -> np.ndarray:
    angle = math.radians(degrees)
    return Similarity(50 * complex(math.cos(angle), math.sin(angle)), 40 + 40j)(TEMPLATE)


def test_misplacement_by_hand() -> None:
    expected = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [0.5, 2.0], [1.5, 2.0]])
    assert misplacement(expected, expected * 3 + 7) == pytest.approx(0)
    square, kite = (np.array(p, float) for p in ([[-1, 0], [1, 0], [0, 0], [0, -1], [0, 1]],) * 2)
    kite[2] = (0, 0.5)  # the best similarity moves all down by 0.1: 0.4 + 4 × 0.1, over 5, over an eye distance of 2
    assert misplacement(square, kite) == pytest.approx((0.4 + 4 * 0.1) / 5 / 2, rel=0.02)


def test_faces_are_counted_by_domain_and_binned_by_tilt() -> None:
    inputs = np.stack([leaning(d) for d in (2, -14, 25, -50)])
    results = [
        [Face(leaning(5), "real", 0.9)],
        [Face(leaning(-14), "anime", 0.9)],
        [],
        [Face(leaning(0), "anime", 0.9), Face(leaning(-40), "real", 0.8)],
    ]
    record = compare_faces(inputs, results, "real").as_record()
    assert record["images"] == 4
    assert record["face_rate"] == 0.5
    assert record["tilt_mae_degrees"] == pytest.approx((3 + 10) / 2, abs=0.01)
    assert record["arrangement_nme"] == pytest.approx(0, abs=1e-6)
    assert [b["images"] for b in record["tilt_bins"]] == [1, 1, 1, 1]
    assert [b["face_rate"] for b in record["tilt_bins"]] == [1, 0, 0, 1]
    assert record["tilt_bins"][1]["tilt_mae_degrees"] is None
    assert [(b["from"], b["to"]) for b in record["tilt_bins"]] == list(BINS)
    low, high = record["face_rate_interval"]
    assert low <= 0.5 <= high
    json.dumps(record, allow_nan=False)


def test_turning_is_clockwise() -> None:
    picture = Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3) // 3)
    quarter = np.asarray(turned(picture, math.pi / 2)).astype(int)
    assert np.abs(quarter - np.rot90(np.asarray(picture), -1).astype(int)).max() <= 2


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faces")
    for split, looks in (("train", LOOKS[:1]), ("test", LOOKS)):
        (root / "anime" / split).mkdir(parents=True)
        for look in looks:
            draw_face(look, 160 if split == "test" else 150)[0].save(
                root / "anime" / split / f"{look.name}-{split}.png"
            )
    photograph = decode(PHOTOGRAPH).image
    for split, angles in (("train", (1,)), ("test", (0, 12, -25))):
        (root / "real" / split).mkdir(parents=True)
        for angle in angles:
            turned_ = photograph.rotate(angle, resample=Image.Resampling.BICUBIC)
            turned_.save(root / "real" / split / f"{angle}-{split}.png")
    command = ["prepare", "--anime", str(root / "anime"), "--real", str(root / "real"), "--size", str(PX)]
    assert main([*command, "-o", str(root / "pack"), "--crop", "tilted", "--near", "0", "--quiet"]) == 0
    return root / "pack"


def assert_nothing_changed(rates: dict[str, Any], images: int) -> None:
    assert rates["face"]["value"] == 0
    assert rates["mirror_distance"]["value"] == 0
    assert rates["mirror_correlation"]["value"] == 1
    assert rates["sex_as_asked"] is None
    known = [side for kept in rates["kept"].values() for side in kept.values() if side]
    assert {side["value"] for side in known} == {1}
    assert sum(side["images"] for side in known) == 5 * images
    assert [record["images"] for record in rates["sources"].values()] == [images]


def assert_distances_of_few(result: dict[str, Any], printed: str) -> None:
    """Features that nothing was trained against, and a mark because the pictures are few."""
    assert result["kid"]["Lite0"]["mean"] > 0
    assert result["fid"]["Lite0"] > 0
    assert result["trained_against"] == {"Lite0": False}
    assert "*" not in printed
    assert result["too_few_images"]
    assert printed.count("†") == 5  # two distances of both bundles, and the line below
    assert TOO_FEW in printed


def test_whoever_changes_nothing_keeps_the_tilt_and_makes_no_person(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundles = [
        str(tiny.write_bundle(tmp_path / "to-real", tiny.model(PX), px=PX).folder),
        str(tiny.write_bundle(tmp_path / "to-anime", tiny.model(PX), px=PX, source="real", target="anime").folder),
    ]
    written = tmp_path / "figures" / "report.json"
    assert main(["evaluate", *bundles, "--data", str(pack), "--json", str(written), "--turn", "20", "--quiet"]) == 0
    printed = capsys.readouterr().out
    report = json.loads(written.read_text())
    assert f"{table(report)}\n\n{rates_table(report)}\n" in printed
    assert report["protocol"]["turn_degrees"] == 20
    to_real, to_anime = report["results"]
    assert (to_real["to"], to_anime["to"]) == ("real", "anime")
    assert to_real["images"] >= len(LOOKS) - 1
    assert to_real["face_rate"] == 0  # still drawings
    assert to_real["tilt_mae_degrees"] is None
    assert to_anime["face_rate"] == 0
    assert to_real["cpu_ms_per_image"] > 0
    assert to_real["hair_delta_e"] == 0  # nothing changed
    assert 0 < to_real["hair_measured"] <= to_real["images"]
    assert to_real["variety"] is to_real["variety_ratio"] is None  # Lite0 has no maps
    assert printed.splitlines()[2].split(" | ")[-2] == "–"
    assert_distances_of_few(to_real, printed)
    assert sum(b["images"] for b in to_real["tilt_bins"]) == to_real["images"]
    rates = to_real["rates"]
    assert_nothing_changed(rates, to_real["images"])
    assert rates["skin_delta_e"]["value"] < 0.2  # a result is looked at where its own face is found
    assert 0 < rates["eye_ratio"]["value"] < 1  # drawn irises are looked for larger
    assert rates["target"]["images"] == report["protocol"]["images"]["real"]
    assert set(rates) - {"sources", "men", "target"} == set(rates["men"])
    assert (rates["face_elsewhere"] is None) == (report["protocol"]["face_elsewhere"] is None)


def test_a_bundle_of_closer_crops_gets_them(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever changes nothing gives back what `translate` would crop of a lined-up face, with its face in place."""
    bundle = tiny.write_bundle(tmp_path / "whole", tiny.model(PX), px=PX, source="real", target="anime")
    manifest = json.loads((bundle.folder / "bundle.json").read_text())
    manifest["training"]["crop_share"] = 0.8
    (shutil.copytree(bundle.folder, tmp_path / "closer") / "bundle.json").write_text(json.dumps(manifest))
    closer = read(tmp_path / "closer")
    opened = Pack(pack)
    (row, *_) = opened.rows("real", "test")
    picture = Image.fromarray(opened.images[row])
    given, frame = crop_lined_up(picture, PX, closer.crop_share)
    face = Face(TEMPLATE * PX, "real", 1.0)
    np.testing.assert_allclose(crop_faces(picture, [face], closer).pixels[0].astype(float), given, atol=1)
    np.testing.assert_allclose(frame(TEMPLATE * PX), (TEMPLATE - 0.5) / 0.8 + 0.5, atol=0.01)
    report = evaluate([bundle, closer], opened, [Colours()])
    of_whole, of_closer = report["results"]
    assert (of_whole["crop_share"], of_closer["crop_share"]) == (1, 0.8)
    assert of_closer["kid"]["VGG"]["mean"] != of_whole["kid"]["VGG"]["mean"]
    for record in (of_whole, of_closer):
        assert record["hair_delta_e"] == 0
        assert record["rates"]["skin_delta_e"]["value"] < 0.2  # it is looked at where its own face is found
        assert record["rates"]["mirror_distance"]["value"] == 0
    missing = report["protocol"]["face_elsewhere"] is None
    assert (MISSING in capsys.readouterr().err) == missing


def test_what_redraws_is_named_and_measured_with(pack: Path, tmp_path: Path) -> None:
    back = tiny.write_bundle(tmp_path / "back", tiny.model(PX, scale=0.0), px=PX, source="real", target="anime")
    there = tiny.write_bundle(tmp_path / "there", px=PX, redrawn_by="back")
    alone = tiny.write_bundle(tmp_path / "alone", px=PX)
    redrawn, once = evaluate([there, alone], Pack(pack), [Colours()])["results"]
    assert (redrawn["sha256"], redrawn["redrawn_by"]) == (once["sha256"], back.sha256)
    assert once["redrawn_by"] is None
    assert redrawn["kid"] != once["kid"]  # grey, drawn and translated once more


def test_label_maps_lie_where_the_faces_of_their_photographs_do(pack: Path, tmp_path: Path) -> None:
    """No face is looked for in them, and they have no colours to keep."""
    classes = ("dark", "middle", "light")
    before = Pack(shutil.copytree(pack, tmp_path / "maps"))
    rows = before.rows("anime", "test")
    images = np.array(before.images)
    images[rows] = images[rows, :, :, :1] // 86
    np.save(before.folder / "images.npy", images)
    write_meta(before.folder, {**before.meta, "classes": classes, "sums": sums_of(before.folder)})
    maps = Pack(before.folder)
    bundle = tiny.write_bundle(tmp_path / "b", tiny.model(PX), px=PX, classes=classes)
    (figures,) = evaluate([bundle], maps, [Colours()], quiet=True)["results"]
    assert figures["images"] == len(rows)
    assert (figures["face_rate"], figures["hair_measured"], figures["hair_delta_e"]) == (0, 0, None)
    assert figures["rates"]["kept"]["smile"] == {"there": None, "absent": None}
    small = tiny.write_bundle(tmp_path / "small", tiny.model(32), px=32, classes=classes)
    with pytest.raises(EvaluationError, match="takes label maps of 32 px: prepare the pack of that size"):
        evaluate([small], maps, [Colours()], quiet=True)
    with pytest.raises(EvaluationError, match="has label maps: prepare it with --crop face, and leave turned faces"):
        evaluate([bundle], maps, [Colours()], turn_degrees=20, quiet=True)


class Colours(Features):
    """Features that can be worked out by hand: the mean colour; and as maps, the picture itself."""

    def __init__(self) -> None:
        self.name, self.maps = "VGG", _itself

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        return pictures.mean((1, 2)) / 255


def _itself(image: torch.Tensor) -> Iterator[torch.Tensor]:
    yield image.float() / 255


def test_variety_is_that_of_the_target_for_its_own_pictures_and_none_for_one_face(pack: Path, tmp_path: Path) -> None:
    same = tiny.write_bundle(tmp_path / "same", tiny.model(PX), px=PX)
    half = tiny.write_bundle(tmp_path / "half", tiny.model(PX, scale=0.5), px=PX)
    grey = tiny.write_bundle(tmp_path / "grey", tiny.model(PX, scale=0.0), px=PX)
    report = evaluate([same, half, grey], Pack(pack), [Colours()], quiet=True)
    of_same, of_half, of_grey = report["results"]
    assert of_same["variety"] > 0.001
    assert of_half["variety"] == pytest.approx(of_same["variety"] / 4, rel=0.05, abs=1e-4)
    assert of_grey["variety"] == of_grey["variety_ratio"] == 0
    real = of_same["variety"] / of_same["variety_ratio"]  # of the photographs
    assert of_half["variety_ratio"] == pytest.approx(of_half["variety"] / real, rel=0.05)
    low, high = of_same["variety_ratio_interval"]
    assert low <= of_same["variety_ratio"] <= high
    assert report["protocol"]["variety"].endswith("of 3 pictures")  # as many as there are photographs
    assert table(report).splitlines()[2].split(" | ")[-2] == f"{100 * of_same['variety_ratio']:.1f} %"


def test_features_that_the_discriminator_saw_are_marked(pack: Path, tmp_path: Path) -> None:
    plain = tiny.write_bundle(tmp_path / "plain", tiny.model(PX), px=PX)
    manifest = json.loads((plain.folder / "bundle.json").read_text())
    manifest["training"]["discriminator_features"] = "VGG"
    (shutil.copytree(plain.folder, tmp_path / "taught") / "bundle.json").write_text(json.dumps(manifest))
    other = Colours()
    other.name = "Lite0"
    report = evaluate([plain, read(tmp_path / "taught")], Pack(pack), [Colours(), other], quiet=True)
    assert [r["trained_against"] for r in report["results"]] == [
        {"VGG": False, "Lite0": False},
        {"VGG": True, "Lite0": False},
    ]
    _, _, unmarked, marked, empty, footnote, *_ = table(report).splitlines()
    assert "*" not in unmarked
    kid_vgg, kid_lite, fid_vgg, fid_lite = marked.split(" | ")[4:8]
    assert kid_vgg.endswith("*†")
    assert fid_vgg.endswith("*†")
    assert "*" not in kid_lite
    assert "*" not in fid_lite
    assert not empty
    assert footnote == FOOTNOTE


def test_bundles_of_other_sizes_are_measured_at_the_packs(pack: Path, tmp_path: Path) -> None:
    """Whoever changes nothing at twice the size changes next to nothing; at a sixth it draws a blur."""
    bundles = [
        tiny.write_bundle(tmp_path / str(px), tiny.model(px), px=px, source="real", target="anime")
        for px in (PX, 2 * PX, PX // 6)
    ]
    same, larger, smaller = evaluate(bundles, Pack(pack), [Features("Lite0")], quiet=True)["results"]
    assert [r["px"] for r in (same, larger, smaller)] == [PX, 2 * PX, PX // 6]
    assert same["images"] == larger["images"] == smaller["images"]
    fids = [r["fid"]["Lite0"] for r in (same, larger, smaller)]
    assert fids[1] == pytest.approx(fids[0], rel=0.02)
    assert abs(fids[2] / fids[0] - 1) > 0.05


def test_measured_smaller_than_they_are(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At half the size everything is half as large: what is compared, and the landmarks by which hair is found."""
    bundle = tiny.write_bundle(tmp_path / "same", tiny.model(PX), px=PX, source="real", target="anime")
    whole = evaluate([bundle], Pack(pack), [Colours()], quiet=True)
    half = evaluate([bundle], Pack(pack), [Colours()], px=PX // 2, quiet=True)
    assert (whole["protocol"]["px"], half["protocol"]["px"], half["protocol"]["pack_px"]) == (PX, PX // 2, PX)
    (one,), (two,) = whole["results"], half["results"]
    assert two["images"] == one["images"]
    assert two["kid"]["VGG"]["mean"] == pytest.approx(one["kid"]["VGG"]["mean"], rel=0.03)  # mean colours stay
    assert two["hair_measured"] == one["hair_measured"] > 0
    assert two["hair_delta_e"] == 0
    assert two["variety"] != one["variety"]
    assert main(["evaluate", str(bundle.folder), "--data", str(pack), "--px", "8"]) == 2
    assert "--px goes from 32 to 1024" in capsys.readouterr().err


def test_sharp_test_pictures_alone(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny.write_bundle(tmp_path / "same", tiny.model(PX), px=PX, source="real", target="anime")
    folder = Path(shutil.copytree(pack, tmp_path / "scaled"))
    plain = Pack(folder)
    sharp = plain.rows("real", "test")[:3].tolist() + plain.rows("anime", "test")[:2].tolist()
    write_index(folder, [{**e, "scale": 1.0 if row in sharp else 0.5} for row, e in enumerate(plain.index)])
    scaled = Pack(folder)
    report = evaluate([bundle], scaled, [Colours()], min_scale=0.9, quiet=True)
    assert report["protocol"]["min_scale"] == 0.9
    assert report["protocol"]["images"] == {"anime": 2, "real": 3}
    assert report["results"][0]["images"] == 3
    with pytest.raises(EvaluationError, match=r"0 anime test pictures: .* of a scale of at least 1\.5; prepare it"):
        evaluate([bundle], scaled, [Colours()], min_scale=1.5, quiet=True)
    write_index(folder, [{**entry, "scale": None} for entry in plain.index])
    old = Pack(folder)
    with pytest.raises(PackError, match="does not know its pictures' scale"):
        evaluate([bundle], old, [Colours()], min_scale=0.9, quiet=True)
    assert main(["evaluate", str(bundle.folder), "--data", str(pack), "--min-scale", "-1"]) == 2
    assert "--min-scale is 0 or more" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there_is_named(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(tiny.write_bundle(tmp_path / "b", px=PX).folder)
    assert main(["evaluate", bundle, "--data", str(pack), "--device", "cuda"]) == 2
    assert "cuda" in capsys.readouterr().err


def test_features_have_names_and_tell_pictures_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features("Lite0")
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (3, 40, 40, 3), np.uint8)
    faces = np.stack([np.asarray(draw_face(look, 40)[0]) for look in LOOKS[:3]])
    one, two = features(noise), features(faces)
    assert one.shape == two.shape == (3, 1280)
    assert np.linalg.norm(one.mean(0) - two.mean(0)) > np.linalg.norm(two[0] - two[1])
    with pytest.raises(FeatureError, match="no features 'FID'"):
        Features("FID")
    with pytest.raises(FeatureError, match="--inception FILE"):
        Features("Inception")


def test_the_script_measures_training_drawings_against_test_photographs(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = shutil.copytree(pack, tmp_path / "pack")
    splits = {"anime": "train", "real": "test"}
    index = [{**entry, "split": splits[entry["domain"]]} for entry in Pack(trained).index]
    counts = {domain: {split: sum(e["domain"] == domain for e in index)} for domain, split in splits.items()}
    write_both(trained, index, {**Pack(trained).meta, "counts": counts})

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["other_drawings.py", str(trained), *map(str, words)])
        runpy.run_path(other_drawings.__file__, run_name="__main__")
        return capsys.readouterr().out

    same = tiny.write_bundle(tmp_path / "same", tiny.model(PX), px=PX).folder
    away = tiny.write_bundle(tmp_path / "away", tiny.model(PX), px=PX, source="real", target="anime").folder
    told = run(same, away, "--features", "Lite0", "--images", 6)
    assert told.count("\n") == 1  # of those to photographs alone
    assert FOOTNOTE not in told
    noted = json.loads((same / "bundle.json").read_text())
    noted["training"]["discriminator_features"] = "Lite0"
    seen = shutil.copytree(same, tmp_path / "seen")
    (seen / "bundle.json").write_text(json.dumps(noted))
    flattered, footnote = run(seen, "--features", "Lite0").splitlines()
    assert "*, " in flattered
    assert footnote == FOOTNOTE
    known = Pack(trained)
    features = Features("Lite0")
    drawn = np.random.default_rng(0).permutation(known.rows("anime", "train"))[:6]
    expected = kid(features(known.images[drawn]), features(known.images[known.rows("real", "test")]))
    assert f"KID-Lite0 ·10³ {1e3 * expected.mean:.1f} ± {1e3 * expected.std:.1f}, 6 drawings" in told
    with pytest.raises(SystemExit, match=r"error: 0 training drawings of that scale in .*pack: at least two"):
        run(same, "--features", "Lite0", "--min-scale", 99)
    with pytest.raises(SystemExit, match="error: 0 test drawings of that scale"):
        run(same, "--features", "Lite0", "--split", "test", "--drawing-scale", 0)
    assert "6 drawings" in run(same, "--features", "Lite0", "--images", 6, "--drawing-scale", 0)
    with pytest.raises(SystemExit, match="error: 0 training drawings of that scale"):
        run(same, "--features", "Lite0", "--drawing-scale", 99)
    with pytest.raises(SystemExit, match="error: no features 'None'"):
        run(same, "--features", "None")
    with pytest.raises(SystemExit, match="error: 1 training drawings"):
        run(same, "--features", "Lite0", "--images", 1)
    with pytest.raises(SystemExit, match="error: none of these bundles makes photographs"):
        run(away, "--features", "Lite0")
