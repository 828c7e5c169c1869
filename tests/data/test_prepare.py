"""Packs: the same input gives the same bytes; whatever is wrong with a picture never stops the rest."""

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny
from draw_faces import LOOKS, draw_face
from PIL import Image
from toys import Toy, smooth_picture

from anime2real.cli.main import main
from anime2real.data import shards
from anime2real.data.duplicates import perceptual_hash
from anime2real.data.pack import Pack, PackError
from anime2real.data.prepare import prepare
from anime2real.data.sources import crop_box

FILES = ("images.npy", "index.jsonl", "meta.json")
EXAMPLES = Path(__file__).parents[2] / "examples"


def make(toy: Toy, output: Path, **options: object) -> Pack:
    arguments = {"size": 32, "crop": "auto", "test_share": 0.2, "near": 0, "processes": 1, "quiet": True, **options}
    prepare([toy.anime], [toy.real], output, **arguments)  # type: ignore[arg-type]
    return Pack(output)


def test_the_same_input_gives_the_same_bytes(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD", 7)
    make(toy, tmp_path / "one")
    make(toy, tmp_path / "two", processes=3)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the sources through a pack, its shards and its archive, and a list of it, to what names its sources."""
    anime, real, output = (tmp_path / os.fsdecode(name) for name in (b"a\xff", b"r\xff", b"pack\xff"))
    shutil.copytree(toy.anime, anime)
    shutil.copytree(toy.real, real)
    for folder in (anime, real):
        for path in [*folder.rglob("*.png"), *folder.rglob("*.jpg")]:
            path.rename(path.with_name(os.fsdecode(b"\xfe" + os.fsencode(path.name))))
    options = ["--size", "32", "--crop", "auto", "--test-share", "0.2", "--near", "0", "--processes", "1", "--quiet"]
    assert main(["prepare", "--anime", str(anime), "--real", str(real), "-o", str(output), *options]) == 0
    names, shards_of, archive = (str(tmp_path / os.fsdecode(name)) for name in (b"n\xff", b"s\xff", b"z\xff"))
    assert main(["pack", "hold-out", str(output), names, "--of-each", "2"]) == 0
    assert main(["pack", "shard", str(output), "-o", shards_of, "--quiet"]) == 0
    assert main(["pack", "archive", str(output), archive]) == 0
    assert main(["pack", "restore", archive, "-o", str(tmp_path / os.fsdecode(b"again\xff"))]) == 0
    assert main(["pack", "show", shards_of, "--check"]) == 0
    assert capsys.readouterr().err == ""
    assert Pack(output).index[0]["file"].split("/")[1][0] == "\udcfe"
    made = tiny.write_bundle(tmp_path / "bundle", figures={"source": os.fsdecode(b"a\xff")})
    assert made.figures == {"source": "a?"}


def test_an_archive_gives_the_pictures_of_its_folder(toy: Toy, tmp_path: Path) -> None:
    archive = tmp_path / "anime.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(toy.anime.iterdir(), reverse=True):
            file.write(path, path.name)
        file.writestr("__MACOSX/._00.png", "resource fork")
        file.writestr("notes.txt", "not a picture")
    summary = prepare(
        [archive], [toy.real], tmp_path / "pack", size=32, crop="auto", test_share=0.2, near=0, processes=1, quiet=True
    )
    assert not summary.bad
    plain = make(toy, tmp_path / "plain")
    packed = Pack(tmp_path / "pack")
    assert np.array_equal(plain.images, packed.images)
    assert plain.meta["sources"][0]["sha256"] == packed.meta["sources"][0]["sha256"]


def test_bad_files_are_listed_and_skipped(toy: Toy, tmp_path: Path) -> None:
    anime = tmp_path / "anime"
    shutil.copytree(toy.anime, anime)
    (anime / "text.png").write_text("I am no picture")
    whole = (anime / "00.png").read_bytes()
    (anime / "cut.png").write_bytes(whole[: len(whole) // 2])
    (anime / "empty.jpg").write_bytes(b"")
    summary = prepare([anime], [toy.real], tmp_path / "pack", size=32, crop="auto", near=0, processes=1, quiet=True)
    assert len(summary.bad) == summary.dropped["unreadable"] == 3
    assert {line.split()[0].rstrip(":") for line in summary.bad} == {
        f"anime/{name}" for name in ("text.png", "cut.png", "empty.jpg")
    }
    assert sum(summary.counts["anime"].values()) == 24


def test_copies_are_dropped_before_the_split(toy: Toy, tmp_path: Path) -> None:
    anime = tmp_path / "anime"
    shutil.copytree(toy.anime, anime / "train")
    (anime / "test").mkdir()
    shutil.copy(toy.anime / "03.png", anime / "test" / "exact.png")
    near = Image.open(toy.anime / "05.png").resize((80, 80), Image.Resampling.BICUBIC)
    near.save(anime / "test" / "near.jpg", quality=90)
    summary = prepare([anime], [toy.real], tmp_path / "pack", size=32, crop="auto", near=4, processes=1, quiet=True)
    assert summary.dropped["exact duplicate"] == 1
    assert summary.dropped["near duplicate"] >= 1
    kept = {entry["file"]: entry["split"] for entry in Pack(tmp_path / "pack").index if entry["domain"] == "anime"}
    assert kept["anime/test/exact.png"] == kept["anime/test/near.jpg"] == "test"
    assert "anime/train/03.png" not in kept
    assert "anime/train/05.png" not in kept


def test_a_hash_outlives_scaling_and_compression_but_not_another_picture(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    one, two = (smooth_picture(random, (120, 120, 120), 96) for _ in range(2))
    one.resize((64, 64)).save(tmp_path / "small.jpg", quality=80)
    small = Image.open(tmp_path / "small.jpg")
    assert (perceptual_hash(one) ^ perceptual_hash(small)).bit_count() <= 4
    assert (perceptual_hash(one) ^ perceptual_hash(two)).bit_count() > 16


def test_paired_folder_names_are_read_with_a_mapping(toy: Toy, tmp_path: Path) -> None:
    root = tmp_path / "selfie2anime"
    for name, source, count in (("trainA", toy.real, 10), ("trainB", toy.anime, 12), ("testA", toy.real, 3)):
        (root / name).mkdir(parents=True)
        files = sorted(source.iterdir())[-count:] if name == "testA" else sorted(source.iterdir())[:count]
        for path in files:
            shutil.copy(path, root / name / path.name)
    prepare([], [], tmp_path / "pack", size=32, crop="auto", both=[root], layout={"A": "real", "B": "anime"},
            test_share=0.0, near=0, processes=1, quiet=True)  # fmt: skip
    assert Pack(tmp_path / "pack").meta["counts"] == {
        "anime": {"train": 12, "test": 0}, "real": {"train": 10, "test": 3},
    }  # fmt: skip


def test_a_folder_a_class_is_read(toy: Toy, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for split, count in (("train", 8), ("val", 2)):
        for domain in ("anime", "real"):
            (root / split / domain).mkdir(parents=True)
            files = sorted((toy.anime if domain == "anime" else toy.real).iterdir())
            for path in files[:count] if split == "train" else files[-count:]:
                shutil.copy(path, root / split / domain / path.name)
    prepare([], [], tmp_path / "pack", size=32, crop="auto", both=[root], near=0, processes=1, quiet=True)
    assert Pack(tmp_path / "pack").meta["counts"] == {d: {"train": 8, "test": 2} for d in ("anime", "real")}


def test_celebas_aligned_pictures_are_cropped_to_the_face() -> None:
    assert crop_box(178, 218, "auto") == (8.0, 34.0, 162.0)
    assert crop_box(89, 109, "auto") == (4.0, 17.0, 81.0)
    assert crop_box(89, 109, "centre") == (0.0, 10.0, 89.0)
    assert crop_box(200, 100, "auto") == (50.0, 0.0, 100.0)


def test_celeba_is_no_crop_for_other_sizes(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="not one of CelebA's aligned sizes"):
        make(toy, tmp_path / "pack", crop="celeba")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 33}, "multiple of 16"),
        ({"test_share": 1.0}, "below 1"),
        ({"crop": "oval"}, "no crop rule 'oval'"),
    ],
)
def test_bad_options_are_refused(toy: Toy, tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(PackError, match=message):
        make(toy, tmp_path / "pack", **options)
    assert not (tmp_path / "pack").exists()


def test_nothing_finished_is_replaced_unless_told(toy: Toy, tmp_path: Path) -> None:
    make(toy, tmp_path / "pack")
    with pytest.raises(PackError, match="--overwrite"):
        make(toy, tmp_path / "pack")
    make(toy, tmp_path / "pack", overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(PackError, match="not a pack"):
        make(toy, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_missing_source_or_domain_is_named(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"nowhere is not there"):
        prepare([tmp_path / "nowhere"], [toy.real], tmp_path / "pack", size=32, crop="auto", quiet=True)
    with pytest.raises(PackError, match="no real pictures found"):
        prepare([toy.anime], [], tmp_path / "pack", size=32, crop="auto", quiet=True)
    for name in ("a.png", "b.png"):
        (tmp_path / "bad" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bad" / name).write_text("no picture")
    with pytest.raises(PackError, match=r"no real picture is left to train on: 2 left out, the first: bad/a\.png is"):
        prepare([toy.anime], [tmp_path / "bad"], tmp_path / "pack", size=32, crop="auto", quiet=True)
    (tmp_path / "false.zip").write_text("no archive")
    with pytest.raises(PackError, match="neither a folder nor a zip archive"):
        prepare([tmp_path / "false.zip"], [toy.real], tmp_path / "pack", size=32, crop="auto", quiet=True)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_pack_is_refused(toy: Toy, tmp_path: Path, name: str) -> None:
    shutil.copytree(toy.pack, tmp_path / "pack")
    (tmp_path / "pack" / name).write_bytes((tmp_path / "pack" / name).read_bytes()[:-40])
    with pytest.raises(PackError, match="damaged pack"):
        Pack(tmp_path / "pack")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("counts", [1]),
        ("counts", {"anime": {"train": "2"}}),
        ("size", True),
        ("sums", {}),
        ("classes", [1]),
        ("bad", 0),
    ],
)
def test_a_pack_whose_facts_are_of_another_kind_is_refused(toy: Toy, tmp_path: Path, key: str, value: object) -> None:
    shutil.copytree(toy.pack, tmp_path / "pack")
    meta = json.loads((toy.pack / "meta.json").read_text())
    (tmp_path / "pack" / "meta.json").write_text(json.dumps(meta | {key: value}))
    with pytest.raises(PackError, match=f"'{key}' in meta.json"):
        Pack(tmp_path / "pack")


def test_a_pack_of_another_format_or_none_is_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="not a pack"):
        Pack(tmp_path)
    shutil.copytree(toy.pack, tmp_path / "pack")
    meta = json.loads((tmp_path / "pack" / "meta.json").read_text())
    (tmp_path / "pack" / "meta.json").write_text(json.dumps(meta | {"format_version": 99}))
    with pytest.raises(PackError, match="pack format 99"):
        Pack(tmp_path / "pack")


def test_the_scale_says_how_many_pixels_of_the_file_a_pixel_of_the_crop_has(tmp_path: Path) -> None:
    """Of centre squares by division; of faces that are drawn twice as large it is twice as much."""
    for domain, side in (("anime", 96), ("real", 24)):
        (tmp_path / domain).mkdir()
        for number in range(3):
            smooth_picture(np.random.default_rng(number), (90, 90, 90), side).save(tmp_path / domain / f"{number}.png")
    common = {"size": 48, "near": 0, "processes": 1, "quiet": True}
    prepare([tmp_path / "anime"], [tmp_path / "real"], tmp_path / "centre", crop="centre", **common)  # type: ignore[arg-type]
    pack = Pack(tmp_path / "centre")
    assert pack.scales is not None
    assert {e["domain"]: e["scale"] for e in pack.index} == {"anime": 2.0, "real": 0.5}
    faces = tmp_path / "faces"
    faces.mkdir()
    for look in LOOKS[:2]:
        for side in (128, 256):
            draw_face(look, side)[0].save(faces / f"{look.name}-{side}.png")
    prepare([faces], [faces], tmp_path / "face", crop="face", **common)  # type: ignore[arg-type]
    scales = {Path(e["file"]).stem: e["scale"] for e in Pack(tmp_path / "face").index if e["domain"] == "anime"}
    for look in LOOKS[:2]:
        assert scales[f"{look.name}-256"] == pytest.approx(2 * scales[f"{look.name}-128"], rel=0.05)
        assert 1.5 < scales[f"{look.name}-128"] < 3.5  # the face fills most of the picture


def test_photographs_among_the_drawings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As where somebody names a folder that holds both."""
    command = [
        "prepare",
        "--anime",
        str(EXAMPLES),
        "--real",
        str(EXAMPLES / "photographs"),
        "--size",
        "32",
        "--processes",
        "1",
    ]
    assert main([*command, "-o", str(tmp_path / "mixed")]) == 0
    assert "note: 8 of 16 drawings look like photographs: check what --anime names" in capsys.readouterr().err
    assert Pack(tmp_path / "mixed").meta["unlike"] == {"anime": 8, "real": 0}
    for path in EXAMPLES.glob("*.png"):
        (tmp_path / "drawings").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "drawings")
    command[2] = str(tmp_path / "drawings")
    assert main([*command, "-o", str(tmp_path / "sorted")]) == 0
    assert "note:" not in capsys.readouterr().err
