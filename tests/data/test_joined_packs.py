"""Packs that were prepared in parts are one pack in the end: nothing twice in it, as if it had been prepared so."""

import json
import shutil
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from toys import Toy, smooth_picture, with_hair

from anime2real.cli.main import main
from anime2real.data import duplicates, fingerprints, joined_copies, tar_shards
from anime2real.data.duplicates import distinct
from anime2real.data.joined_copies import find_copies, first_of_each
from anime2real.data.joined_packs import JoinedPacks
from anime2real.data.pack import Pack, PackError
from anime2real.data.prepare import prepare
from anime2real.data.tar_shards import shard_packs
from anime2real.progress import Progress


def pictures(folder: Path, seed: int, count: int, *, tint: tuple[int, int, int]) -> list[Path]:
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    paths = [folder / f"{seed}-{i:02d}.png" for i in range(count)]
    for path in paths:
        smooth_picture(random, tint).save(path)
    return paths


def near_copy(path: Path, to: Path) -> None:
    """The same to the eye, not to the byte."""
    Image.fromarray((np.asarray(Image.open(path)) ^ 1).astype(np.uint8)).save(to)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three folders of pictures for `--both`: of each later one, some are those of earlier ones, or nearly so."""
    root = tmp_path_factory.mktemp("parts")
    made: list[dict[str, list[Path]]] = []
    for number in range(3):
        folder = root / f"part{number}"
        own = {
            "anime": pictures(folder / "anime", 2 * number, 7, tint=(200, 120, 120)),
            "test": pictures(folder / "test" / "anime", 10 + number, 2, tint=(120, 200, 120)),
            "real": pictures(folder / "real", 2 * number + 1, 8, tint=(120, 120, 200)),
        }
        for before in made:
            shutil.copy(before["anime"][1 + number], folder / "anime" / f"same-{number}.png")
            near_copy(before["anime"][4], folder / "anime" / "near.png")
            near_copy(before["real"][number], folder / "real" / f"near-{number}.png")
            near_copy(own["test"][0], before["anime"][0].parent / f"of-a-later-test-{number}.png")
        made.append(own)
    return [root / f"part{number}" for number in range(3)]


def prepared(folders: list[Path], output: Path) -> Pack:
    prepare([], [], output, both=folders, size=32, crop="centre", test_share=0.0, quiet=True)
    return Pack(output)


def names(pack: Pack) -> set[tuple[str, str, str]]:
    return {(entry["domain"], entry["split"], entry["sha256"]) for entry in pack.index}


@pytest.fixture(scope="module")
def packs(parts: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("packs")
    return [prepared([folder], root / folder.name).folder for folder in parts]


def test_joined_packs_hold_what_one_of_all_pictures_would(
    parts: list[Path], packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which copies stay, what is told of them, pixels and index; test pictures of any pack go before others."""
    whole = prepared(parts, tmp_path / "whole")
    capsys.readouterr()
    command = ["pack", "shard", *map(str, packs), "-o", str(tmp_path / "joined"), "--each", "10", "--quiet"]
    assert main(command) == 0
    told = capsys.readouterr().out
    joined = Pack(tmp_path / "joined")
    assert names(joined) == names(whole)
    before = sum(len(Pack(folder).index) for folder in packs)
    copies = joined.meta["shards"]["copies"]
    assert copies["exact duplicate"] > 1
    assert copies["near duplicate"] > 3
    assert before - sum(copies.values()) == len(joined.index) == len(whole.index)
    assert joined.meta["counts"] == whole.meta["counts"]
    assert joined.meta["dropped"] == whole.meta["dropped"]
    assert joined.meta["near_hash"] == whole.meta["near_hash"] == "pHash"
    assert f"; left out: {copies['exact duplicate']} exact duplicate, {copies['near duplicate']} near duplicate" in told
    joined.check()
    by_sum = {entry["sha256"]: row for row, entry in enumerate(whole.index)}
    for row, entry in enumerate(joined.index):
        assert np.array_equal(joined.images[row], whole.images[by_sum[entry["sha256"]]])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_who_was_stopped_while_copies_were_looked_for_goes_on(
    packs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_packs(packs, tmp_path / "straight", each=10, quiet=True)
    monkeypatch.setattr(fingerprints, "_AT_ONCE", 3)
    read: list[int] = []
    of_rows = fingerprints._fingerprints

    def stopping(pack: Pack, rows: NDArray[np.int64], pool: Any) -> Any:
        read.append(len(rows))
        if len(read) == 5:
            work = next(tmp_path.glob(".stopped*"))
            with (work / "fingerprints" / "anime.thumbnail").open("ab") as file:
                file.write(b"half a picture's")
            raise OSError(28, "No space left on device")
        return of_rows(pack, rows, pool)

    monkeypatch.setattr(fingerprints, "_fingerprints", stopping)
    with pytest.raises(PackError, match="make room, and the same command goes on"):
        shard_packs(packs, tmp_path / "stopped", each=10, quiet=True)
    assert not (tmp_path / "stopped").exists()
    monkeypatch.setattr(tar_shards, "_finish", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(PackError, match="make room"):
        shard_packs(packs, tmp_path / "stopped", each=10, quiet=True)
    assert sum(read) - read[4] == sum(len(Pack(folder).index) for folder in packs)
    monkeypatch.undo()
    monkeypatch.setattr(tar_shards, "find_copies", None)  # they are known
    shard_packs(packs, tmp_path / "stopped", each=10, quiet=True)
    for file in (tmp_path / "straight").iterdir():
        assert file.read_bytes() == (tmp_path / "stopped" / file.name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped", "straight"]


def test_hair_goes_with_its_picture(packs: list[Path], tmp_path: Path) -> None:
    """Shards go across the border between two packs."""
    one, two = (Pack(with_hair(folder, tmp_path / folder.name)) for folder in packs[:2])
    shard_packs([one.folder, two.folder], tmp_path / "both", each=20, quiet=True)
    both = Pack(tmp_path / "both")
    assert both.hair is not None
    rows = {entry["sha256"]: (pack, row) for pack in (two, one) for row, entry in enumerate(pack.index)}
    for row, entry in enumerate(both.index):
        pack, own = rows[entry["sha256"]]
        assert pack.hair is not None
        assert np.array_equal(both.hair[row], pack.hair[own])
        assert pack.index[own] == entry
    assert len(both.meta["sources"]) == 2
    with tarfile.open(tmp_path / "both" / "shard-000001.tar") as tar:
        assert tar.getnames()[0] == "000000020.webp"


def test_packs_that_do_not_go_together_are_refused(
    toy: Toy, whole: Path, packs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for other, why in ((toy.pack, "one has no hair"), (toy.pairs, "do not go together"), (packs[0], "crop is")):
        assert main(["pack", "shard", str(whole), str(other), "-o", str(tmp_path / "none")]) == 1
        assert why in capsys.readouterr().err
    pairs = shutil.copytree(toy.pairs, tmp_path / "pairs")
    assert main(["pack", "shard", str(toy.pairs), str(pairs), "-o", str(tmp_path / "none")]) == 1
    assert "packs of pairs are not joined" in capsys.readouterr().err


def test_a_damaged_picture_is_told_before_it_is_compared(packs: list[Path], tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(packs[0], tmp_path / "damaged"))
    content = bytearray((damaged / "images.npy").read_bytes())
    content[-5] ^= 1
    (damaged / "images.npy").write_bytes(content)
    with pytest.raises(PackError, match="is not what was written"):
        find_copies([Pack(packs[1]), Pack(damaged)], tmp_path, Progress(quiet=True))


def test_near_is_that_of_the_packs(packs: list[Path], tmp_path: Path) -> None:
    """Prepared with `--near 0`, only exact copies are left out."""
    exact = []
    for folder in packs:
        copy = Path(shutil.copytree(folder, tmp_path / folder.name))
        (copy / "meta.json").write_text(json.dumps({**Pack(copy).meta, "near": 0}))
        exact.append(Pack(copy))
    (tmp_path / "work").mkdir()
    del exact[0].meta["near_hash"]  # as packs of before
    assert JoinedPacks(exact).meta()["near_hash"] == "not recorded, pHash"
    copies = find_copies(exact, tmp_path / "work", Progress(quiet=True))
    assert copies.dropped["near duplicate"] == 0
    assert copies.dropped["exact duplicate"] > 1
    kept = [entry["sha256"] for p, stays in zip(exact, copies.stays, strict=True) for entry in np.array(p.index)[stays]]
    assert len(kept) == len(set(kept))


@pytest.mark.parametrize("at_once", [40, 700, 2**23])
@pytest.mark.parametrize("borders", [[], [1], [600, 1300], [5, 6, 7, 1999], list(range(100, 2000, 100))])
def test_parts_and_pieces_find_what_one_search_finds(
    at_once: int, borders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts without copies of their own, and copies of copies across them, in pieces of any size."""
    random = np.random.default_rng(len(borders))
    hashes = random.integers(0, 2**64, 2000, np.uint64)
    for place in random.permutation(np.arange(1, 2000))[:1000]:
        bits = random.choice(64, random.integers(0, 9), replace=False).astype(np.uint64)
        flipped = np.bitwise_or.reduce(np.uint64(1) << bits, initial=np.uint64(0))
        hashes[place] = hashes[random.integers(place)] ^ flipped

    def alike(places: NDArray[np.int64], earlier: NDArray[np.int64]) -> NDArray[np.bool_]:
        assert (earlier < places).all()
        return (hashes[places] + hashes[earlier]) % np.uint64(5) > 0

    def of_places(some: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        return alike(some[one], some[other])

    left = np.ones(2000, bool)
    for start, stop in zip([0, *borders], [*borders, 2000], strict=True):
        part = np.arange(start, stop)
        left[part] = distinct(hashes[part], 6, partial(of_places, part))
    if not borders:
        left[:] = True
    expected = np.zeros(2000, bool)
    rows = np.flatnonzero(left)
    expected[rows] = distinct(hashes[rows], 6, partial(of_places, rows))
    assert 500 < expected.sum() < 2000
    monkeypatch.setattr(duplicates, "_JOINED_AT_ONCE", at_once)
    assert np.array_equal(distinct(hashes, 6, alike, staying=left, parts=borders), expected)


@pytest.mark.parametrize(("at_once", "threads"), [(7, 1), (40, 3), (10**6, 1)])
def test_the_first_of_equal_sums_stays(at_once: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    sums = random.integers(0, 2**64, (60, 4), np.uint64)[random.integers(0, 60, 200)]
    sums[[3, 50, 120]] = 0  # not known
    sums[70] = [1, 2, 3, 4]
    sums[90] = [1, 2, 3, 5]
    sums[150] = sums[70]
    monkeypatch.setattr(joined_copies, "_SORTED_AT_ONCE", at_once)
    seen: set[bytes] = set()
    expected = []
    for row in sums:
        expected.append(not row.any() or row.tobytes() not in seen)
        seen.add(row.tobytes())
    assert 50 < sum(expected) < 70
    assert first_of_each(sums, threads).tolist() == expected
