"""`anime2real translate` on real input: names, batches, failures, exit codes, JSON, progress."""

import io
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from anime2real import __version__
from anime2real.cli.main import main
from anime2real.cli.translate import OutcomePrinter
from anime2real.face.geometry import TEMPLATE, Face
from anime2real.image.decode import PictureError
from anime2real.image.files import Found, Search, clip_kind, collect
from anime2real.image.provenance import read_marks
from anime2real.network import TranslatorError
from anime2real.outcome import Outcome
from anime2real.pipeline import choose_faces, direction
from anime2real.results import result_names

SOURCE = Path(__file__).parent.parent.parent / "src"


def translating(picture: Path, output: Path, bundle: str) -> list[str]:
    """The command that translates a picture as it is."""
    return ["translate", "--crop", "none", str(picture), "-o", str(output), "--bundle", bundle]


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


def test_nothing_is_overwritten_unless_told(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = translating(draw(tmp_path / "a.png"), tmp_path / "o", bundle)
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
    out = tmp_path / "o"
    assert {p.relative_to(out).as_posix(): 255 - colour(p) for p in out.rglob("*.png")} == {
        "x/a.png": 0, "y/a.png": 1, "z/A.png": 2, "a-2.png": 3,
    }  # fmt: skip
    assert "4 written" in said.err


def names(*sources: str) -> list[str]:
    """Names of results, of files that are named themselves."""
    found = [Found(Path(source), Path(Path(source).name)) for source in sources]
    return [f"{name.as_posix()}.png" for name in result_names(found, lambda path: "png")]


def test_names_are_kept_and_never_meet() -> None:
    assert names("b.jpg", "a.b.webp", ".hidden", "noend") == ["b.png", "a.b.png", ".hidden.png", "noend.png"]
    assert names("a.png", "é.png", "e\u0301.png") == ["a.png", "é.png.png", "e\u0301.png-2.png"]
    assert names("a.jpg", "a.gif", "a.jpg.webp") == ["a.jpg-2.png", "a.gif.png", "a.jpg.png"]
    many = names(*(f"{i}/a.png" for i in range(500)), "a-7.png")
    assert len(set(many)) == 501
    assert many[-1] == "a-7.png"


@given(st.lists(st.from_regex(r"\A[ab]{1,2}/[aA]{1,2}\.(png|jpg)\Z"), min_size=1, max_size=8, unique=True))
def test_a_picture_more_gives_no_name_to_another(sources: list[str]) -> None:
    before, after = names(*sources[:-1]), names(*sources)
    assert len(set(after)) == len(after)
    owners = dict(zip(before, sources[:-1], strict=True))
    for name, source in zip(after, sources, strict=True):
        assert owners.get(name, source) == source


def test_results_are_no_input_the_second_time(tmp_path: Path) -> None:
    def found(*arguments: Path, output: Path) -> list[Path | PictureError]:
        search = Search(arguments, recursive=True, output=output)
        return [item.path if isinstance(item, Found) else item for item in search]

    first, result = draw(tmp_path / "a.png"), draw(tmp_path / "out" / "a.png")
    out = tmp_path / "out"
    assert found(tmp_path, output=out) == [first]
    assert found(tmp_path, result, output=out) == [first, result]
    assert found(out, output=out) == [result]
    assert found(tmp_path, output=tmp_path) == [first, result]


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
    assert not any((tmp_path / "o").iterdir())


def test_to_must_fit_the_bundle(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*translating(draw(tmp_path / "a.png"), tmp_path / "o", bundle), "--to"]
    assert main([*command, "anime"]) == 2
    assert "translates to real, not to anime" in capsys.readouterr().err
    assert main([*command, "real"]) == 0


def test_an_output_folder_that_cannot_be_made(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = draw(tmp_path / "a.png")
    assert main(["translate", "--crop", "none", str(picture), "-o", str(picture / "o"), "--bundle", bundle]) == 1
    assert "cannot be made" in capsys.readouterr().err


def test_progress_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome(Path("a"), (Path("o/a.png"),)), Outcome(Path("b"), error="b\nis\x1b bad")]

    def report() -> str:
        reporter = OutcomePrinter(Search(["x", "y", "z"]), as_json=False)
        for outcome in outcomes:
            reporter(outcome)
        reporter.close()
        assert reporter.failures == 1
        return capsys.readouterr().err

    assert report().splitlines()[0] == "error: b is? bad"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told = report()
    assert "pictures" in told
    assert "2/3" in told
    assert told.endswith("s\n")
    assert "1 written, 1 failed" in told


def test_an_argument_that_stands_for_nothing(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "*.jpg"), str(tmp_path / "empty"), str(draw(tmp_path / "a.png"))]
    assert all(isinstance(item, PictureError) for item in collect(arguments[:2]))
    assert main(["translate", "--crop", "none", *arguments, "-o", str(tmp_path / "o"), "--bundle", bundle]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert (tmp_path / "o" / "a.png").is_file()
    assert main(["translate", *arguments[:2], "-o", str(tmp_path / "none"), "--bundle", bundle]) == 1
    assert not (tmp_path / "none").exists()


def test_folders_below_a_folder_are_kept(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    for value, name in enumerate(("a/1.png", "b/1.png", "b/c/1.jpg")):
        draw(tmp_path / "in" / name, value)
    flat = ["translate", "--crop", "none", str(tmp_path / "in"), "--bundle", bundle, "-o"]
    command = [*flat[:-1], "--recursive", "-o"]
    out = tmp_path / "out"
    assert main([*command, str(out)]) == 0
    assert {p.relative_to(out).as_posix(): 255 - colour(p) for p in out.rglob("*.png")} == {
        "a/1.png": 0, "b/1.png": 1, "b/c/1.png": 2,
    }  # fmt: skip
    draw(tmp_path / "in" / "0" / "1.png", 9)  # a picture more, and what is there is passed over
    capsys.readouterr()
    assert main([*command, str(out), "--skip-existing"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}/in/0/1.png -> {out}/0/1.png\n"
    assert said.err.startswith("1 written, 3 there already")
    assert main([*command, str(out), "--skip-existing", "--json"]) == 0
    assert [json.loads(line)["skipped"] for line in capsys.readouterr().out.splitlines()] == [True] * 4
    assert main([*flat, str(tmp_path / "flat")]) == 1
    assert "holds no pictures (left out: 3 folders, which --recursive searches)" in capsys.readouterr().err
    draw(tmp_path / "in" / "2.png")
    assert main([*flat, str(tmp_path / "flat")]) == 0
    assert [p.name for p in (tmp_path / "flat").iterdir()] == ["2.png"]
    assert "(left out: 3 folders, which --recursive searches)" in capsys.readouterr().err


def test_a_pattern_keeps_the_folders_that_it_matches(tmp_path: Path, bundle: str) -> None:
    draw(tmp_path / "in" / "a" / "1.png"), draw(tmp_path / "in" / "b" / "1.png")
    assert (
        main(["translate", "--crop", "none", f"{tmp_path}/in/*/1.png", "--bundle", bundle, "-o", f"{tmp_path}/o"]) == 0
    )
    assert sorted(p.parent.name for p in (tmp_path / "o").rglob("*.png")) == ["a", "b"]


def test_a_set_of_files_is_done_when_all_of_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tiny.write_bundle(tmp_path / "b", tiny.styled_model(), conditions=("style",)).folder
    command = ["translate", "--crop", "none", str(draw(tmp_path / "a.png")), "-o", str(tmp_path / "o")]
    command += ["--bundle", str(bundle), "--variants", "3"]
    replace, left = Path.replace, [2]

    def dies(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        assert main(command) == 130
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["a-variant-2.png", "a-variant-3.png"]
    assert main([*command, "--skip-existing"]) == 0
    capsys.readouterr()
    (tmp_path / "o" / "a-variant-2.png").unlink()
    assert main([*command, "--skip-existing"]) == 1
    assert "a.png is already there" in capsys.readouterr().err


def test_what_killed_commands_left_is_removed(tmp_path: Path, bundle: str) -> None:
    left = tmp_path / "o" / ".0123456789abcdef.partial.png"
    draw(left)
    command = ["translate", "--crop", "none", str(draw(tmp_path / "a.png")), "-o", str(tmp_path / "o")]
    assert main([*command, "--bundle", bundle]) == 0
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["a.png"]


def test_a_result_that_was_removed_is_not_told_as_written(
    tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anime2real.translate_files.write_together", lambda *images, **options: None)
    command = ["translate", "--crop", "none", str(draw(tmp_path / "a.png")), "-o", str(tmp_path / "o")]
    assert main([*command, "--bundle", bundle]) == 1
    assert "a.png was written, and removed since" in capsys.readouterr().err


def test_addresses_are_refused_in_words(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["translate", "https://example.org/a.png", "-o", str(tmp_path / "o"), "--bundle", bundle]
    assert main(command) == 1
    assert "https://example.org/a.png is an address: fetch it first" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_one_picture_to_a_named_file(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = draw(tmp_path / "a.png")
    command = ["translate", "--crop", "none", str(picture), "--bundle", bundle, "-o"]
    assert main([*command, str(tmp_path / "new" / "result.webp"), "--quality", "30"]) == 0
    with Image.open(tmp_path / "new" / "result.webp") as made:
        assert made.format == "WEBP"
    assert main([*command, str(tmp_path / "x.png"), "--format", "jpg"]) == 2
    assert main([*command, str(tmp_path / "x.png"), "--quality", "50"]) == 2
    assert main([*command[:3], str(tmp_path), "--bundle", bundle, "-o", str(tmp_path / "x.png")]) == 2
    assert "one file" in capsys.readouterr().err


PROGRAM = [sys.executable, "-c", "import sys; from anime2real.cli.main import main; sys.exit(main())", "translate"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}


def test_standard_input_and_output(tmp_path: Path, bundle: str) -> None:
    command = [*PROGRAM, "-", "-o", "-", "--crop", "none", "--bundle", bundle]
    content = draw(tmp_path / "a.png", 3).read_bytes()
    done = subprocess.run(command, input=content, capture_output=True, check=True, env=ENVIRONMENT)
    with Image.open(io.BytesIO(done.stdout)) as made:
        assert np.asarray(made)[0, 0, 0] == 255 - 3
    assert done.stderr.decode() == "- -> -/stdin.png\n"
    failed = subprocess.run(command, input=b"none", capture_output=True, check=False, env=ENVIRONMENT)
    assert (failed.returncode, failed.stdout) == (1, b"")
    assert failed.stderr.decode().startswith("error: - is not a picture")


FULL = "error: what is printed cannot be written (No space left on device): free some space, or print elsewhere"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        ("2>&-", 0, ""), (">&-", 0, ""), ("2>/dev/full", 0, ""),
        (">/dev/full", 1, FULL),
    ],
)  # fmt: skip
def test_streams_that_are_closed_or_full(tmp_path: Path, bundle: str, streams: str, code: int, said: str) -> None:
    command = [*PROGRAM, str(draw(tmp_path / "a.png")), "--crop", "none", "--bundle", bundle, "-o", str(tmp_path / "o")]
    line = f"{shlex.join(command)} {streams}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (done.returncode, done.stderr.strip()) == (code, said)
    assert (tmp_path / "o" / "a.png").exists()


def test_a_folder_starts_at_once(tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(60):
        draw(tmp_path / "in" / f"{i:02}.png")
    looked_at: list[Path] = []

    def looks(path: Path) -> str | None:
        looked_at.append(path)
        return clip_kind(path)

    monkeypatch.setattr("anime2real.results.clip_kind", looks)
    seen: list[int] = []
    monkeypatch.setattr(OutcomePrinter, "__call__", lambda self, outcome: seen.append(len(looked_at)))
    command = ["translate", "--crop", "none", str(tmp_path / "in"), "-o", str(tmp_path / "o"), "--bundle", bundle]
    main(command)
    assert len(seen) == 60
    assert seen[0] <= 32


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
        return [Face(TEMPLATE * 10 + i, domain, 1.0) for i, domain in enumerate(domains)]  # type: ignore[arg-type]

    assert direction(faces("real")) == "anime"
    assert direction(faces("anime", "real", "real")) == "anime"
    assert direction(faces("anime", "real")) == "real"  # the largest decides
    three = faces("anime", "anime", "anime")
    assert choose_faces(list(reversed(three)), "left-to-right") == three
    assert choose_faces(three, 2) == [three[1]]
    with pytest.raises(TranslatorError, match="no face 4"):
        choose_faces(three, 4)
