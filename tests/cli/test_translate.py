"""`anime2real translate` on real input: batches, failures, exit codes, JSON."""

import io
import json
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image
from translating import colour, draw, translating

from anime2real import __version__
from anime2real.cli.main import main
from anime2real.face.geometry import TEMPLATE, Face
from anime2real.image.provenance import read_marks
from anime2real.network import TranslatorError
from anime2real.pipeline import choose_faces, direction


def huge(path: Path) -> None:
    """The header of a PNG of 65,000×65,000 px, and a little after it."""
    chunks = b""
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 65_000, 65_000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
    ):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def test_a_folder_with_bad_pictures(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(20):
        draw(tmp_path / "in" / f"{i:02}.png", i)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "JPEG")
    (tmp_path / "in" / "03-cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (tmp_path / "in" / "07-text.png").write_text("this is no picture\n")
    huge(tmp_path / "in" / "11-huge.png")
    code = main(["translate", "--crop", "none", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--bundle", bundle])
    said = capsys.readouterr()
    assert code == 1
    results = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in results] == [f"{i:02}.png" for i in range(20)]
    assert [colour(path) for path in results] == [255 - i for i in range(20)]
    assert len(said.out.splitlines()) == 20
    *errors, summary = said.err.splitlines()
    assert re.fullmatch(r"20 written, 3 failed, \d+\.\d s", summary)
    assert len(errors) == 3
    for line, name in zip(errors, ("03-cut.jpg", "07-text.png", "11-huge.png"), strict=True):
        assert line.startswith("error: ")
        assert name in line
    assert "4,225,000,000" in errors[2]


def test_a_hundred_pictures_with_every_method(
    tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(100):
        draw(tmp_path / "in" / f"{i}.png", i)
    for method, to in (("cyclegan", "real"), ("cyclegan", "anime"), ("difference", "real")):
        out = tmp_path / f"{method}-{to}"
        command = ["translate", "--crop", "none", str(tmp_path / "in"), "-o", str(out), "--method", method, "--to", to]
        assert main([*command, "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == 100
        for line in lines:
            assert (line["to"], line["method"]) == (to, method)
            value = int(Path(line["input"]).stem)
            assert colour(Path(line["output"])) == value + (64 if method == "difference" else 0)


def test_a_line_of_json(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture, missing = draw(tmp_path / "a.png", size=(40, 20)), tmp_path / "none.png"
    code = main(
        [
            "translate",
            "--crop",
            "none",
            str(picture),
            str(missing),
            "-o",
            str(tmp_path / "o"),
            "--bundle",
            bundle,
            "--json",
        ]
    )
    said = capsys.readouterr()
    assert (code, said.err) == (1, "")
    done, failed = (json.loads(line) for line in said.out.splitlines())
    assert done.pop("seconds") > 0
    assert done == {
        "input": str(picture), "output": str(tmp_path / "o" / "a.png"), "to": "real", "method": "cyclegan",
        "faces": [{"box": [10, 0, 30, 20], "landmarks": None, "tilt_degrees": None}],
    }  # fmt: skip
    assert set(failed) == {"input", "error"}
    assert "none.png is not there" in failed["error"]


def test_the_result_is_marked(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = draw(tmp_path / "a.png")
    for suffix in ("png", "jpg", "webp"):
        command = [
            "translate",
            "--crop",
            "none",
            str(picture),
            "-o",
            str(tmp_path),
            "--bundle",
            bundle,
            "--format",
            suffix,
        ]
        assert main([*command, "--overwrite"] if suffix == "png" else command) == (suffix == "png")
    # The PNG would have replaced the input itself.
    assert "one of the pictures to translate" in capsys.readouterr().err
    assert colour(picture) == 0
    assert read_marks(tmp_path / "a.jpg")["DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert main(["inspect", str(tmp_path / "a.webp"), str(picture), "--json"]) == 0
    made, drawn = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert made["marks"]["Software"] == f"anime2real {__version__}"
    assert drawn == {
        "input": str(picture), "marks": {}, "faces": [], "format": "PNG", "size": [tiny.PX, tiny.PX], "notes": [],
    }  # fmt: skip


def test_layout_background_and_notes(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(clear)
    moving = tmp_path / "moving.gif"
    frames = [Image.new("L", (20, 20), value) for value in (10, 200)]
    frames[0].save(moving, save_all=True, append_images=frames[1:])
    command = ["translate", "--crop", "none", str(clear), str(moving), "-o", str(tmp_path / "o"), "--bundle", bundle]
    assert main([*command, "--layout", "pair", "--background", "#102030"]) == 0
    with Image.open(tmp_path / "o" / "clear.png") as pair:
        pixels = np.asarray(pair)
    assert pixels.shape == (tiny.PX, 2 * tiny.PX, 3)
    assert pixels[0, 0].tolist() == [0x10, 0x20, 0x30]
    assert pixels[0, -1].tolist() == [255 - 0x10, 255 - 0x20, 255 - 0x30]
    assert "first frame" in capsys.readouterr().err


def test_one_picture_that_the_network_fails_on_does_not_fail_its_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Twice the largest float, and so infinite, for black pictures alone.
    bundle = tiny.write_bundle(tmp_path / "b", tiny.model(scale=3.4e38, add=-3.4e38)).folder
    for name, value in (("a", 255), ("black", 0), ("c", 255)):
        draw(tmp_path / "in" / f"{name}.png", value)
    assert (
        main(["translate", "--crop", "none", str(tmp_path / "in"), "-o", str(tmp_path / "o"), "--bundle", str(bundle)])
        == 1
    )
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["a.png", "c.png"]
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_bundle_that_cannot_be_used_is_one_line_and_1(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(bundle) / "model.onnx").write_bytes(b"something else")
    for name in ("a.png", "b.png"):
        draw(tmp_path / "in" / name)
    command = ["translate", "--crop", "none", str(tmp_path / "in"), "-o", str(tmp_path / "o"), "--bundle", bundle]
    assert main(command) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {bundle}")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_results_are_redrawn_unless_that_is_not_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.write_bundle(tmp_path / "back", tiny.model(scale=-1.0), source="real", target="anime")
    there = tiny.write_bundle(tmp_path / "there", tiny.model(), redrawn_by="back").folder
    Image.new("RGB", (32, 32), (10, 120, 200)).save(tmp_path / "a.png")
    command = ["translate", "--crop", "none", str(tmp_path / "a.png"), "--bundle", str(there), "-o"]
    assert main([*command, str(tmp_path / "twice.png")]) == 0
    assert main([*command, str(tmp_path / "once.png"), "--no-redraw"]) == 0
    colours = [Image.open(tmp_path / name).getpixel((3, 3)) for name in ("twice.png", "once.png")]
    assert colours == [(245, 135, 55), (10, 120, 200)]


def test_to_must_fit_the_bundle(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*translating(draw(tmp_path / "a.png"), tmp_path / "o", bundle), "--to"]
    assert main([*command, "anime"]) == 2
    assert "translates to real, not to anime" in capsys.readouterr().err
    assert main([*command, "real"]) == 0


def test_addresses_are_refused_in_words(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["translate", "https://example.org/a.png", "-o", str(tmp_path / "o"), "--bundle", bundle]
    assert main(command) == 1
    assert "https://example.org/a.png is an address: fetch it first" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_what_was_transparent_stays_so_when_faces_are_pasted(tmp_path: Path, bundle: str) -> None:
    clear = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    clear.paste((9, 9, 9, 255), (0, 0, 20, 20))
    clear.save(tmp_path / "a.png")
    command = ["translate", "--crop", "none", str(tmp_path / "a.png"), "--bundle", bundle, "--layout", "paste", "-o"]
    for suffix, extrema in (("png", (0, 255)), ("webp", (0, 255)), ("jpg", None)):
        assert main([*command, str(tmp_path / "o"), "--format", suffix]) == 0
        with Image.open(tmp_path / "o" / f"a.{suffix}") as made:
            assert (made.getchannel("A").getextrema() if made.mode == "RGBA" else None) == extrema


def test_the_direction_is_that_of_most_faces() -> None:
    def faces(*domains: str) -> list[Face]:
        return [Face(TEMPLATE * (20 - i) + 30 * i, domain, 1.0) for i, domain in enumerate(domains)]  # type: ignore[arg-type]

    assert direction(faces("real")) == "anime"
    assert direction(faces("anime", "real", "real")) == "anime"
    assert direction(faces("anime", "real")) == "real"  # the largest decides
    three = faces("anime", "anime", "anime")
    assert choose_faces(list(reversed(three)), "left-to-right") == three
    assert choose_faces(three, 2) == [three[1]]
    with pytest.raises(TranslatorError, match="no face 4"):
        choose_faces(three, 4)
