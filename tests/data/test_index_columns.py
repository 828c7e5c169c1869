"""The columns that a large index keeps beside it are those of its lines, and are made anew when they are not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anime2real.data import index_columns
from anime2real.data.index import Index
from anime2real.data.index_columns import WIDTHS
from anime2real.data.workers import processes_here


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of 40 lines, which counts as large and is read in blocks of 16."""
    random = np.random.default_rng(0)
    lines: list[dict[str, Any]] = []
    for row in range(40):
        line: dict[str, Any] = {"file": f"source{row % 3}/{row}.png", "sha256": f"{row:064x}"}
        line |= {"split": ("train", "test", "none")[row % 3], "domain": ("anime", "real")[row % 2]}
        line |= {"scale": float(random.random())}
        line |= {"landmarks": random.random((5, 2)).tolist()} if row % 4 else {"landmarks": None}
        lines.append(line)
    path = tmp_path / "index.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(index_columns, "LARGE", 1)
    monkeypatch.setattr(index_columns, "_BLOCK", 16)
    return path


def assert_same(one: Index, two: Index) -> None:
    assert one == two
    assert len(one) == len(two) == 40
    for name in WIDTHS:
        assert np.array_equal(one.column(name), two.column(name), equal_nan=True)
    for of_one, of_two in ((one.domains, two.domains), (one.splits, two.splits), (one.sources, two.sources)):
        assert np.array_equal(of_one, of_two)
    assert (one.source_names, one.files_sha256) == (two.source_names, two.files_sha256)


def never(*_: Any) -> None:
    raise AssertionError("made anew")


def test_columns_are_kept_and_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Index(path)
    assert (path.parent / "index.columns").is_file()
    monkeypatch.setattr(index_columns, "_written", never)
    again = Index(path)
    assert isinstance(again.column("landmarks").base, np.memmap)
    assert_same(made, again)
    monkeypatch.setattr(index_columns, "LARGE", 2**30)
    small = Index(path)
    assert_same(small, again)
    assert [entry["file"] for entry in small] == [f"source{row % 3}/{row}.png" for row in range(40)]
    assert np.isnan(small.column("landmarks")[::4]).all()


def test_columns_of_another_index_or_damaged_ones_are_made_anew(path: Path) -> None:
    expected, kept = Index(path), path.with_suffix(".columns")
    whole = kept.read_bytes()
    for damaged in (b"", b"{}\n", b"[1]\n", whole[:-1], whole[:-100] + b"\0" * 100, whole + b"\0"):
        kept.unlink()  # it is mapped
        kept.write_bytes(damaged)
        assert_same(Index(path), expected)
        assert kept.read_bytes() == whole
    entry = json.loads(path.read_text().splitlines()[0])
    changed = path.read_text().replace(json.dumps(entry), json.dumps({**entry, "scale": 2.5}), 1)
    path.unlink()
    path.write_text(changed)
    assert Index(path).column("scale")[0] == 2.5
    assert expected.column("scale")[0] != 2.5  # what was opened stays


def here(function: Any, tasks: Any, _: int) -> Any:
    return (function(*task) for task in tasks)


@pytest.mark.parametrize("spread", [here, processes_here(2)])
def test_other_processes_make_the_same_columns(path: Path, spread: Any) -> None:
    expected, kept = Index(path), path.with_suffix(".columns")
    whole = kept.read_bytes()
    kept.unlink()  # it is mapped
    assert_same(Index(path, spread), expected)
    assert kept.read_bytes() == whole


def test_an_index_that_is_replaced_meanwhile_is_read_as_it_was(path: Path) -> None:
    expected = Index(path)

    def replaced(function: Any, tasks: Any, _: int) -> Any:
        for number, task in enumerate(tasks):
            if number == 2:
                path.with_suffix(".new").write_text("{}")
                path.with_suffix(".new").replace(path)
            yield function(*task)

    path.with_suffix(".columns").unlink()
    assert_same(Index(path, replaced), expected)


@pytest.mark.parametrize("spread", [None, here])
def test_a_line_that_is_none_is_named(path: Path, spread: Any) -> None:
    lines = path.read_text().splitlines(keepends=True)
    for wrong, why in (("{}\n", "no 'file'"), (lines[0].replace('"scale": ', '"scale": "x'), ""), ("[\n", "")):
        path.unlink()
        path.write_text("".join([*lines[:30], wrong, *lines[31:]]))
        with pytest.raises(ValueError, match=f"^index.jsonl, line 31: {why}"):
            Index(path, spread)


def test_a_folder_that_cannot_be_written_to_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(index_columns, "atomic_file", full)
    found = Index(path)
    assert not path.with_suffix(".columns").exists()
    monkeypatch.setattr(index_columns, "LARGE", 2**30)
    assert_same(found, Index(path))


def test_a_line_that_is_none_is_told_and_nothing_is_left(path: Path) -> None:
    with path.open("a") as file:
        file.write("{}\n")
    with pytest.raises(ValueError, match=r"index\.jsonl, line 41: no 'file'"):
        Index(path)
    assert [file.name for file in path.parent.iterdir()] == ["index.jsonl"]
