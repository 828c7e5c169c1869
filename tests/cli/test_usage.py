"""What counts as bad usage, through every command: docs/commands.md says it, and the exit code is 2.

tests/test_bad_files.py has what is not there or damaged.
"""

import shutil
from pathlib import Path

import doors
import live
import pytest
from PIL import Image

from anime2real.cli.main import main

COMMANDS = sorted(doors.commands())


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that is bad usage."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"(anime2real {command} --help)" in refused([*command.split(), "--nonsense"], capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_argument(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"the argument after {command.split()[-1]} is empty" in refused([*command.split(), ""], capsys)
    assert "--output is empty" in refused([*command.split(), "--output="], capsys)


@pytest.mark.parametrize("command", [
    "translate a.png -o o --bundle nowhere", "translate a.png -o o --bundle ./nowhere", "study -o nowhere",
    "translate a.png -o o --method no", "compare nowhere -o r.html --pictures a.png", "evaluate nowhere --data .",
    "pairs . --with nowhere -o p", "study nowhere --data . -o s", "compare cyclegan -o r.pdf --data .",
])  # fmt: skip
def test_names_that_stand_for_nothing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(command.split(), capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.gif", "x.mp4", "x.mkv", "x.bmp", "x.tiff", "x.HEIC", "x.mov"])
def test_results_that_no_picture_can_be(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(live.EXAMPLES / "aoi.png", "a.png")
    command = ["translate", "a.png", "-o", name, "--crop", "none", "--method", "difference"]
    assert f"--output {name} cannot be" in refused(command, capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    Path(name).mkdir()  # whoever calls a folder so means it
    assert main(command) == 0
    assert (Path(name) / "a.png").is_file()


@pytest.mark.parametrize("output", ["-", "one.png"])
def test_a_pattern_of_several_pictures_for_one_result(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output the results would lie one behind the other."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 32)).save(name)
    command = ["translate", "*.png", "-o", output, "--crop", "none", "--method", "difference", "--to", "real"]
    assert f"--output {output} is one file: give one picture" in refused(command, capsys)
    Path("b.png").unlink()
    assert main(["translate", "a*.png", "-o", "one.png", *command[4:]]) == 0
    assert Path("one.png").is_file()


def test_every_name_that_is_read_must_be_there() -> None:
    """All that are paths; texts may name what is installed, and pictures that are not there leave the others."""
    texts = {"pictures", "bundles", "bundle", "with_", "methods", "maps", "start_from"}
    others = {(one.command, one.name) for one in doors.inputs() if not one.must_be_there and one.name not in texts}
    assert others == {("pack hold-out", "names"), ("study", "data")}  # which may be made, and not be needed any more
