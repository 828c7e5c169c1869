"""Packs of pairs made of drawings alone: what is chosen, what is dropped, and that it is always the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from draw_faces import LOOKS, draw_face
from PIL import Image

from anime2real.cli.main import main
from anime2real.data.members import list_source
from anime2real.data.pack import Pack
from anime2real.data.workers import in_order
from anime2real.image.provenance import read_marks
from anime2real.measure import candidates, made_pairs, pairing_work
from anime2real.measure.choice import MARKS, Measurements, choose, marks, scores
from anime2real.measure.foreign import Foreign
from anime2real.measure.made_pairs import label, photographers
from anime2real.measure.symmetry import steadiness

ASTRONAUT = Path(__file__).parent.parent.parent / "docs" / "pictures" / "astronaut.jpg"
PX = 96


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawings, one of them twice, a picture without a face, and two in which our finder sees a photograph."""
    folder = tmp_path_factory.mktemp("made") / "drawn"
    (folder / "train").mkdir(parents=True)
    for look in LOOKS[:3]:
        draw_face(look, PX)[0].save(folder / "train" / f"{look.name}.png")
    shutil.copy(folder / "train" / f"{LOOKS[0].name}.png", folder / "train" / "copy.png")
    Image.new("RGB", (PX, PX), (90, 120, 150)).save(folder / "train" / "sky.png")
    with Image.open(ASTRONAUT) as photograph:
        photograph.resize((256, 256)).save(folder / "train" / "real.png")
        (folder / "test").mkdir()
        photograph.resize((256, 256)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "test" / "mirror.png")
    return folder


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """One that draws nothing but grey, and one that gives back what it gets."""
    folder = tmp_path_factory.mktemp("bundles")
    grey = tiny.write_bundle(folder / "grey", tiny.model(PX, scale=0.0), px=PX, method="grey")
    return [str(grey.folder), str(tiny.write_bundle(folder / "same", px=PX).folder)]


def pairs(drawn: Path, bundles: list[str], output: Path, *options: str, size: int = PX, processes: int = 1) -> int:
    command = ["pairs", str(drawn), "-o", str(output), "--with", *bundles, "--size", str(size), "--quiet"]
    return main([*command, "--processes", str(processes), *options])


def content(pack: Path) -> list[bytes]:
    return [(pack / name).read_bytes() for name in ("images.npy", "index.jsonl", "meta.json")]


def seen(**values: Any) -> Measurements:
    """Of two drawings with two results each, which differ in what is given."""
    alike: dict[str, Any] = {name: np.ones((2, 2)) for name in ("faces", "details", "symmetry", "steadiness")}
    alike |= {name: np.zeros((2, 2, 6)) for name in ("told", "after")}
    return Measurements(**{name: np.asarray(value, float) for name, value in (alike | values).items()})


def test_marks_by_hand() -> None:
    after = np.zeros((2, 2, 6))
    after[0, 0, :5] = (1, 15, 0.5, 0, 0.25)  # half the way to the other sex, 15 years, half and a quarter sure
    marked = marks(seen(details=[[1, 2], [3, 4]], symmetry=[[0, 0.9], [0.2, 0.1]], after=after))
    assert marked.shape == (2, 2, len(MARKS))
    np.testing.assert_allclose(marked[..., 0], [[0, 1], [1, 1]])  # from the lowest quarter on, sharp is sharp
    np.testing.assert_allclose(marked[..., 1], [[0.0, 1.0], [1.0, 2 / 3]])  # ranks 0, 3, 2 and 1 of 3, over a half
    np.testing.assert_allclose(marked[0, 0, 3:], [0.5, 0.5, 0.5, 0.75])
    assert (marked[1, 1, 3:] == 1).all()


def test_a_face_that_no_detector_finds_is_never_chosen() -> None:
    scored = scores(seen(faces=[[0, 1], [0, 0.5]], symmetry=[[9, 1], [9, 1]], steadiness=[[9, 1], [9, 1]]))
    assert (scored[:, 0] == 0).all()
    assert scored[0, 1] == 2 * scored[1, 1] > 0
    best, kept = choose(scored, 0.5)
    assert (best.tolist(), kept.tolist()) == ([1, 1], [0])


def test_the_best_of_the_drawings_stay() -> None:
    scored = np.array([[0.2, 0.3], [0.9, 0.1], [0.5, 0.5], [0.1, 0.6]])
    best, kept = choose(scored, 0.5)
    assert (best.tolist(), kept.tolist()) == ([1, 0, 0, 1], [1, 3])
    assert choose(scored, 0.01)[1].tolist() == [1]
    assert choose(scored, 1.0)[1].tolist() == [0, 1, 2, 3]


def test_what_is_the_same_both_ways_is_steady() -> None:
    points = draw_face(LOOKS[0], PX)[1]
    one, other = (np.asarray(draw_face(look, PX)[0].convert("RGB"))[None] for look in LOOKS[:2])
    assert steadiness(one, one, points[None]) == pytest.approx(1)
    assert steadiness(one, (one * 0.5).astype(np.uint8), points[None]) > 0.99
    assert steadiness(one, other, points[None]) < 0.9


