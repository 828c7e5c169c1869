"""The command line on real input: names, batches, failures, exit codes, JSON."""

import io
import json
import os
import struct
import subprocess
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import pytest
import tiny
from cyclopts import App
from PIL import Image

from anime2real import __version__
from anime2real.cli import main as cli
from anime2real.cli import training as cli_making
from anime2real.cli.main import main
from anime2real.cli.terminal import Reporter
from anime2real.image.picture import PictureError, read_marks
from anime2real.translate_files import Outcome, find_pictures, name_results

SOURCE = Path(__file__).parent.parent.parent / "src"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A bundle that gives negatives, drawings to people."""
    return str(tiny.write_bundle(tmp_path / "negative", tiny.model(scale=-1.0)).folder)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three bundles that ship: cyclegan both ways, difference one."""
    folder = tmp_path / "shipped"
    tiny.ship_only(monkeypatch, folder)
    tiny.write_bundle(folder / "cyclegan-anime-to-real")
    tiny.write_bundle(folder / "cyclegan-real-to-anime", source="real", target="anime")
    tiny.write_bundle(folder / "difference-anime-to-real", tiny.model(add=0.5), method="difference")
    return folder


def draw(path: Path, value: int = 0, size: tuple[int, int] = (tiny.PX, tiny.PX)) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def colour(path: Path) -> int:
    with Image.open(path) as picture:
        return int(np.asarray(picture)[0, 0, 0])


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
    errors = said.err.splitlines()
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


