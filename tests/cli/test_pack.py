"""`pack`: what a pack holds, its hair, photographs held out, a journey; none of it with torch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toys import Toy

from anime2real.cli.main import main
from anime2real.data.pack import Pack, PackError


@pytest.fixture
def pack(toy: Toy, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy.pack, tmp_path / "pack"))


def test_show_says_what_a_pack_holds(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Pack(pack)
    assert main(["pack", "show", str(pack), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"] == opened.meta["counts"]
    assert (facts["sha256"], facts["size"], facts["sources"]) == (opened.digest, 32, ["anime", "real"])
    assert facts["hair"] is facts["landmarks"] is False
    assert main(["pack", "show", str(pack)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{pack}: 32 px, crop auto, sha256 {opened.digest[:12]}"
    assert f"{opened.meta['counts']['real']['train']} real to train" in lines[1]
    near = f"near copies: left out within {opened.meta['near']} bits of pHash"
    assert (facts["near"], facts["near_hash"]) == (opened.meta["near"], "pHash")
    assert lines[2:] == [near, "sources: anime, real", "known of each: nothing", "licence: not recorded"]


def test_photographs_are_chosen_once_and_held_out_by_the_list(
    pack: Path, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    assert main(["pack", "hold-out", str(pack), str(names), "--of-each", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"pack": str(pack), "held_out": 3}
    listed = names.read_text().splitlines()
    assert len(listed) == 3
    again = shutil.copytree(toy.pack, tmp_path / "again")
    assert main(["pack", "hold-out", str(again), str(names)]) == 0
    assert capsys.readouterr().out == f"{again}: 3 photographs of {names} held out, to test on\n"
    test = {Pack(again).index[row]["file"] for row in Pack(again).rows("real", "test")}
    assert set(listed) < test
    assert Pack(again).index == Pack(pack).index


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--of-each", "0"], "--of-each is 1 or more, not 0", 2),
        (["--of-each", "1000"], "it needs more than 1000", 1),
        (["--min-scale", "2"], "give --of-each too", 2),
        ([], "names.txt is not there", 2),
    ],
)
def test_a_list_that_cannot_be_is_said_in_one_line(
    pack: Path, tmp_path: Path, options: list[str], message: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack", "hold-out", str(pack), str(tmp_path / "names.txt"), *options]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "names.txt").exists()


def test_a_list_that_was_made_for_nothing_goes(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise PackError("no room")

    names = tmp_path / "names.txt"
    monkeypatch.setattr("anime2real.data.hold_out.write_both", full)
    assert main(["pack", "hold-out", str(pack), str(names), "--of-each", "3"]) == 1
    assert not names.exists()
    names.write_text("".join(f"{entry['file']}\n" for entry in Pack(pack).index if entry["domain"] == "real"))
    assert main(["pack", "hold-out", str(pack), str(names)]) == 1
    assert names.exists()


def test_a_list_that_is_no_text_is_told(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names.txt").write_bytes(b"GIF89a\0\xff")
    assert main(["pack", "hold-out", str(pack), str(tmp_path / "names.txt")]) == 1
    assert "cannot be read (it is no text): give a text file with a name a line" in capsys.readouterr().err


def test_a_list_that_is_there_is_not_written_over(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("mine\n")
    assert main(["pack", "hold-out", str(pack), str(names), "--of-each", "3"]) == 2
    assert "already there" in capsys.readouterr().err
    assert names.read_text() == "mine\n"


def test_hair_needs_landmarks(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "add-hair", str(pack), "--quiet"]) == 1
    assert "no landmarks, which hair needs" in capsys.readouterr().err


def test_what_became_of_hair_labels_and_an_archive_is_said_in_words_or_json(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anime2real.data.hair_masks.add_hair", lambda *_, **__: 1234)
    monkeypatch.setattr("anime2real.data.labels.add_labels", lambda *_, table, **__: 3 if table else 0)
    archive, again, counts = tmp_path / "pack.zip", tmp_path / "again", Pack(pack).meta["counts"]
    assert main(["pack", "archive", str(pack), str(archive)]) == 0
    in_all = [f"{c['train']} {kind} to train on and {c['test']} to test on" for kind, c in
              zip(("drawings", "photographs"), counts.values(), strict=True)]  # fmt: skip
    for arguments, words, facts in (
        (["add-hair", str(pack)], "the hair of 1,234 pictures has a colour", {"hair": 1234}),
        (["add-labels", str(pack)], "all faces have labels", {"from_table": 0}),
        (["add-labels", str(pack), "--labels-from", str(archive)],
         "all faces have labels, 3 of them from the table", {"from_table": 3}),
        (["restore", str(archive), "-o", str(again)], ", ".join(in_all), {"counts": counts}),
    ):  # fmt: skip
        folder = again if arguments[0] == "restore" else pack
        for more in ([], ["--json"]):
            shutil.rmtree(again, ignore_errors=True)
            capsys.readouterr()
            assert main(["pack", *arguments, *more]) == 0
            said = capsys.readouterr().out
            if more:
                assert json.loads(said) == {"pack": str(folder), **facts}
            else:
                assert said == f"{folder}: {words}\n"


def test_a_pack_goes_to_an_archive_and_back_without_torch(pack: Path, tmp_path: Path) -> None:
    code = """
import sys
from anime2real.cli.main import main
pack, archive, again = sys.argv[1:]
assert main(["pack", "archive", pack, archive]) == 0
assert main(["pack", "restore", archive, "-o", again]) == 0
assert main(["pack", "show", again]) == 0
assert not {"torch", "scipy"} & sys.modules.keys()
"""
    words = [str(path) for path in (pack, tmp_path / "pack.zip", tmp_path / "again")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'pack.zip'}: 0.")
    assert Pack(tmp_path / "again").index == Pack(pack).index
