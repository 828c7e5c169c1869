"""What a training says: all of it in the log, and on stderr unless it is quiet."""

import sys
from pathlib import Path

import pytest

from anime2real.train.run.folder import RunFolder
from anime2real.train.run.progress import TrainingReporter


def said(folder: Path, capsys: pytest.CaptureFixture[str], *, quiet: bool = False) -> str:
    with TrainingReporter(RunFolder(folder), quiet=quiet) as report:
        report("training difference")
        report.progress(30, 100, "61.2 pairs/s", "30.0%  61.2 pairs/s  loss 0.5")
        report("done")
    assert (folder / "log.txt").read_text() == "training difference\n30.0%  61.2 pairs/s  loss 0.5\ndone\n"
    return capsys.readouterr().err


def test_without_a_terminal_every_line_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(tmp_path, capsys) == "training difference\n30.0%  61.2 pairs/s  loss 0.5\ndone\n"


def test_a_terminal_shows_how_far_it_is_and_keeps_the_lines_that_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told = said(tmp_path, capsys)
    assert "training  61.2 pairs/s" in told
    assert "30/100" in told.replace(" ", "")
    assert "loss 0.5" not in told
    assert "done" in told


def test_quiet_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(tmp_path, capsys, quiet=True) == ""
