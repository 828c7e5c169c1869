"""Photographs are held back from training by a list of names, and nothing else of a pack changes."""

import json
import shutil
from pathlib import Path

import pytest
from toys import Toy

from anime2real.data.hold_out import choose_held_out, hold_out
from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import write_both, write_index


def with_scales(toy: Toy, folder: Path) -> Path:
    """A copy of the toy pack in which every second picture is sharp."""
    shutil.copytree(toy.pack, folder)
    lines = (folder / "index.jsonl").read_text().splitlines()
    entries = [{**json.loads(line), "scale": 1.0 + row % 2} for row, line in enumerate(lines)]
    (folder / "index.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return folder


def test_sharp_training_photographs_are_chosen_by_their_names_alone(toy: Toy, tmp_path: Path) -> None:
    pack = Pack(with_scales(toy, tmp_path / "pack"))
    rows = pack.rows("real", "train")
    sharp = {pack.index[row]["file"] for row in rows if pack.index[row]["scale"] == 2.0}
    chosen = choose_held_out(pack, 3, 2.0)
    assert len(chosen) == 3
    assert set(chosen) < sharp
    assert chosen == choose_held_out(pack, 3, 2.0)
    assert set(chosen) < set(choose_held_out(pack, 4, 2.0))
    with pytest.raises(PackError, match=f"needs more than {len(sharp)}"):
        choose_held_out(pack, len(sharp), 2.0)
    entries = [{**entry, "scale": None} for entry in pack.index]  # as in packs made before it was written down
    write_index(pack.folder, entries)
    old = Pack(pack.folder)
    with pytest.raises(PackError, match="prepare it again"):
        choose_held_out(old, 3, 2.0)


def test_they_go_to_the_test_split_and_stay_there(toy: Toy, tmp_path: Path) -> None:
    folder = with_scales(toy, tmp_path / "pack")
    before = Pack(folder)
    digest, names = before.digest, choose_held_out(before, 3)
    for _ in range(2):  # the second time changes nothing
        assert hold_out(folder, set(names)) == 3
        after = Pack(folder)
        held = [row for row in before.rows("real", "train") if before.index[row]["file"] in names]
        assert sorted(after.rows("real", "test").tolist()) == sorted([*before.rows("real", "test").tolist(), *held])
        assert not set(held) & set(after.rows("real", "train").tolist())
        was, now = before.meta["counts"]["real"], after.meta["counts"]["real"]
        assert (now["train"], now["test"]) == (was["train"] - 3, was["test"] + 3)
        for split in ("train", "test"):
            assert after.rows("anime", split).tolist() == before.rows("anime", split).tolist()
    assert after.digest != digest


def test_what_was_left_out_stays_so(toy: Toy, tmp_path: Path) -> None:
    folder = with_scales(toy, tmp_path / "pack")
    names = choose_held_out(Pack(folder), 3, 0.0)
    pack = Pack(folder)
    counts = pack.meta["counts"]
    counts["real"]["train"] -= 1
    entries = [{**entry, "split": "left out"} if entry["file"] == names[0] else entry for entry in pack.index]
    write_both(folder, entries, {**pack.meta, "counts": counts})
    assert hold_out(folder, set(names)) == 2


def test_a_list_of_other_archives_is_refused(toy: Toy, tmp_path: Path) -> None:
    folder = with_scales(toy, tmp_path / "pack")
    content = (folder / "index.jsonl").read_bytes()
    with pytest.raises(PackError, match="has none of the 1 photographs"):
        hold_out(folder, {"other.zip/train/1.webp"})
    everybody = {entry["file"] for entry in Pack(folder).index if entry["domain"] == "real"}
    with pytest.raises(PackError, match="no photograph left to train on"):
        hold_out(folder, everybody)
    assert (folder / "index.jsonl").read_bytes() == content
