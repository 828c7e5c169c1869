"""Packs of pairs: one crop for both pictures, one split, and label maps whose values stay what they were."""

import itertools
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from draw_faces import LOOKS, draw_face
from PIL import Image
from toys import Toy, with_pairs

from anime2real.cli.main import main
from anime2real.data.archive import archive_pack, restore_pack
from anime2real.data.hold_out import hold_out
from anime2real.data.pack import Pack, PackError
from anime2real.data.pair_crops import resampled_map
from anime2real.data.pairs import prepare_pairs
from anime2real.face.geometry import Similarity, around, scaling

CLASSES = ("nothing", "skin", "hair")


def label_maps(toy: Toy, folder: Path, side: int = 40) -> Path:
    """A map for each toy photograph: stripes, saved as a palette PNG with misleading colours, or as a grey one."""
    folder.mkdir()
    values = np.repeat(np.repeat(np.array([[0, 1, 2, 1]], np.uint8), side, axis=0), side // 4, axis=1)
    for number, path in enumerate(sorted(toy.real.iterdir())):
        image = Image.fromarray(values, "P" if number % 2 else "L")
        if number % 2:
            image.putpalette([255, 0, 0, 9, 9, 9, 0, 0, 255])
        image.save(folder / path.name)
    return folder


def make(drawn: Path, real: Path, output: Path, **options: object) -> Pack:
    arguments = {"size": 32, "crop": "auto", "test_share": 0.2, "near": 0, "processes": 1, "quiet": True, **options}
    prepare_pairs(drawn, real, output, **arguments)  # type: ignore[arg-type]
    return Pack(output)


def test_an_interruption_tells_that_nothing_is_kept(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anime2real.data.pairs.read_pair", stopped)
    with pytest.raises(KeyboardInterrupt, match="pack: nothing of it is kept, the same command begins anew"):
        make(toy.anime, toy.real, tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []


def test_pairs_share_their_split_and_their_name(toy: Toy, tmp_path: Path) -> None:
    pack = make(toy.anime, toy.real, tmp_path / "pack")
    pairs = np.concatenate([pack.pairs("train"), pack.pairs("test")])
    assert len(pairs) == 24
    assert len(pack.pairs("test")) > 0
    for drawing, photograph in pairs:
        one, two = pack.index[drawing], pack.index[photograph]
        assert (one["file"], two["file"]) == (f"anime/{one['pair']}.png", f"real/{one['pair']}.png")
        assert (one["domain"], two["domain"]) == ("anime", "real")
        assert (one["split"], one["pair"]) == (two["split"], two["pair"])
    assert pack.meta["counts"]["anime"] == pack.meta["counts"]["real"]
    assert pack.classes == ()
    assert len(Pack(toy.pack).pairs("train")) == 0
    make(toy.anime, toy.real, tmp_path / "again", processes=2)
    for name in ("images.npy", "index.jsonl", "meta.json"):
        assert (tmp_path / "pack" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_drawing_is_cropped_by_the_photographs_face(tmp_path: Path) -> None:
    """Which is twice as large; to a pixel."""
    for folder in ("drawn", "real"):
        (tmp_path / folder).mkdir()
    for look in LOOKS[:2]:
        photograph, _ = draw_face(look, 256)
        photograph.save(tmp_path / "real" / f"{look.name}.png")
        photograph.resize((128, 128), Image.Resampling.BOX).convert("L").save(tmp_path / "drawn" / f"{look.name}.png")
    pack = make(tmp_path / "drawn", tmp_path / "real", tmp_path / "pack", size=64, crop="face", test_share=0.0)
    for drawing, photograph in pack.pairs("train"):
        grey = np.asarray(Image.fromarray(pack.images[photograph]).convert("L"), float)
        apart = {
            shift: np.abs(np.roll(pack.images[drawing, :, :, 0], shift, (0, 1)) - grey).mean()
            for shift in itertools.product((-1, 0, 1), repeat=2)
        }
        assert min(apart, key=apart.__getitem__) == (0, 0)
        one, two = pack.index[drawing], pack.index[photograph]
        assert (one["landmarks"], one["frame"]) == (two["landmarks"], two["frame"])
        assert one["scale"] == pytest.approx(two["scale"] / 2, abs=1e-3)
    assert pack.landmarks is not None


def test_label_maps_keep_their_values(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = make(label_maps(toy, tmp_path / "maps"), toy.real, tmp_path / "pack", classes=CLASSES)
    assert pack.classes == CLASSES
    expected = np.repeat(np.repeat(np.array([[0, 1, 2, 1]]), 32, axis=0), 8, axis=1)
    for drawing, _ in pack.pairs("train"):
        for channel in range(3):
            assert np.array_equal(pack.images[drawing, :, :, channel], expected)
    restore_pack(archive_pack(pack.folder, tmp_path / "pack.zip", quality=10), tmp_path / "again")
    for command, missing in (("add-hair", "hair"), ("add-labels", "sex and age")):
        assert main(["pack", command, str(pack.folder), "--quiet"]) == 1
        assert f"has label maps, which show no {missing}" in capsys.readouterr().err
    rows = pack.pairs("train")[:, 0]
    assert np.array_equal(Pack(tmp_path / "again").images[rows], pack.images[rows])


def test_the_nearest_pixel_is_taken_and_the_edge_mirrored() -> None:
    values = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert np.array_equal(resampled_map(values, scaling(1 / 4), 4), values)
    assert np.array_equal(resampled_map(values, around((2, 2), 4, np.pi / 2), 4), np.rot90(values))
    beyond = resampled_map(values, Similarity(complex(1 / 8), complex(0.25, 0.25)), 8)
    assert np.array_equal(beyond, np.pad(values, 2, "symmetric"))


def test_what_has_no_partner_is_counted_and_told(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = label_maps(toy, tmp_path / "maps")
    for name in ("00.png", "01.png", "02.png", "03.png", "04.png", "05.png"):
        (maps / name).unlink()
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        for path in sorted(maps.iterdir()):
            archive.write(path, path.name)
        archive.write(maps / "06.png", "elsewhere/06.png")
    (maps / "07.png").write_bytes((toy.anime / "07.png").read_bytes())
    command = ["prepare", "--pairs", str(tmp_path / "maps.zip"), str(toy.real), "--classes", *CLASSES]
    command += ["--quiet", "--json"]
    assert main([*command, "--size", "32", "--crop", "auto", "--near", "0", "-o", str(tmp_path / "pack")]) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["dropped"]["unpaired"] == 7
    assert sum(facts["counts"]["anime"].values()) == 18
    assert "skipped: maps.zip/elsewhere/06.png has no partner\n" in said.err
    assert said.err.endswith("skipped: 2 more without a partner, see meta.json\n")
    assert len(Pack(tmp_path / "pack").meta["unpaired"]) == 7
    assert main(["pack", "show", str(tmp_path / "pack")]) == 0
    shown = capsys.readouterr().out
    train, test = (len(Pack(tmp_path / "pack").pairs(split)) for split in ("train", "test"))  # type: ignore[arg-type]
    assert f"pairs: {train} to train, {test} to test; 7 pictures had no partner" in shown
    assert "label maps of 3 classes (0 nothing, 1 skin, 2 hair)" in shown
    summary = prepare_pairs(
        maps, toy.real, tmp_path / "other", size=32, crop="auto", near=0, classes=CLASSES, processes=1, quiet=True
    )
    assert summary.bad == ["maps/07.png is no label map of 3 classes (0 nothing to 2 hair): give a palette or "
                           "grey PNG of 8 bits"]  # fmt: skip


def test_copies_of_a_photograph_are_one_pair(toy: Toy, tmp_path: Path) -> None:
    for domain, folder in (("anime", toy.anime), ("real", toy.real)):
        shutil.copytree(folder, tmp_path / domain / "train")
        (tmp_path / domain / "test").mkdir()
        shutil.copy(folder / "03.png", tmp_path / domain / "test" / "copy.png")
    pack = make(tmp_path / "anime", tmp_path / "real", tmp_path / "pack")
    assert pack.meta["dropped"]["exact duplicate"] == 1
    assert [pack.index[row]["pair"] for row in pack.pairs("test")[:, 0]] == ["test/copy"]
    assert "train/03" not in {entry["pair"] for entry in pack.index}


def test_a_photograph_is_held_out_with_its_drawing(toy: Toy, tmp_path: Path) -> None:
    before = Pack(with_pairs(toy.pack, tmp_path / "pack"))
    pair = before.pairs("train")[2]
    assert hold_out(before.folder, {before.index[pair[1]]["file"]}) == 1
    after = Pack(before.folder)
    assert pair.tolist() in after.pairs("test").tolist()
    assert len(after.pairs("train")) == len(before.pairs("train")) - 1
    for domain in ("anime", "real"):
        assert after.meta["counts"][domain]["test"] == before.meta["counts"][domain]["test"] + 1


def test_what_makes_no_pairs_is_refused_in_one_line(toy: Toy, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(toy.anime / "00.png", other / "a.png")
    with pytest.raises(PackError, match="have no name in common"):
        make(other, toy.real, tmp_path / "pack")
    shutil.copy(toy.anime / "00.png", other / "a.webp")
    with pytest.raises(PackError, match=r"other/a.png and other/a.webp have one name"):
        make(other, toy.real, tmp_path / "pack")
    with pytest.raises(PackError, match="2 to 256 names, each once, not 1"):
        make(toy.anime, toy.real, tmp_path / "pack", classes=("skin",))
    (wide := tmp_path / "wide").mkdir()
    Image.new("RGB", (80, 40)).save(wide / "00.png")
    with pytest.raises(PackError, match=r"wide/00.png has 80×40 px, its photograph 40×40"):
        make(wide, toy.real, tmp_path / "pack")
    maps = label_maps(toy, tmp_path / "maps")
    with pytest.raises(PackError, match=r"maps/00.png has the value 2: it is no label map of 2 classes"):
        make(maps, toy.real, tmp_path / "pack", classes=CLASSES[:2])
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pairs", ".", ".", "--hair"], "--pairs goes without the other sources"),
        (["--anime", ".", "--real", ".", "--classes", "skin", "hair"], "--pairs takes"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", *options, "--size", "32", "-o", str(tmp_path / "pack")]) == 2
    assert message in capsys.readouterr().err
