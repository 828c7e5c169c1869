"""The columns that a large index keeps beside it are those of its lines, and are made anew when they are not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anime2real.data import index_columns, index_lines
from anime2real.data.index import Index
from anime2real.data.index_lines import WIDTHS
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


def test_lines_are_read_alike_alone_and_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a line says does not depend on those beside it: as `prepare` writes them, and as others may."""
    usual = path.read_text().splitlines(keepends=True)
    entry = json.loads(usual[1])
    flat = [number for row in entry["landmarks"] for number in row]
    others = [
        {**entry, "landmarks": flat}, {**entry, "scale": [2]}, {**entry, "who": [0, [1]], "weight": None},
        {**entry, "hair": [1e300, -0.0, 7]}, {**entry, "scale": 10**30}, {**entry, "sha256": None, "split": ["train"]},
        {**entry, "file": "ein/Gesicht ü.png"}, {**entry, "file": "other"},
    ]  # fmt: skip
    odd = [json.dumps(other, ensure_ascii=False) + "\n" for other in others]
    odd += ["  " + usual[1], usual[1].replace("\n", " \n"), usual[1].replace("\n", "\r\n"), usual[1].removesuffix("\n")]
    for lines in (usual, odd, [*odd[:-1], *usual], [*usual[:9], *odd]):
        content = "".join(lines).encode()
        together = index_lines.read_lines(content, 7)
        with monkeypatch.context() as patch:
            patch.setattr(index_lines, "_AT_ONCE", 1)
            apart = index_lines.read_lines(content, 7)
        assert len(together.records) == len(lines)
        assert together.records["start"][0] == 7
        for name in index_lines.RECORD.names or ():
            np.testing.assert_array_equal(together.records[name], apart.records[name])
        assert (together.names, together.files, together.wrong) == (apart.names, apart.files, "")
    wrong = [
        {**entry, "scale": True}, {**entry, "scale": "1"}, {**entry, "landmarks": entry["landmarks"][:4]},
        {**entry, "landmarks": [[[1.0] * 10]]}, {**entry, "domain": ["real"]}, {**entry, "domain": "painted"}, [entry],
        {**entry, "file": 1}, {**entry, "weight": 10**400},
    ]  # fmt: skip
    broken = [json.dumps(other) + "\n" for other in wrong] + ["\n", usual[1].replace("\n", usual[2]), "[\n", "nul\n"]
    for line in broken:
        found = index_lines.read_lines("".join([*usual[:5], line, *usual[5:]]).encode())
        assert found.wrong, line
        assert len(found.records) == 5


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