def test_the_best_result_of_each_drawing_makes_a_pair(
    drawn: Path, bundles: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pairs(drawn, bundles, tmp_path / "pack", "--keep", "0.4", "--sheet", str(tmp_path / "s.png"), "--json") == 0
    told = capsys.readouterr()
    note = "note: 2 of 6 drawings with a face look like photographs, such as drawn/test/mirror.png: leave them out"
    assert note in told.err
    facts = json.loads(told.out)
    wanted = {"exact duplicate": 1, "near duplicate": 0, "no face": 1, "not read": 0, "unreadable": 0}
    assert facts["dropped"] == wanted | {"poor results": 3}
    pack = Pack(tmp_path / "pack")
    pack.check()
    assert pack.landmarks is not None
    for split, name in (("train", "real"), ("test", "mirror")):
        ((drawing, photograph),) = pack.pairs(split)  # type: ignore[arg-type]
        assert np.array_equal(pack.images[drawing], pack.images[photograph])
        one, two = pack.index[drawing], pack.index[photograph]
        assert (one["file"], one["domain"]) == (f"drawn/{split}/{name}.png", "anime")
        assert two["file"] == f"cyclegan-anime-to-real@{pack.meta['sources'][2]['sha256'][:12]}/{one['file']}"
        assert (two["domain"], two["mirrored"], two["landmarks"]) == ("real", False, one["landmarks"])
    assert [made["name"] for made in pack.meta["generated"]["bundles"]] == ["grey-anime-to-real",
                                                                            "cyclegan-anime-to-real"]  # fmt: skip
    assert pack.meta["licence"] == "CC0-1.0"
    assert "The photographs are generated" in pack.meta["rights"]
    assert read_marks(tmp_path / "s.png")
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.width >= 5 * 128  # a drawing and four results
    assert pairs(drawn, bundles, tmp_path / "pack") == 1
    assert "is already there: give --overwrite" in capsys.readouterr().err


def test_photographs_have_the_licence_of_what_redrew_them_too(tmp_path: Path) -> None:
    back = tiny.write_bundle(tmp_path / "back", source="real", target="anime")
    manifest = back.folder / "bundle.json"
    manifest.write_text(manifest.read_text().replace("CC0-1.0", "CC-BY-4.0"))
    there = tiny.write_bundle(tmp_path / "there", redrawn_by="back")
    (bundle,) = photographers([str(there.folder)])
    assert label(bundle) == f"{there.name}@{there.sha256[:12]}+{back.sha256[:12]}"
    origin = made_pairs._origin([bundle], 1.0)
    assert origin["licence"] == "CC-BY-4.0 AND CC0-1.0"
    assert back.name in origin["rights"]
    (recorded,) = origin["generated"]["bundles"]
    assert (recorded["sha256"], recorded["redrawn_by"]) == (there.sha256, back.sha256)


@pytest.fixture
def few(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two drawings, each a shard."""
    monkeypatch.setattr(pairing_work, "SHARD", 1)
    return shutil.copytree(drawn, tmp_path / "few", ignore=shutil.ignore_patterns("[!rm]*.png"))


@pytest.mark.slow  # starting processes takes seconds
def test_any_number_of_processes_makes_the_same_pack(few: Path, bundles: list[str], tmp_path: Path) -> None:
    for processes in (1, 2):
        assert pairs(few, bundles, tmp_path / str(processes), "--keep", "1", processes=processes) == 0
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_a_stopped_command_goes_on(
    few: Path, bundles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pairs(few, bundles[1:], tmp_path / "straight", "--keep", "1") == 0
    done: list[str] = []

    def stopped_after(count: int) -> Callable[..., int]:
        def translate(path: Path, *arguments: Any) -> int:
            if len(done) == count:
                raise KeyboardInterrupt
            done.append(path.name)
            return candidates.translate_shard(path, *arguments)

        return translate

    monkeypatch.setattr(pairing_work, "translate_shard", stopped_after(1))
    assert pairs(few, bundles[1:], tmp_path / "stopped", "--keep", "1") == 130
    assert not (tmp_path / "stopped").exists()
    work = pairing_work.pairing_folder(tmp_path / "stopped")
    told = f"{tmp_path / 'stopped'}: 1 of 2 drawings are translated and kept in {work}; the same command resumes"
    assert f"error: interrupted: {told}\n" in capsys.readouterr().err
    monkeypatch.setattr(pairing_work, "translate_shard", stopped_after(9))
    waits: list[bool] = []

    def noting(*arguments: Any, finishing: bool = False) -> Any:  # tests/data/test_workers.py shows how it waits
        waits.append(finishing)
        return in_order(*arguments, finishing=finishing)

    monkeypatch.setattr(pairing_work, "in_order", noting)
    assert pairs(few, bundles[1:], tmp_path / "stopped", "--keep", "1") == 0
    assert waits == [True]
    assert done == ["0.npz", "1.npz"]
    assert content(tmp_path / "straight") == content(tmp_path / "stopped")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "stopped", "straight"]


def test_too_little_room_is_said_and_nothing_is_left(
    few: Path, bundles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000))
    assert pairs(few, bundles[1:], tmp_path / "pack") == 1
    assert f"MB of the 0.0 MB free at {tmp_path}, which is too little: make room" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


def test_killed_after_its_last_step_it_leaves_nothing_for_ever(
    few: Path, bundles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pack is there, so that the same command refuses; what was left of the work goes then, and not before."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    output, work = tmp_path / "pack", pairing_work.pairing_folder(tmp_path / "pack")
    with monkeypatch.context() as patch:
        patch.setattr(pairing_work.Work, "remove", stopped)
        assert pairs(few, bundles[1:], output, "--keep", "1") == 130
    assert f"error: interrupted: {output} is whole\n" in capsys.readouterr().err
    Pack(output).check()
    assert work.is_dir()
    assert pairs(few, bundles[1:], output, "--keep", "1") == 1
    assert "is already there" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "pack"]
    with monkeypatch.context() as patch:
        patch.setattr(made_pairs, "_assemble", stopped)
        assert pairs(few, bundles[1:], output, "--keep", "0.5", "--overwrite") == 130
    assert pairs(few, bundles[1:], output, "--keep", "1") == 1
    assert work.is_dir()  # of another pack, which the same command finishes


def test_bundles_of_several_crops_show_the_same(drawn: Path, bundles: list[str], tmp_path: Path) -> None:
    """The closest crop of all: drawings and results are cut to it."""
    manifest = json.loads((Path(bundles[1]) / "bundle.json").read_text())
    manifest["training"]["crop_share"] = 0.8
    closer = shutil.copytree(bundles[1], tmp_path / "closer")
    (closer / "bundle.json").write_text(json.dumps(manifest))
    whole = tiny.write_bundle(tmp_path / "whole", tiny.model(2 * PX, add=0.02), px=2 * PX, method="whole")
    members = list_source(drawn, "anime", None).members
    read = {bundle.name: bundle for bundle in (whole, *photographers([str(closer)]))}
    shard = candidates.make_shard(members, list(read.values()), PX)
    assert candidates.pack_share(list(read.values())) == 0.8
    for way in range(4):
        apart = shard.results[:, way].astype(int) - shard.drawings
        assert np.abs(apart).mean() < 5
    alone = candidates.make_shard(members, [whole], PX)
    assert np.abs(shard.drawings.astype(int) - alone.drawings).mean() > 15
    eyes = [float(np.linalg.norm(points[1] - points[0])) for points in (shard.landmarks[0], alone.landmarks[0])]
    assert eyes[0] == pytest.approx(eyes[1] / 0.8)


def test_another_detector_counts_half(monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(ASTRONAUT) as photograph:
        picture = np.asarray(photograph.convert("RGB").resize((256, 256)))[None]
    monkeypatch.setattr(candidates, "foreign_detector", lambda: None)
    assert candidates._faces(picture).tolist() == [1.0]
    blind = Foreign("blind", lambda pictures: np.zeros(len(pictures), bool))
    monkeypatch.setattr(candidates, "foreign_detector", lambda: blind)
    assert candidates._faces(picture).tolist() == [0.5]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--keep", "0"], 2, "--keep is a share above 0 and up to 1, not 0"),
        (["--sheet", "sheet.jpg"], 2, "--sheet names a file that ends in .png, not sheet.jpg"),
        (["--with", "difference-real-to-anime"], 2, "difference-real-to-anime makes no photographs of drawings"),
        (["--with", "nowhere"], 2, "nowhere is neither a folder nor a bundle"),
    ],
)
def test_what_makes_no_pairs_is_refused_in_one_line(
    drawn: Path,
    bundles: list[str],
    tmp_path: Path,
    options: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pairs(drawn, bundles, tmp_path / "pack", *options) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert pairs(drawn, bundles, tmp_path / "pack", size=50) == 2
    assert "multiple of 16" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_folders_without_drawings_are_refused(
    bundles: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty := tmp_path / "empty").mkdir()
    assert pairs(empty, bundles, tmp_path / "pack") == 1
    assert "no drawings found" in capsys.readouterr().err
    Image.new("RGB", (PX, PX)).save(empty / "black.png")
    assert pairs(empty, bundles, tmp_path / "pack") == 1
    assert "no drawing shows a face: empty/black.png shows no face" in capsys.readouterr().err
    shutil.copytree(empty, twin := tmp_path / "more" / "empty")
    assert main(["pairs", str(empty), str(twin), "-o", str(tmp_path / "pack"), "--with", *bundles]) == 1
    assert "empty/black.png is there 2 times" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "more"]
