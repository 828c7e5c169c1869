"""Faces are found where they are, in drawings and in a photograph, at any tilt, and nowhere else."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from draw_faces import LOOKS, draw_face
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from anime2real.cli.main import main
from anime2real.face.finder import LARGEST, MORE_IF_SMALL, Candidate, FaceFinder
from anime2real.face.geometry import LONG, TEMPLATE, Face, Similarity, mirror, scaling, to_template, windows
from anime2real.image.decode import decode
from anime2real.translator import Translator, find_faces

ROOT = Path(__file__).parent.parent.parent
PHOTOGRAPH = ROOT / "docs" / "pictures" / "astronaut.jpg"


def placed(look: int, side: int, canvas: tuple[int, int], angle: float = 0.0) -> tuple[Image.Image, np.ndarray]:
    """A drawn face in the middle of a larger canvas, turned clockwise by `angle` radians; and its landmarks."""
    face, points = draw_face(LOOKS[look], 256)
    middle = np.array(canvas) / 2
    turn = Similarity(complex(math.cos(angle), math.sin(angle)) * side / 256, 0j)
    shift = middle - turn(np.array([[128.0, 128.0]]))[0]
    forward = Similarity(turn.linear, complex(*shift))
    back = tuple(forward.inverse.matrix().flatten())
    small = face if side >= 256 else face.resize((side, side), Image.Resampling.LANCZOS)
    back = tuple(forward.inverse.then(scaling(small.width / 256)).matrix().flatten())
    background = Image.new("RGB", canvas, (203, 214, 206))
    layer = small.transform(canvas, Image.Transform.AFFINE, back, resample=Image.Resampling.BICUBIC)
    mask = Image.new("L", small.size, 255).transform(canvas, Image.Transform.AFFINE, back)
    background.paste(layer, (0, 0), mask)
    return background, forward(points)


def eye_error(face: Face, points: np.ndarray) -> float:
    distance = np.hypot(*(points[1] - points[0]))
    return float(np.hypot(*(face.landmarks[:2] - points[:2]).T).mean() / distance)


@pytest.mark.parametrize("look", range(len(LOOKS)))
def test_a_drawn_face_that_fills_the_picture_is_found(look: int) -> None:
    picture, points = draw_face(LOOKS[look], 256)
    faces = find_faces(picture)
    assert len(faces) == 1
    assert faces[0].domain == "anime"
    assert eye_error(faces[0], points) < 0.12
    assert math.degrees(faces[0].tilt) == pytest.approx(LOOKS[look].tilt, abs=3)


@pytest.mark.parametrize("degrees", [-40, -15, 25, 45])
@pytest.mark.parametrize("side", [64, 220])
def test_a_turned_face_in_a_larger_picture_is_found_with_its_tilt(side: int, degrees: float) -> None:
    picture, points = placed(0, side, (480, 360), math.radians(degrees))
    faces = find_faces(picture)
    assert len(faces) == 1
    assert eye_error(faces[0], points) < 0.15
    assert math.degrees(faces[0].tilt) == pytest.approx(degrees + LOOKS[0].tilt, abs=5)


def test_a_photograph_is_told_from_a_drawing_and_its_mirror_image_leans_the_other_way() -> None:
    photograph = decode(PHOTOGRAPH).image.rotate(20, resample=Image.Resampling.BICUBIC, expand=True)
    (face,) = find_faces(photograph)
    assert face.domain == "real"
    assert math.degrees(face.tilt) == pytest.approx(-20, abs=5)
    (mirrored,) = find_faces(photograph.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    difference = np.abs(mirrored.landmarks - mirror(face.landmarks, photograph.width)).max()
    assert difference < 0.08 * np.hypot(*(face.landmarks[1] - face.landmarks[0]))


def test_a_drawing_that_keeps_much_of_its_photograph_is_a_drawing() -> None:
    """The landmark network takes it for a photograph; the detector knows better."""
    drawing = Translator.load("galatea", to="anime")(ROOT / "examples" / "photographs" / "061_08-smiling.webp")
    assert [face.domain for face in find_faces(drawing)] == ["anime"]


def test_every_face_of_a_picture_is_found_the_largest_first() -> None:
    canvas = Image.new("RGB", (700, 420), (230, 230, 225))
    for look, side, place in ((0, 300, (20, 60)), (2, 120, (380, 40)), (4, 200, (440, 190))):
        canvas.paste(draw_face(LOOKS[look], side)[0], place)
    faces = find_faces(canvas)
    assert len(faces) == 3
    widths = [face.box[2] - face.box[0] for face in faces]
    assert widths == sorted(widths, reverse=True)
    for face, (x, y) in zip(faces, ((170, 210), (540, 290), (440, 100)), strict=True):
        centre = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        assert np.hypot(centre[0] - x, centre[1] - y) < 0.35 * (face.box[2] - face.box[0])


def test_a_scrap_that_the_detector_likes_better_does_not_hide_the_face_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture, points = draw_face(LOOKS[0], 256)
    detect = FaceFinder._detect
    scrap = Candidate(x=100.0, y=150.0, side=30.0, real=0.0, score=0.99)

    def with_scrap(self: FaceFinder, *arguments: Any) -> list[Candidate]:
        return [*detect(self, *arguments), scrap]

    monkeypatch.setattr(FaceFinder, "_detect", with_scrap)
    (found,) = FaceFinder(threads=1)(picture)
    assert eye_error(found, points) < 0.12


@pytest.mark.parametrize(("side", "needed"), [(64, MORE_IF_SMALL), (220, 0.0)])
def test_a_small_face_needs_more_score(side: int, needed: float) -> None:
    picture, _ = placed(0, side, (480, 360))
    finder = FaceFinder(threads=1)
    (face,) = finder(picture, score=0.3)
    assert len(finder(picture, score=face.score - needed - 0.01)) == 1
    assert finder(picture, score=face.score - needed + 0.01) == []


@pytest.mark.parametrize("seed", range(4))
def test_no_face_is_seen_in_noise(seed: int) -> None:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6 + 6 * seed, 9, 3), np.uint8))
    assert find_faces(coarse.resize((320, 240), Image.Resampling.BICUBIC)) == []
    assert find_faces(Image.new("RGB", (1, 1))) == []
    assert find_faces(Image.new("RGB", (3, 900), "white")) == []


def test_a_face_says_where_it_is() -> None:
    points = TEMPLATE * 200 + (30, 10)
    face = Face(points, "anime", 0.9)
    np.testing.assert_allclose(face.box, (30, 10, 230, 210), atol=1e-9)
    record = face.as_record()
    assert record["tilt_degrees"] == 0
    assert len(record["landmarks"]) == 5
    json.dumps(record)


def test_translate_takes_whole_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canvas = Image.new("RGB", (700, 420), (230, 230, 225))
    for look, side, place in ((0, 300, (20, 60)), (4, 200, (440, 190))):
        canvas.paste(draw_face(LOOKS[look], side)[0], place)
    canvas.save(tmp_path / "scene.png")
    Image.new("RGB", (200, 200), (90, 120, 90)).save(tmp_path / "empty.png")
    out = tmp_path / "out"
    command = [
        "translate",
        str(tmp_path / "scene.png"),
        str(tmp_path / "empty.png"),
        "--method",
        "difference",
        "--json",
    ]
    assert main([*command, "-o", str(out), "--layout", "paste"]) == 1
    done, failed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert len(done["faces"]) == 2
    assert all(abs(face["tilt_degrees"]) < 6 for face in done["faces"])
    assert "no face found" in failed["error"]
    with Image.open(out / "scene.png") as picture:
        assert picture.size == canvas.size
        changed = np.abs(np.asarray(picture, int) - np.asarray(canvas, int)).max(2)
    assert not changed[:30].any()
    assert changed[200:260, 100:240].mean() > 5
    assert main([*command[:2], "--method", "difference", "-o", str(tmp_path / "faces")]) == 0
    assert sorted(p.name for p in (tmp_path / "faces").iterdir()) == ["scene-face-2.png", "scene.png"]


def test_further_faces_never_take_the_name_of_an_input_or_of_another_result(tmp_path: Path) -> None:
    canvas = Image.new("RGB", (700, 420), (230, 230, 225))
    for look, side, place in ((0, 300, (20, 60)), (4, 200, (440, 190))):
        canvas.paste(draw_face(LOOKS[look], side)[0], place)
    out = tmp_path / "out"
    out.mkdir()
    canvas.save(tmp_path / "scene.png")
    draw_face(LOOKS[1], 200)[0].save(out / "scene-face-2.png")
    kept = (out / "scene-face-2.png").read_bytes()
    command = ["translate", str(tmp_path / "scene.png"), "--method", "difference", "-o", str(out)]
    assert main(command) == 1  # a result of that name would replace it
    assert [p.name for p in out.iterdir()] == ["scene-face-2.png"]
    draw_face(LOOKS[2], 200)[0].save(tmp_path / "scene-face-2.png")
    both = [
        *command[:2],
        str(out / "scene-face-2.png"),
        str(tmp_path / "scene-face-2.png"),
        *command[2:],
        "--overwrite",
    ]
    assert main(both) == 1  # the input that lies where its result would is refused, and stays
    assert (out / "scene-face-2.png").read_bytes() == kept
    assert (out / "scene-face-3.png").exists()


def test_inspect_tells_the_faces(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(PHOTOGRAPH), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [face["domain"] for face in record["faces"]] == ["real"]
    assert record["marks"] == {}


def test_prepare_lines_faces_up_and_drops_what_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for domain in ("anime", "real"):
        (tmp_path / domain).mkdir()
    for i, look in enumerate(LOOKS):
        placed(i, 200, (300, 280), math.radians(30 - 8 * i))[0].save(tmp_path / "anime" / f"{look.name}.png")
    photograph = decode(PHOTOGRAPH).image
    for angle in (0, 17, -23):
        photograph.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC).save(
            tmp_path / "real" / f"{angle}.png"
        )
    Image.new("RGB", (200, 200), (90, 120, 90)).save(tmp_path / "real" / "wall.png")
    for crop in ("face", "tilted"):
        command = ["prepare", "--anime", str(tmp_path / "anime"), "--real", str(tmp_path / "real"), "--size", "64"]
        command += ["--json", "-o", str(tmp_path / crop), "--crop", crop, "--near", "0", "--test-share", "0", "--quiet"]
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)["dropped"]["no face"] == 1
    tilts = {}
    for crop in ("face", "tilted"):
        index = [json.loads(line) for line in (tmp_path / crop / "index.jsonl").read_text().splitlines()]
        tilts[crop] = {entry["file"]: math.degrees(entry["tilt"]) for entry in index}
        points = np.array([entry["landmarks"] for entry in index])
        assert np.abs(points.mean(1) / 64 - TEMPLATE.mean(0)).max() < 0.06
    assert max(abs(tilt) for tilt in tilts["face"].values()) < 0.2
    assert tilts["tilted"]["anime/aoi.png"] == pytest.approx(30, abs=6)
    assert tilts["tilted"]["real/17.png"] == pytest.approx(-17, abs=5)


def cut_out(look: int, x: float, y: float, share: float) -> tuple[Image.Image, np.ndarray]:
    """A square of a drawing, its middle and side in shares of the face's crop; and the landmarks in it."""
    picture, points = draw_face(LOOKS[look], 512)
    back = to_template(points).inverse
    side = round(share * back.scale)
    left, top = (round(float(v) - side / 2) for v in back(np.array([x, y])))
    return picture.crop((left, top, left + side, top + side)), points - [left, top]


