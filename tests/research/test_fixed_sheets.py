"""Blind sheets say nothing of what is what, are the same for the same seed, and their answers are scored by the key."""

import csv
from pathlib import Path

import numpy as np
import pytest
from blind import CHOICES, KEY, SIDE, Set, matching, noted, photograph_or_not
from PIL import Image
from score import apart, joined, matching_table, read, single_table

from anime2real.errors import UserError

WOMEN = [name for name, row in noted().items() if row["group"] == "enlarged" and row["sex"] == "woman"][:6]
MEN = [name for name, row in noted().items() if row["group"] == "enlarged" and row["sex"] == "man"][:5]


def made(folder: Path, names: list[str], first: int) -> Set:
    """Pictures of one colour each, which tells them apart."""
    folder.mkdir()
    for number, name in enumerate(names, first):
        Image.new("RGB", (32, 32), (8 * number, 250 - 8 * number, 100)).save(folder / f"{name}.png")
    return Set(folder.name, folder)


def answer(path: Path, answers: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "answer", "faults"])
        writer.writerows([number, letter, "eye hair" if letter == "b" else ""] for number, letter in answers.items())
    return path


def test_single_results_among_genuine_pictures(tmp_path: Path) -> None:
    one, two = (made(tmp_path / name, WOMEN + MEN, first) for name, first in (("one", 0), ("two", 11)))
    photographs = [name for name in noted() if name.startswith("men-")][:4]
    genuine = made(tmp_path / "genuine", photographs, 22)
    assert photograph_or_not([one, two], genuine, tmp_path / "a", px=32) == 26
    rows = read(tmp_path / "a" / KEY)
    assert [row["number"] for row in rows] == [str(n) for n in range(1, 27)]
    assert sorted((row["set"], row["name"]) for row in rows) == sorted(
        [(s, n) for s in ("one", "two") for n in WOMEN + MEN] + [("genuine", name) for name in photographs]
    )
    assert len({row["set"] for row in rows[:10]}) == 3  # shuffled
    sheet = np.asarray(Image.open(tmp_path / "a" / "single-01.png"))
    sets = {"one": one, "two": two, "genuine": genuine}
    for place, row in enumerate(rows[:15]):
        down, along = divmod(place, 5)
        shown = sheet[down * 48 + 40, along * 32 + 16]
        assert (shown == np.asarray(sets[row["set"]].picture(row["name"], 32))[16, 16]).all()
    assert photograph_or_not([one, two], genuine, tmp_path / "b", px=32) == 26
    assert photograph_or_not([one, two], genuine, tmp_path / "c", px=32, seed=1) == 26
    a, b, c = ((tmp_path / name / KEY).read_bytes() for name in "abc")
    assert a == b != c
    assert photograph_or_not([one, two], genuine, tmp_path / "d", count=3, px=32) == 2 * 3 + 4
    chosen = {name: {r["name"] for r in read(tmp_path / "d" / KEY) if r["set"] == name} for name in ("one", "two")}
    assert chosen["one"] == chosen["two"]


def test_what_was_answered_is_counted(tmp_path: Path) -> None:
    results, genuine = made(tmp_path / "mine", WOMEN + MEN, 0), made(tmp_path / "genuine", ["selfie-01"], 20)
    photograph_or_not([results], genuine, tmp_path / "out", px=32)
    key = tmp_path / "out" / KEY
    letters = {row["number"]: "g" if row["set"] == "genuine" else "cb"[row["sex"] == "man"] for row in read(key)}
    rows = joined(key, answer(tmp_path / "answers.csv", letters))
    assert [name for name, _ in apart(rows)] == ["genuine", "mine", "mine: all men"]
    lines = single_table(rows).splitlines()
    assert lines[3].startswith("| mine | 11 | 0, 0 % (0 to 26) | 6, 55 % (28 to 79) | 5, 45 % (21 to 72) |")
    assert lines[4].startswith("| mine: all men | 5 | 0, 0 % (0 to 43) | 0, 0 % (0 to 43) | 5, 100 % (57 to 100) |")
    assert "mine, broken: eye 5, hair 5" in lines
    wrong = {**letters, "1": "x"}
    with pytest.raises(UserError, match="number 1 has the answer 'x', not gcmb"):
        joined(key, answer(tmp_path / "wrong.csv", wrong))
    del wrong["1"]
    with pytest.raises(UserError, match="no answer for number 1"):
        joined(key, answer(tmp_path / "missing.csv", wrong))


def test_the_right_input_stands_among_three_of_its_group_and_sex(tmp_path: Path) -> None:
    names = WOMEN + MEN
    results, inputs = made(tmp_path / "mine", names, 0), made(tmp_path / "inputs", names, 0)
    assert matching(results, inputs, tmp_path / "out", count=8) == 8
    key = tmp_path / "out" / KEY
    rows = read(key)
    sheet = np.asarray(Image.open(tmp_path / "out" / "matching-01.png"))
    colours = {tuple(np.asarray(inputs.picture(name, 32))[16, 16]): name for name in names}
    for place, row in enumerate(rows):
        along, down = divmod(place, 6)
        left, middle = along * (sheet.shape[1] // 2), down * (SIDE + 16) + 16 + SIDE // 2
        four = [colours[tuple(sheet[middle, left + 16 + (at + 1) * SIDE + SIDE // 2])] for at in range(CHOICES)]
        assert four["abcd".index(row["right"])] == row["name"]
        assert len(set(four)) == CHOICES
        assert set(four) <= set(MEN if row["sex"] == "man" else WOMEN)
    letters = {row["number"]: row["right"] for row in rows}
    letters["1"] = "b" if letters["1"] == "a" else "a"
    assert "| mine | 8 | 7, 88 % (53 to 98) |" in matching_table(joined(key, answer(tmp_path / "a.csv", letters)))
