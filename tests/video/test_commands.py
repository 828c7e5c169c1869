"""The command line on clips: beside pictures, as JSON, refused, and how far it is."""

import io
import json
import sys
import time
from pathlib import Path

import clips
import pytest
import tiny
from PIL import Image

from anime2real.cli.main import main
from anime2real.cli.translate import OutcomePrinter
from anime2real.image import provenance as marks
from anime2real.image.files import Search
from anime2real.making import read_making
from anime2real.video import frames


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video, a GIF of the same name, a picture, and a broken video."""
    folder = tmp_path_factory.mktemp("in")
    frames, _ = clips.moving(6)
    clips.encode(folder / "a.mp4", frames)
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:], duration=40)
    frames[0].save(folder / "a.png")
    (folder / "broken.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(200))
    return folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cyclegan, both ways."""
    tiny.ship_only(monkeypatch, tmp_path / "shipped")
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-anime-to-real")
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-real-to-anime", source="real", target="anime")


def test_clips_and_pictures_of_a_folder(
    tmp_path: Path, inputs: Path, shipped: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["translate", str(inputs), "-o", str(out), "--json"]) == 1
    gif, film, picture, broken = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert sorted(path.name for path in out.iterdir()) == ["a.gif", "a.mp4", "a.png"]
    assert set(broken) == {"input", "error"}
    assert "broken.mkv" in broken["error"]
    assert film.pop("seconds") > 0
    assert film == {
        "input": str(inputs / "a.mp4"), "output": str(out / "a.mp4"), "to": "real", "method": "cyclegan",
        "encoding": "H.264", "frames": 6, "resumed": 0,
        "tracks": [{"from": 0, "to": 0.2, "frames": 6, "domain": "anime"}],
    }  # fmt: skip
    assert (gif["encoding"], len(picture["faces"])) == ("GIF", 1)
    assert main(["translate", str(inputs / "a.mp4"), "-o", str(out)]) == 1
    assert "a.mp4 is already there: give --overwrite" in capsys.readouterr().err
    assert main(["inspect", str(out / "a.mp4"), str(inputs / "a.mp4"), "--json"]) == 0
    made, given = (json.loads(line)["marks"] for line in capsys.readouterr().out.splitlines())
    assert (made["DigitalSourceType"], made["AIPromptInformation"], given) == (marks.GENERATED, "layout paste", {})
    assert main(["inspect", str(inputs / "a.mp4")]) == 0
    assert capsys.readouterr().out == f"{inputs / 'a.mp4'}: video; no mark of a generated video\n"


