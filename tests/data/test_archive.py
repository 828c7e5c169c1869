"""A pack sent to another machine is whole there, hair and all."""

import errno
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from toys import SIZE, Toy

from anime2real.data import arrays
from anime2real.data.archive import archive_pack, restore_pack
from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import note_hair
from anime2real.data.pairs import prepare_pairs


def with_soft_masks(pack: Path, folder: Path) -> Path:
    """A pack whose masks have soft edges, the first one being empty."""
    y, x = np.mgrid[:SIZE, :SIZE]
    masks = [np.clip(40 * (8 + row % 9 - np.hypot(y - 14, x - 16)), 0, 255) for row in range(len(Pack(pack).index))]
    masks[0] = np.zeros((SIZE, SIZE))
    folder.mkdir()
    for name in ("images.npy", "index.jsonl"):
        (folder / name).write_bytes((pack / name).read_bytes())
    np.save(folder / "hair.npy", np.stack(masks).astype(np.uint8))
    note_hair(folder, Pack(pack).meta, "0" * 64, {"known": 3})
    return folder


@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_restored_is_the_pack(toy: Toy, tmp_path: Path, parts: int) -> None:
    before = Pack(with_soft_masks(toy.pack, tmp_path / "pack"))
    archives = archive_pack(before.folder, tmp_path / "new" / "pack.zip", quality=90, parts=parts)
    assert len(archives) == parts
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in archives)
    restore_pack(archives, tmp_path / "again")
    after = Pack(tmp_path / "again")
    assert after.index == before.index
    assert np.abs(after.images.astype(int) - before.images).mean() < 4
    assert before.hair is not None
    assert after.hair is not None
    assert np.abs(after.hair.astype(int) - before.hair).mean() < 3
    assert ((after.hair > 127) == (before.hair > 127)).mean() > 0.985
    assert not after.hair[0].any()
    for extreme in (0, 255):
        assert (after.hair[before.hair == extreme] == extreme).mean() > 0.9
    assert after.meta["recoded"] == "WebP, quality 90"
    assert after.meta["hair"]["sha256"] != before.meta["hair"]["sha256"]
    assert after.meta["hair"]["known"] == 3
    assert after.digest != before.digest


def test_a_pack_without_hair_stays_so(toy: Toy, tmp_path: Path) -> None:
    restore_pack(archive_pack(toy.pack, tmp_path / "a.zip"), tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["images.npy", "index.jsonl", "meta.json"]


def test_what_cannot_be_restored_is_said_in_one_line(toy: Toy, tmp_path: Path) -> None:
    archives = archive_pack(toy.pack, tmp_path / "a.zip", parts=2)
    for given, message in (
        (archives[:1], "has 2 parts, 1 are given"),
        (archives[1:], "not its first part"),
        ([tmp_path / "none.zip"], "cannot be restored"),
    ):
        with pytest.raises(PackError, match=message):
            restore_pack(given, tmp_path / "again")
    damaged = tmp_path / "damaged.zip"
    with zipfile.ZipFile(archives[0]) as whole, zipfile.ZipFile(damaged, "w") as file:
        for name in whole.namelist():
            file.writestr(name, '{"quality": 80, "parts": 1}' if name.startswith("part") else whole.read(name))
    with pytest.raises(PackError, match="cannot be restored"):  # the second half is missing
        restore_pack([damaged], tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with pytest.raises(PackError, match="already there"):
        restore_pack(archives, toy.pack)


def test_where_no_archive_can_be_written_is_said_in_one_line(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(
        PackError, match=r"a\.zip cannot be written \((Not a directory|File exists)\): choose another place"
    ):
        archive_pack(toy.pack, tmp_path / "file" / "a.zip")


def test_a_full_disk_is_one_line_before_a_pixel_is_written(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A memory map of a file with holes would end the process."""
    archives = archive_pack(toy.pack, tmp_path / "a.zip")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arrays, "_reserve", full)
    with pytest.raises(PackError, match=r"No space left on device"):
        restore_pack(archives, tmp_path / "again")
    with pytest.raises(PackError, match=r"pairs cannot be written \(No space left on device\): choose"):
        prepare_pairs(toy.anime, toy.real, tmp_path / "pairs", size=32, crop="auto", processes=1, quiet=True)
    assert os.listdir(tmp_path) == ["a.zip"]


def test_rows_are_kept_in_their_own_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = np.random.default_rng(0).integers(0, 256, (50, 4, 4), np.uint8)
    for name in ("reserved", "written"):
        if name == "written":
            monkeypatch.delattr(os, "posix_fallocate", raising=False)
        array = arrays.new_array(tmp_path / name, expected.shape)
        assert (tmp_path / name).stat().st_size == len(arrays.header(expected.shape)) + expected.nbytes
        array[:] = expected
        del array
        rows = np.array([0, 3, 4, 30, 49])
        arrays.keep_rows(tmp_path / name, rows)
        np.save(tmp_path / "expected.npy", expected[rows])
        assert (tmp_path / name).read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_quality_and_parts_have_their_ranges(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="the quality goes from 1 to 100, not 0"):
        archive_pack(toy.pack, tmp_path / "a.zip", quality=0)
    with pytest.raises(PackError, match="cannot be in 0 parts"):
        archive_pack(toy.pack, tmp_path / "a.zip", parts=0)
