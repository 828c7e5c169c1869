"""Where `anime2real translate` puts its results: names, folders, what is there already."""

import json
import os
from pathlib import Path

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from translating import colour, draw, translating

from anime2real.cli.main import main
from anime2real.image.decode import PictureError
from anime2real.image.files import Search, collect
from anime2real.image.folders import Found
from anime2real.results import result_names


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


def test_an_output_folder_that_cannot_be_made(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = draw(tmp_path / "a.png")
    assert main(["translate", "--crop", "none", str(picture), "-o", str(picture / "o"), "--bundle", bundle]) == 1
    assert "cannot be made" in capsys.readouterr().err


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
    command = [*flat[:-1], "--recursive", "-o"]  # b holds a picture and a folder
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
    assert main([*flat[:-1], "--no-recursive", "-o", str(tmp_path / "flat")]) == 1
    assert "holds no pictures (left out: 3 folders, which --recursive searches)" in capsys.readouterr().err
    assert main([*flat, str(tmp_path / "folders")]) == 0  # in holds folders alone
    assert sorted(p.parent.name for p in (tmp_path / "folders").rglob("*.png")) == ["0", "a", "b"]
    assert "(left out: 1 folder, which --recursive searches)" in capsys.readouterr().err
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
    told = capsys.readouterr().err
    assert "a.png is already there without all of its variants: give --overwrite in place of --skip-existing" in told


def test_a_folder_in_a_results_place_is_not_taken_for_one(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "o" / "a.png").mkdir(parents=True)
    command = ["translate", "--crop", "none", str(draw(tmp_path / "a.png")), "-o", str(tmp_path / "o")]
    for option in ("--skip-existing", "--overwrite"):
        assert main([*command, "--bundle", bundle, option]) == 1
        assert "a.png is a folder, where a result belongs: move it away" in capsys.readouterr().err


def test_one_picture_that_is_passed_over_is_told(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", "--crop", "none", str(draw(tmp_path / "a.png")), "-o", str(tmp_path / "o")]
    command += ["--bundle", bundle, "--skip-existing"]
    assert main(command) == 0
    assert capsys.readouterr().err == ""
    assert main(command) == 0
    assert capsys.readouterr().err.startswith("0 written, 1 there already, ")


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


def test_links_that_lead_to_no_file_are_passed_over(
    tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "in"
    draw(pictures / "a.png")
    for name, target in (("round", "round"), ("round.png", "round.png"), ("lost.png", "nowhere")):
        (pictures / name).symlink_to(target)
    assert main([*translating(pictures, tmp_path / "o", bundle), "--recursive"]) == 0
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["a.png"]
    assert "(left out: 2 .png (no file), 1 without a suffix)" in capsys.readouterr().err


def test_an_interruption_tells_how_to_go_on(
    tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "in" / "a.png"), draw(tmp_path / "in" / "b.png")
    command = translating(tmp_path / "in", tmp_path / "o", bundle)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("anime2real.cli.translate.OutcomePrinter.__call__", stop)
        assert main(command) == 130
    told = "error: interrupted: what is written stays; with --skip-existing the same command goes on\n"
    assert capsys.readouterr().err.endswith(told)
    assert main([*command, "--skip-existing"]) == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["a.png", "b.png"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere no folder goes in which a program runs")
def test_a_folder_that_is_gone_is_one_line(
    tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = translating(draw(tmp_path / "a.png"), Path("o"), bundle)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(command) == 1
    told = "error: the folder that this was started in is gone: change to one that is there\n"
    assert capsys.readouterr().err == told
