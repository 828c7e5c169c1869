"""Progress is drawn on a terminal alone, says how much is done, and takes what names hold for text."""

import subprocess
import sys
from typing import Any

import pytest

from anime2real.progress import Progress, tell


def show(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *calls: Any, **options: bool) -> str:
    """What a terminal shows of some calls."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(**options) as progress:
        for call in calls:
            progress(*call)
    return capsys.readouterr().err


def test_a_line_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(sys.stderr, "write", gone)
    tell("reading")


def test_nothing_is_drawn_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress("decoding", 1, 2)
    assert capsys.readouterr().err == ""


def test_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(monkeypatch, capsys, ("decoding", 1, 2), quiet=True) == ""


def test_what_is_done_and_how_much_of_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = show(monkeypatch, capsys, ("decoding", 1, 1234), ("decoding", 7, 1234))
    assert "decoding" in told
    assert "7/1234" in told.replace(" ", "")


def test_a_second_kind_of_work_takes_the_place_of_the_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = show(monkeypatch, capsys, ("decoding", 5, 5), ("looking for hair", 1, 3))
    before, _, last = told.rpartition("looking for hair")
    assert "decoding" not in last
    assert before


def test_names_are_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = show(monkeypatch, capsys, ("[red]a\x07[/red].mp4", 1))
    assert "[red]a?[/red].mp4" in told
    assert "\x07" not in told


def test_rich_is_not_imported_before_something_is_drawn() -> None:
    code = "import sys, anime2real.progress as p; p.Progress()('x', 1, 2); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_note_changes_in_its_place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = show(monkeypatch, capsys, ("training", 1, 9, "61.2 pairs/s"), ("training", 2, 9, "64.0 pairs/s"))
    assert "training  64.0 pairs/s" in told
    assert "61.2" not in told.rpartition("64.0")[2]
