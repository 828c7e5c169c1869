"""A command that fails before its first result leaves no folder for it behind."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import studies
import tiny
from filelock import FileLock, Timeout
from PIL import Image
from toys import Toy
from translating import draw, translating

from anime2real import atomic, atomic_folder
from anime2real.cli.main import main
from anime2real.errors import UserError
from anime2real.locks import alone
from anime2real.study.create import create_study
from anime2real.train import weight_averaging


@dataclass(frozen=True)
class Given:
    """What commands are given, and the folder, not there yet, in which their results are to lie."""

    toy: Toy
    bundle: str
    folder: Path


@pytest.fixture
def given(toy: Toy, tmp_path: Path) -> Given:
    (tmp_path / "given").mkdir()
    bundle = tiny.write_bundle(tmp_path / "given" / "bundle")
    return Given(toy, str(bundle.folder), tmp_path / "new" / "below")


def quiet(*words: object) -> int:
    return main([*map(str, words), "--quiet"])


def full(path: Path) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


SIZED = ("--size", "32", "--crop", "centre", "--near", "0", "--processes", "1")

WRITING: dict[str, Callable[[Given], int]] = {
    "translate": lambda g: main(translating(draw(g.folder.parents[1] / "given" / "a.png"), g.folder, g.bundle)),
    "translate to a file": lambda g: main(
        translating(draw(g.folder.parents[1] / "given" / "a.png"), g.folder / "b.png", g.bundle)
    ),
    "prepare": lambda g: quiet("prepare", *SIZED, "--anime", g.toy.anime, "--real", g.toy.real, "-o", g.folder / "p"),
    "pairs": lambda g: quiet("pairs", g.toy.anime, "--with", g.bundle, "-o", g.folder / "p", "--processes", "1"),
    "pack shard": lambda g: quiet("pack", "shard", g.toy.pack, "-o", g.folder / "shards"),
    "pack archive": lambda g: main(["pack", "archive", str(g.toy.pack), str(g.folder / "pack.zip")]),
    "compare": lambda g: main(["compare", g.bundle, "--data", str(g.toy.pack), "-o", str(g.folder / "page.html")]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITING)
def test_on_a_full_disk(
    name: str, given: Given, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (atomic, atomic_folder):
        monkeypatch.setattr(module, "flush", full)
    assert WRITING[name](given) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert os.listdir(given.folder.parents[1]) == ["given"]


def test_a_study_and_an_average_on_a_full_disk(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (atomic, atomic_folder):
        monkeypatch.setattr(module, "flush", full)
    with pytest.raises(UserError, match="No space left"):
        create_study(given.folder / "study", {"real": studies.pictures()}, comparisons=1, controls=1, checks=1)

    def save(network: object, bundles: object, shares: object, folder: Path, back: object) -> None:
        full(folder)

    monkeypatch.setattr(weight_averaging, "averaged", lambda *_: None)
    monkeypatch.setattr(weight_averaging, "_save", save)
    with pytest.raises(OSError, match="No space left"):
        weight_averaging.save_average([], [], given.folder / "average")
    assert os.listdir(given.folder.parents[1]) == ["given"]


def test_of_what_shows_nothing(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures that cannot be read or show no face, a clip without one, a pipe."""
    source = given.folder.parents[1] / "given" / "source"
    draw(source / "below" / "black.png")
    frames = [Image.new("RGB", (tiny.PX, tiny.PX), (grey, grey, grey)) for grey in (0, 40)]
    frames[0].save(source / "below" / "film.gif", save_all=True, append_images=frames[1:])
    (source / "bad.png").write_bytes(b"no picture")
    os.mkfifo(source.parent / "pipe")
    for pictures in (source, source.parent / "pipe"):
        words = ["translate", str(pictures), "--recursive", "-o", str(given.folder), "--bundle", given.bundle]
        assert main(words) == 1
    assert quiet("pairs", source, "--with", given.bundle, "-o", given.folder / "pairs") == 1
    assert quiet("prepare", "--anime", source, "--real", source, "-o", given.folder / "p", "--size", "32") == 1
    said = capsys.readouterr().err
    assert said.count("no face found") == 2
    assert "no drawing shows a face" in said
    assert "no anime picture is left" in said
    assert os.listdir(given.folder.parents[1]) == ["given"]


@pytest.mark.parametrize("name", ["prepare", "pairs", "pack shard"])
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a file system in which nobody may write")
def test_where_nobody_may_write_no_other_process_is_blamed(
    name: str, given: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    assert WRITING[name](Given(given.toy, given.bundle, Path("/proc"))) == 1
    said = capsys.readouterr().err
    assert "cannot be written: No such file or directory" in said
    assert "another process" not in said
    assert said.count("\n") == 1


def test_a_lock_that_is_let_go_of_meanwhile_was_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object, **__: object) -> None:
        raise Timeout(str(tmp_path / "lock"))

    monkeypatch.setattr(FileLock, "acquire", held)
    with pytest.raises(LookupError, match="another"), alone(tmp_path / "lock", LookupError("another")):
        pass
    assert not any(tmp_path.iterdir())


def test_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with atomic.removed_if_empty(tmp_path / "mine"):
        pass
    with atomic.removed_if_empty(tmp_path / "made" / "below"):
        (tmp_path / "made" / "below").mkdir(parents=True)
        (tmp_path / "made" / "file").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "mine"]
    assert os.listdir(tmp_path / "made") == ["file"]
