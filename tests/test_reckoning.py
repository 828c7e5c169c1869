"""The page of reckoning says what its script reckons, and a rate that doubles makes its own line longer, no other."""

import json
from pathlib import Path
from typing import Any

import pytest
import reckoning

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], dict[str, Any]]:
    reckoning.main(list(arguments))
    lines = capsys.readouterr().out.splitlines()
    return lines, json.loads(lines[-1])["pictures"]


def test_the_page_has_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = found(capsys)
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 3 * 7
    text = PAGE.read_text(encoding="utf-8")
    assert [row for row in rows if row not in text] == []


def test_a_rate_decides_its_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    _, usual = found(capsys, "--pictures", "1e8")
    rates = reckoning.Rates()
    doubled = "--translate-ms", str(2 * rates.translate_ms), "--gpu-hour", str(2 * rates.gpu_hour)
    _, slower = found(capsys, "--pictures", "1e8", *doubled)
    usual, slower = usual["100000000"], slower["100000000"]
    assert slower["translate"]["hours"] == pytest.approx(2 * usual["translate"]["hours"])
    assert slower["train"]["dollars"] == pytest.approx(2 * usual["train"]["dollars"])
    assert all(slower[name] == usual[name] for name in ("prepare", "copies", "shards"))


def test_only_copies_grow_faster_than_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    _, lines = found(capsys)
    small, large = lines["1000000"], lines["1000000000"]
    for name in ("prepare", "shards", "train", "translate"):
        assert large[name]["cores"] == pytest.approx(1000 * small[name]["cores"])
    assert large["copies"]["cores"] > 10_000 * small["copies"]["cores"]