@pytest.mark.parametrize("look", [0, 1, 3, 6])
def test_a_face_cut_from_eyebrow_to_chin_is_found_and_an_eye_is_none(look: int) -> None:
    picture, points = cut_out(look, 0.5, 0.585, 0.58)
    (face,) = find_faces(picture)
    assert eye_error(face, points) < 0.12
    assert face.domain == "anime"
    x, y = TEMPLATE[0]
    assert not find_faces(cut_out(look, x, y, 0.3)[0])


@pytest.mark.parametrize("along", [0, 1])
def test_small_faces_of_a_long_strip_are_found(along: int) -> None:
    """The whole strip is searched at a sixth of its size, where they have 15 px."""
    middles = [366 + 1250 * k for k in range(6)]
    strip = Image.new("RGB", (7_700, 300) if along == 0 else (300, 7_700), (214, 208, 200))
    for look, middle in enumerate(middles):
        strip.paste(draw_face(LOOKS[look], 110)[0], (middle - 55, 60) if along == 0 else (60, middle - 66))
    found = sorted(face.landmarks.mean(0)[along] for face in find_faces(strip))
    assert found == pytest.approx(middles, abs=15)


@given(st.integers(1, 9_000), st.integers(1, 9_000))
def test_windows_cover_what_they_overlap_in_and_nothing_else(width: int, height: int) -> None:
    shorter, longer = sorted((width, height))
    found = list(windows((width, height), LARGEST))
    if longer <= max(round(LONG * shorter), LARGEST):
        assert not found
        return
    spans = [(box[0], box[2]) if width == longer else (box[1], box[3]) for box in found]
    assert spans[0][0] == 0
    assert spans[-1][1] == longer
    assert all(following[0] <= before[1] - shorter // 2 for before, following in pairwise(spans))
    assert all(end - start == max(round(LONG * shorter), LARGEST) for start, end in spans)