def test_inspect_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a.png", size=(3, 5))
    (tmp_path / "b.png").write_text("no")
    assert main(["inspect", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'a.png'}: PNG 3×5; no mark of a generated picture; no face\n"
    assert len(said.err.splitlines()) == 1


def test_nothing_is_overwritten_unless_told(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "translate",
        "--crop",
        "none",
        str(draw(tmp_path / "a.png")),
        "-o",
        str(tmp_path / "o"),
        "--bundle",
        bundle,
    ]
    draw(tmp_path / "o" / "a.png", 7)
    assert main(command) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert colour(tmp_path / "o" / "a.png") == 7
    assert main([*command, "--overwrite"]) == 0
    assert colour(tmp_path / "o" / "a.png") == 255


def test_two_pictures_of_one_name(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [draw(tmp_path / name, i) for i, name in enumerate(("x/a.png", "y/a.png", "z/A.gif", "y/a-2.png"))]
    command = [
        "translate",
        "--crop",
        "none",
        *map(str, pictures),
        str(pictures[0]),
        "-o",
        str(tmp_path / "o"),
        "--bundle",
        bundle,
    ]
    assert main(command) == 0
    said = capsys.readouterr()
    assert {p.name: 255 - colour(p) for p in (tmp_path / "o").iterdir()} == {
        "a.png": 0, "a-3.png": 1, "A-4.png": 2, "a-2.png": 3,
    }  # fmt: skip
    assert len(said.err.splitlines()) == 2
    assert "written as a-3.png: another picture is called a" in said.err


def test_names_are_kept_and_never_meet() -> None:
    def names(*sources: str) -> list[str]:
        return [path.name for path in name_results([Path(s) for s in sources], Path("o"), "png")]

    assert names("b.jpg", "a.b.webp", ".hidden", "noend") == ["b.png", "a.b.png", ".hidden.png", "noend.png"]
    assert names("a.png", "é.png", "e\u0301.png") == ["a.png", "é.png", "e\u0301-2.png"]
    many = names(*(f"{i}/a.png" for i in range(500)), "a-7.png")
    assert len(set(many)) == 501
    assert many[-1] == "a-7.png"


def test_results_are_no_input_the_second_time(tmp_path: Path) -> None:
    first, result = draw(tmp_path / "a.png"), draw(tmp_path / "out" / "a.png")
    out = tmp_path / "out"
    assert find_pictures([str(tmp_path)], out) == [first]
    assert find_pictures([str(tmp_path), str(result)], out) == [first, result]
    assert find_pictures([str(out)], out) == [result]
    assert find_pictures([str(tmp_path)], tmp_path) == [first, result]


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
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["translate", "--crop", "none", "a.png"], "--output"),
        (["translate", "--crop", "none", "-o", "o"], "PICTURES"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--to", "manga"], "manga"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--metod", "cyclegan"], "--metod"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--method", "cylegan"], "did you mean 'cyclegan'"),
        (
            ["translate", "--crop", "none", "a.png", "-o", "o", "--method", "difference", "--to", "anime"],
            "there is one to real",
        ),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--method", "cyclegan", "--bundle", "b"], "not both"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--background", "octarine"], "octarine"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--threads", "0"], "--threads"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--threads", "many"], "many"),
        (["compare", "cyclegan", "-o", "r.html"], "--data PACK or --pictures"),
        (["compare", "cyclegan", "-o", "r.pdf", "--pictures", "a.png"], ".html"),
        (["compare", "cyclegan", "-o", "r.html", "--pictures", "a.png"], "--to"),
        (
            ["compare", "difference", "-o", "r.html", "--pictures", "a.png", "--to", "anime"],
            "none of the bundles",
        ),
        (["prepare", "-o", "p", "--size", "64", "--layout", "A:real"], "A=real"),
        (["tranlsate", "a.png"], "translate"),
    ],
)
def test_bad_usage_is_one_line_and_2(
    shipped: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1


def test_a_bundle_that_cannot_be_used_is_one_line_and_1(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(bundle) / "model.onnx").write_bytes(b"something else")
    assert main(["translate", "--crop", "none", "a.png", "-o", str(tmp_path / "o"), "--bundle", bundle]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {bundle}")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_to_must_fit_the_bundle(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "translate",
        "--crop",
        "none",
        str(draw(tmp_path / "a.png")),
        "-o",
        str(tmp_path / "o"),
        "--bundle",
        bundle,
        "--to",
    ]
    assert main([*command, "anime"]) == 2
    assert "translates to real, not to anime" in capsys.readouterr().err
    assert main([*command, "real"]) == 0


def test_an_output_folder_that_cannot_be_made(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = draw(tmp_path / "a.png")
    assert main(["translate", "--crop", "none", str(picture), "-o", str(picture / "o"), "--bundle", bundle]) == 1
    assert "cannot be made" in capsys.readouterr().err


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
        assert row["default"] == (row["method"] == "cyclegan")
        size = (shipped / f"{row['method']}-{row['from']}-to-{row['to']}" / "model.onnx").stat().st_size
        assert row["megabytes"] == pytest.approx(size / 1e6, abs=0.01)
    assert main(["methods"]) == 0
    table = capsys.readouterr().out
    assert table.count("cyclegan *") == 2
    assert rows[2]["sha256"][:12] in table


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
    for command in ("translate", "methods", "compare", "prepare", "inspect", "export"):
        assert main([command, "--help"]) == 0
        assert f"anime2real {command}" in capsys.readouterr().out


def test_prepare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for side in ("A", "B"):
        for split in ("train", "test"):
            for i in range(3):
                noise = random.integers(0, 256, (20, 20, 3), np.uint8)
                path = tmp_path / "set" / f"{split}{side}" / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(noise).save(path)
    (tmp_path / "set" / "trainA" / "bad.png").write_text("no")
    command = ["prepare", "--both", str(tmp_path / "set"), "--layout", "A=real", "B=anime", "--near", "0"]
    command += ["--crop", "auto"]
    assert main([*command, "-o", str(tmp_path / "pack"), "--size", "16", "--quiet"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["counts"] == {d: {"train": 3, "test": 3} for d in ("anime", "real")}
    assert said.err.startswith("skipped: ")
    assert said.err.count("\n") == 1
    assert (tmp_path / "pack" / "meta.json").is_file()


def test_training_without_its_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli_making, "find_spec", lambda name: None if name == "torch" else object())
    for arguments in (["train", "cyclegan", "--data", "p", "-o", "r"], ["train", "--help"], ["export", "r"]):
        assert main(arguments) == 1
        assert capsys.readouterr().err == 'error: training needs torch: pip install "anime2real[train]"\n'


def test_train_and_export_hand_their_arguments_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = types.ModuleType("anime2real.cli.train")
    app = App(name="train")

    @app.command
    def difference(*, data: Path, steps: int) -> int:
        print(data, steps)
        return 130

    command.app = app  # type: ignore[attr-defined]
    command.export = lambda run, output: [run / "bundles" if output is None else output]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "anime2real.cli.train", command)
    monkeypatch.setattr(cli_making, "find_spec", lambda name: object())
    assert main(["train", "difference", "--data", "pack", "--steps", "3"]) == 130
    assert main(["export", "run"]) == 0
    assert main(["export", "run", "-o", "there"]) == 0
    assert capsys.readouterr().out.split() == ["pack", "3", str(Path("run/bundles")), "there"]
    assert main(["train", "difference", "--data", "pack"]) == 2
    assert "--steps" in capsys.readouterr().err
    assert main(["train", "difference", "--help"]) == 0
    assert "anime2real train difference" in capsys.readouterr().out


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "shipped", interrupt)
    assert main(["methods"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "anime2real", "methods"]
    with open(write, "w") as gone:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, env=environment, check=False, text=True)
    assert (done.returncode, done.stderr) == (141, "")


def test_progress_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome(Path("a"), (Path("o/a.png"),)), Outcome(Path("b"), error="b\nis\x1b bad")]

    def report() -> str:
        reporter = Reporter(3, "real", "cyclegan", as_json=False)
        for outcome in outcomes:
            reporter(outcome)
        reporter.close()
        assert reporter.failures == 1
        return capsys.readouterr().err

    assert report() == "error: b is? bad\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told = report()
    assert "1 of 3, 0 s left" in told
    assert told.endswith("s\n")
    assert "1 written, 1 failed" in told


def test_an_argument_that_stands_for_nothing(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "*.jpg"), str(tmp_path / "empty"), str(draw(tmp_path / "a.png"))]
    assert all(isinstance(item, PictureError) for item in find_pictures(arguments[:2], tmp_path / "o"))
    assert main(["translate", "--crop", "none", *arguments, "-o", str(tmp_path / "o"), "--bundle", bundle]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert (tmp_path / "o" / "a.png").is_file()
