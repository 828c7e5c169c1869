"""The commands that look at bundles and pictures."""

import json
from pathlib import Path

import pytest
import tiny
from PIL import Image

from anime2real.bundle.limits import YOUNGEST
from anime2real.cli.main import main
from anime2real.face.finder import default_labeller
from anime2real.image.decode import decode
from anime2real.translator import find_faces

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src"


def draw(path: Path, value: int = 0, size: tuple[int, int] = (tiny.PX, tiny.PX)) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def test_inspect_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a.png", size=(3, 5))
    (tmp_path / "b.png").write_text("no")
    assert main(["inspect", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'a.png'}: PNG 3×5; no mark of a generated picture; no face\n"
    assert len(said.err.splitlines()) == 1


HEADS = {
    "mp4": b"\0\0\0\x18ftypisom", "mov": b"\0\0\0\x08wide\0\0\0\0mdat", "mkv": b"\x1a\x45\xdf\xa3\1", "flv": b"FLV\1\5",
    "avi": b"RIFF\0\0\0\0AVI LIST", "ts": b"G" + bytes(187) + b"G", "mts": bytes(4) + b"G" + bytes(191) + b"G",
    "mpg": b"\0\0\1\xba", "m2v": b"\0\0\1\xb3", "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
}  # fmt: skip


def test_inspect_takes_for_a_video_what_begins_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix, head in HEADS.items():
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(head)
        assert main(["inspect", str(path)]) == 0
        assert capsys.readouterr().out == f"{path}: video; no mark of a generated video\n"
    for content in (b"hello", b"G" * 5, b"G" + bytes(400), b"\0\0\0\x18free", b"<html>"[:4]):
        (tmp_path / "five.mp4").write_bytes(content)
        bad = content[4:8] != b"free"
        assert main(["inspect", str(tmp_path / "five.mp4")]) == bad
        said = capsys.readouterr()
        assert ("is no video, whatever its name says" in said.err, said.out == "") == (bad, bad)


def test_inspect_takes_the_videos_of_a_folder_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a.png", size=(3, 5))
    (tmp_path / "b.mp4").write_bytes(HEADS["mp4"])
    assert main(["inspect", str(tmp_path)]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        str(tmp_path / name) for name in ("a.png", "b.mp4")
    ]


def test_inspect_says_in_json_how_each_face_looks(capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [ROOT / "examples" / "aoi.png", ROOT / "docs" / "pictures" / "astronaut.jpg"]
    assert main(["inspect", *map(str, pictures), "--json"]) == 0
    for line, path in zip(capsys.readouterr().out.splitlines(), pictures, strict=True):
        (face,) = json.loads(line)["faces"]
        image = decode(path).image
        (expected,) = default_labeller()(image, find_faces(image))
        assert face["labels"] == expected.as_record()
        assert list(face["labels"]) == ["sex", "age", "mouth_open", "smile", "eyes_open", "glasses"]
        assert face["labels"]["age"] >= YOUNGEST


def test_methods_that_can_be_told_who_to_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bundles"
    tiny.write_bundle(folder / "cyclegan-anime-to-real")
    tiny.write_bundle(
        folder / "galatea-anime-to-real", tiny.who_model(), method="galatea", conditions=("who",), ages=(18, 60)
    )
    tiny.ship_only(monkeypatch, folder)
    assert main(["methods", "--json"]) == 0
    told = {row["method"]: row["who"] for row in json.loads(capsys.readouterr().out)}
    assert told == {"cyclegan": None, "galatea": [18, 60]}
    assert main(["methods"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    column = header.index("who ")
    assert {line.split()[0]: line[column:].split("  ")[0] for line in lines[:2]} == {
        "cyclegan": "-", "galatea": "18 to 60"
    }  # fmt: skip


def test_methods(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["from"], row["to"]) for row in rows] == [
        ("cyclegan", "anime", "real"), ("cyclegan", "real", "anime"), ("difference", "anime", "real"),
    ]  # fmt: skip
    for row in rows:
        assert row["px"] == tiny.PX
        assert len(row["sha256"]) == 64
        assert row["licence"] == "CC0-1.0"
        assert row["redrawn_by"] is None
        assert row["default"] == (row["method"] == "cyclegan")
        size = (shipped / f"{row['method']}-{row['from']}-to-{row['to']}" / "model.onnx").stat().st_size
        assert row["megabytes"] == pytest.approx(size / 1e6, abs=0.01)
    assert main(["methods"]) == 0
    table = capsys.readouterr().out
    assert table.count("cyclegan *") == 2
    assert rows[2]["sha256"][:12] in table