def test_a_clip_to_standard_output(
    tmp_path: Path, inputs: Path, shipped: None, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    clip = inputs / "a.gif"
    assert main(["translate", str(clip), "-o", "-", "--to", "real"]) == 0
    printed = capfdbinary.readouterr()
    assert frames_of(printed.out) == 6
    (tmp_path / "out.gif").write_bytes(printed.out)
    making = read_making(tmp_path / "out.gif")
    assert making is not None
    assert making.asked == "layout paste"  # all faces, as of a clip that goes to a file
    assert printed.err.decode().splitlines()[-1] == f"{clip} -> standard output"


def test_a_clip_is_done_without_the_variants_of_pictures(
    tmp_path: Path, inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tiny.write_bundle(tmp_path / "styled", tiny.styled_model(), conditions=("style",)).folder
    command = ["translate", str(inputs / "a.gif"), str(inputs / "a.png"), "-o", str(tmp_path / "o")]
    command += ["--bundle", str(bundle), "--variants", "2", "--skip-existing"]
    assert main(command) == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["a-variant-2.png", "a.gif", "a.png"]
    assert main(command) == 0
    assert "0 written, 2 there already" in capsys.readouterr().err


def frames_of(content: bytes) -> int:
    """The number of frames of an animated picture."""
    with Image.open(io.BytesIO(content)) as picture:
        return int(getattr(picture, "n_frames", 1))


def test_the_direction_that_is_asked_for(
    tmp_path: Path, inputs: Path, shipped: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", str(inputs / "a.mp4"), "-o", str(tmp_path / "o"), "--json", "--to", "anime"]
    assert main(command) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["to"] == "anime"
    assert "1 of 1 faces look drawn already" in line["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layout", "face"], "a.mp4: a clip's faces are pasted back: leave --layout face out"),
        (["--layout", "pair"], "leave --layout pair out"),
        (["--crop", "none"], "--crop none is for pictures"),
    ],
)
def test_layouts_that_clips_do_not_have(
    tmp_path: Path, inputs: Path, shipped: None, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", str(inputs / "a.mp4"), "-o", str(tmp_path / "o"), *arguments]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_paste_may_be_said(tmp_path: Path, inputs: Path, shipped: None) -> None:
    assert main(["translate", str(inputs / "a.mp4"), "-o", str(tmp_path / "o"), "--layout", "paste"]) == 0


def test_two_videos_of_one_name(
    tmp_path: Path, inputs: Path, shipped: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mov").write_bytes((inputs / "a.mp4").read_bytes())
    assert main(["translate", str(inputs / "a.mp4"), str(tmp_path / "a.mov"), "-o", str(tmp_path / "o")]) == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["a.mov.mp4", "a.mp4.mp4"]
    said = capsys.readouterr()
    assert "written as a.mov.mp4: another picture is called a" in said.err
    assert [line.rpartition(".mp4 ")[2] for line in said.out.splitlines()] == ["(a person)", "(a person)"]


def test_stopped_work_begins_nothing_that_waits() -> None:
    """So a clip whose network is slow ends after the batch that it is at."""
    begun: list[int] = []

    def slow(number: int) -> None:
        begun.append(number)
        time.sleep(0.3)

    def work() -> None:
        with frames._threads(1) as threads:
            for number in range(3):
                threads.submit(slow, number)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert begun == [0]


def test_an_interrupted_command_goes_on(
    tmp_path: Path, inputs: Path, shipped: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anime2real.video.translate.SEGMENT", 2)
    out = tmp_path / "o"
    command = ["translate", str(inputs / "a.mp4"), "-o", str(out), "--json"]

    def stop(self: OutcomePrinter, name: str, doing: str, done: int, total: int | None) -> None:
        if doing == "translating" and done == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(OutcomePrinter, "frames", stop)
        assert main(command) == 130
    told = "stopped translating at frame 3 of 6, 2 of them kept; the same command resumes"
    assert capsys.readouterr().err == f"error: interrupted: {inputs / 'a.mp4'}: {told}\n"
    assert all(path.name.startswith(".") for path in out.iterdir())
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 2
    assert [path.name for path in out.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("output", "told"), [("{}/o.gif", ": -: {}"), ("-", "")])
def test_an_interrupted_stream_says_so_and_promises_nothing_of_standard_output(
    tmp_path: Path, inputs: Path, shipped: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    output: str, told: str,
) -> None:  # fmt: skip
    def stop(self: OutcomePrinter, name: str, doing: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(OutcomePrinter, "frames", stop)
    with (inputs / "a.gif").open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        assert main(["translate", "-", "-o", output.format(tmp_path)]) == 130
    where = "stopped looking for faces at frame 2 of 6, none kept yet; the same command starts again"
    assert capsys.readouterr().err == f"error: interrupted{told.format(where)}\n"


def test_how_far_a_clip_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    reporter = OutcomePrinter(Search(["a.mp4"]), as_json=False)
    reporter.frames("a.mp4", "looking for faces", 1, None)
    reporter.frames("a.mp4", "translating", 251, 500)
    reporter.close()
    told = capsys.readouterr().err
    assert "a.mp4: translating, frame" in told
    assert "251/500" in told


def test_an_animation_of_which_faces_alone_are_asked_for_is_a_picture(
    tmp_path: Path, inputs: Path, shipped: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", str(inputs / "a.gif"), "-o", str(tmp_path / "o"), "--layout", "pair"]) == 0
    assert "only the first frame" in capsys.readouterr().err
    with Image.open(tmp_path / "o" / "a.png") as pair:
        assert pair.size == (2 * tiny.PX, tiny.PX)
