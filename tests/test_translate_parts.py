"""Files translated in parts, as on a cluster, in processes of this machine: as the plain command does."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
from translating import colour, draw, no_clip, pickled

from anime2real import translate_parts as module
from anime2real.cli.cluster import table_of_failures
from anime2real.data.workers import Workers
from anime2real.errors import UserError
from anime2real.image.files import Search
from anime2real.network import Networks
from anime2real.outcome import Options, Outcome
from anime2real.translate_files import translate_files
from anime2real.translate_parts import translate_parts

OPTIONS = Options(to="real", crop="none")


def cut_off(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[Any]:
    """Each task is done twice, as one whose process was killed at its very end."""
    for task in tasks:
        function(*task)
        yield function(*task)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eleven pictures in two folders, of which two share a name and one is none; and a text."""
    monkeypatch.setattr(module, "PART", 4)
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        draw(Path("in") / f"{number}.png", 10 * number)
    draw(Path("in") / "7.gif", 200)
    draw(Path("in") / "below" / "a.png", 100)
    Path("in/bad.png").write_bytes(b"nothing")
    Path("in/read.me").write_text("text")
    return Path("in")


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    return Networks(None, tiny.write_bundle(tmp_path / "negative", tiny.model(scale=-1.0)), threads=1)


def searched(pictures: Path, output: Path) -> Search:
    return Search([pictures], recursive=True, output=output)


def made(output: Path) -> dict[str, bytes]:
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}


def told(outcomes: Iterable[Outcome], output: Path) -> list[Outcome]:
    """Without times, and as if all results lay in one folder."""
    return [
        replace(one, seconds=0.0, outputs=tuple(path.relative_to(output) for path in one.outputs)) for one in outcomes
    ]


@pytest.mark.parametrize("spread", [pickled, cut_off])
@pytest.mark.parametrize("skip", [False, True])
def test_the_same_files_and_words_as_without_parts(
    pictures: Path, networks: Networks, spread: Workers, skip: bool
) -> None:
    options = replace(OPTIONS, skip_existing=skip)
    plain, search = Path("plain"), searched(pictures, Path("parts"))
    expected = told(translate_files(networks, searched(pictures, plain), plain, options), plain)
    parts = Path("parts")
    assert told(translate_parts(spread, networks, search, parts, options, no_clip), parts) == expected
    assert made(parts) == made(plain)
    assert len(expected) == 11
    assert [one.source for one in expected if one.error] == [pictures / "bad.png"]
    assert search.left_out_note() == " (left out: 1 .me)"


def test_results_from_before_are_kept_and_those_of_a_stopped_command_passed_over(
    pictures: Path, networks: Networks
) -> None:
    out = Path("out")
    draw(out / "3.png", 77)
    first = list(translate_parts(cut_off, networks, searched(pictures, out), out, OPTIONS, no_clip))
    refused = [one for one in first if one.error]
    assert [one.source for one in refused] == [pictures / "3.png", pictures / "bad.png"]
    assert "is already there" in str(refused[0].error)
    assert colour(out / "3.png") == 77
    before = made(out)
    again = replace(OPTIONS, skip_existing=True)
    second = list(translate_parts(cut_off, networks, searched(pictures, out), out, again, no_clip))
    assert [one.source for one in second if not one.skipped] == [pictures / "bad.png"]
    assert made(out) == before


def test_what_a_killed_process_left_half_written_is_gone(pictures: Path, networks: Networks) -> None:
    def killed(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[Any]:
        for number, task in enumerate(tasks):
            if number == 1:
                (Path("out") / f".{'0' * 16}.partial.png").write_bytes(b"half")
            yield function(*task)

    list(translate_parts(killed, networks, searched(pictures, Path("out")), Path("out"), OPTIONS, no_clip))
    assert not [path for path in Path("out").rglob("*") if path.name.startswith(".")]


def test_where_nothing_can_be_written_nothing_is_left(pictures: Path, networks: Networks) -> None:
    Path("file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        list(translate_parts(pickled, networks, searched(pictures, Path("o")), Path("file/o"), OPTIONS, no_clip))

    def fails(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[Any]:
        raise UserError("no cluster")

    with pytest.raises(UserError, match="no cluster"):
        list(translate_parts(fails, networks, searched(pictures, Path("o")), Path("o"), OPTIONS, no_clip))
    assert not Path("o").exists()


def test_a_copied_search_finds_what_a_pattern_matched_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw(Path("a.png"))
    copy = pickle.loads(pickle.dumps(Search(["*.png"])))
    draw(Path("b.png"))
    assert [found.path.name for found in copy] == ["a.png"]
    assert copy.holds(Path("a.png"))
    assert not copy.holds(Path("b.png"))


def test_a_table_of_failures_is_of_one_command(tmp_path: Path) -> None:
    with table_of_failures(tmp_path / "out") as table:
        table(Path("a,b.png"), 'is "none"')
        table("", "no such file")
        assert len((tmp_path / "out.failed.csv").read_text().splitlines()) == 3  # there while the command runs
    assert (tmp_path / "out.failed.csv").read_text() == 'picture,why\n"a,b.png","is ""none"""\n,no such file\n'
    with table_of_failures(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(UserError, match=r"failed\.csv cannot be written"),
        table_of_failures(tmp_path / "no" / "o") as t,
    ):
        t("a", "b")
