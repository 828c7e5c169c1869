"""A pack that is not what was written is refused in one line; its index costs little memory."""

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import Toy, with_hair

from anime2real.cli.main import main
from anime2real.data import pack_files as module
from anime2real.data.byte_ranges import UnreadableError
from anime2real.data.index import Index
from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import sums_of, write_both, write_index, write_meta


@pytest.fixture
def folder(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the toy pack with sums of ten pictures each, and hair."""
    monkeypatch.setattr(module, "CHUNK_BYTES", 10 * 32 * 32 * 3)
    copy = Path(shutil.copytree(toy.pack, tmp_path / "bare"))
    write_meta(copy, {**Pack(copy).meta, "sums": sums_of(copy)})
    return with_hair(copy, tmp_path / "pack")


def change_pixels(folder: Path, name: str, row: int) -> None:
    pixels = np.load(folder / name)
    pixels[row] = 0
    np.save(folder / name, pixels)


def reverse(folder: Path) -> None:
    lines = (folder / "index.jsonl").read_text().splitlines(keepends=True)
    (folder / "index.jsonl").write_text("".join(reversed(lines)))


def miscount(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    meta["counts"]["real"]["test"] += 1
    (folder / "meta.json").write_text(json.dumps(meta))


def edit(folder: Path, **changes: Any) -> None:
    write_index(folder, [{**entry, **changes} for entry in Pack(folder).index])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (reverse, "index.jsonl names other pictures"),
        (miscount, r"meta.json counts \d real pictures to test, index.jsonl has \d"),
        (lambda folder: edit(folder, split="train"), "meta.json counts"),
        (lambda folder: edit(folder, domain="drawn"), "index.jsonl, line 1: "),
        (lambda folder: edit(folder, landmarks=[[1, 2]]), "line 1: 2 numbers where 10 should be"),
        (lambda folder: edit(folder, scale="large"), "line 1: words where numbers should be"),
        (lambda folder: (folder / "index.jsonl").write_text("[]\n"), "index.jsonl, line 1"),
        (lambda folder: (folder / "index.jsonl").write_text("[" * 100_000), "index.jsonl, line 1"),
        (lambda folder: (folder / "meta.json").write_text("[]"), "damaged pack"),
        (lambda folder: (folder / "meta.json").write_text("{}"), "no 'format_version' in meta.json"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(folder: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(folder)
    with pytest.raises(PackError, match=message) as caught:
        Pack(folder)
    assert "\n" not in str(caught.value)
    assert "prepare it again" in str(caught.value)


@pytest.mark.parametrize("name", ["images", "hair"])
def test_pixels_that_are_not_those_written_are_refused_where_they_are_read(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Pack(folder).check()
    assert main(["pack", "show", str(folder), "--check"]) == 0
    assert capsys.readouterr().out.endswith("pictures: as written\n")
    change_pixels(folder, f"{name}.npy", 23)
    pack = Pack(folder)
    pack.check(np.array([0, 19, 30, 5]))
    for _ in range(2):
        with pytest.raises(PackError, match=rf"{name}\.npy, pictures 20 to 29, is not what was written"):
            pack.check(np.array([0, 20]))
    with pytest.raises(PackError, match="pictures 20 to 29"):
        pack.check()
    assert main(["pack", "show", str(folder), "--check"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert main(["pack", "show", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checked"] is False


def test_the_digest_covers_the_pixels(folder: Path) -> None:
    before = Pack(folder).digest
    change_pixels(folder, "images.npy", 3)
    write_meta(folder, {**Pack(folder).meta, "sums": sums_of(folder)})
    assert Pack(folder).digest != before


def test_packs_from_before_the_sums_are_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = {key: value for key, value in Pack(folder).meta.items() if key != "sums"}
    write_meta(folder, meta)
    pack = Pack(folder)
    pack.check()
    assert not pack.has_sums
    assert main(["pack", "show", str(folder), "--check"]) == 0
    assert "older than sums" in capsys.readouterr().out


def test_a_change_that_is_stopped_between_its_files_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index that belongs to the new meta.json is read from where it waits."""
    pack = Pack(folder)
    entries = [{**entry, "split": "train"} for entry in pack.index]
    counts = {d: {"train": sum(e["domain"] == d for e in entries), "test": 0} for d in ("anime", "real")}
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_meta", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_both(folder, entries, {**pack.meta, "counts": counts})
    assert Pack(folder).meta == pack.meta
    assert Pack(folder).index == pack.index

    write_both(folder, entries, {**pack.meta, "counts": counts})
    (folder / "index.jsonl").rename(folder / ".index.next.jsonl")
    write_index(folder, pack.index)
    after = Pack(folder)
    assert list(after.index) == entries
    assert not len(after.rows("real", "test"))


def test_the_index_gives_lines_and_columns(folder: Path) -> None:
    points, frame = [[float(i), 2.5] for i in range(5)], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]
    lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    lines = [
        line | {"landmarks": points, "frame": frame, "scale": 0.65, "weight": 1 + i} for i, line in enumerate(lines)
    ]
    lines[5] |= {"who": [-1.0, 0.25]}
    write_index(folder, lines)
    pack = Pack(folder)
    assert list(pack.index) == lines
    assert pack.index[-1] == lines[-1]
    assert pack.index[3:9:2] == lines[3:9:2]
    assert np.array_equal(pack.rows("real", "train"), [
        row for row, line in enumerate(lines) if (line["domain"], line["split"]) == ("real", "train")
    ])  # fmt: skip
    assert pack.landmarks is not None
    assert np.allclose(pack.landmarks[7], np.array(points) / 16 - 1)
    assert pack.frames is not None
    assert np.allclose(pack.frames[7], frame)
    assert len(pack.of_scale(np.arange(4), 0.65)) == 4
    assert pack.weights is not None
    assert pack.weights[4] == 5.0
    assert pack.who is not None
    assert np.allclose(pack.who[4:6], [[0.0, 0.3], [-1.0, 0.25]])
    assert pack.sources(np.array([0, len(lines) - 1])) == ["anime", "real"]
    with pytest.raises(IndexError):
        pack.index[len(lines)]


def test_a_picture_costs_the_index_little_memory(tmp_path: Path) -> None:
    entry = {
        "domain": "real", "split": "train", "scale": 1.5, "landmarks": [[12.25, 13.5]] * 5, "tilt": 0.0,
        "sha256": "0" * 64, "frame": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    }  # fmt: skip
    write_index(tmp_path, ({**entry, "file": f"photographs.zip/train/{i:09d}.png"} for i in range(2000)))
    tracemalloc.start()
    index = Index(tmp_path / "index.jsonl")
    held = tracemalloc.get_traced_memory()[0] / len(index)
    lines = list(index)
    as_lines = tracemalloc.get_traced_memory()[0] / len(lines) - held
    tracemalloc.stop()
    assert held < 200 < 1000 < as_lines


def test_what_cannot_be_read_is_not_called_damaged(folder: Path) -> None:
    (folder / "images.npy").unlink()
    (folder / "images.npy").mkdir()
    with pytest.raises(PackError, match=r"cannot be read \(images\.npy: Is a directory\): allow reading it"):
        Pack(folder)


def test_shards_without_rights_are_not_to_be_made_again(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    pack = Pack(shards)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableError, match=r"tar cannot be read \(Permission denied\): allow reading it"):
        pack.images[0]
