"""Averages of bundles: every weight lies between, the bundle says of what, and what cannot be averaged is refused."""

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from translating import draw

from anime2real.atomic import hidden_beside
from anime2real.bundle import registry
from anime2real.bundle.format import CORE, Bundle, read
from anime2real.cli.main import main
from anime2real.locks import alone
from anime2real.making import read_making
from anime2real.train import weight_averaging
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.import_weights import network_of
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.run.config import TrainError
from anime2real.train.weight_averaging import averaged, save_average

PX = 32
BACK = "galatea-real-to-anime"


def generator(seed: int, width: int = 32) -> ResNetGenerator:
    torch.manual_seed(seed)
    network = ResNetGenerator(width, 1)
    initialise(network, 0.05)
    return network


def written(network: ResNetGenerator, folder: Path, pairs: int, rights: str, licence: str, **more: Any) -> Bundle:
    training = {"pairs": pairs, "minutes": pairs / 2, "pack": "toy:1", "crop": "face", "sources": [rights], **more}
    export_bundle(
        network, folder, method="galatea", source="anime", target="real", px=PX, rights=rights, licence=licence,
        hardware="a pencil", training=training, say=lambda _: None,
    )  # fmt: skip
    return read(folder)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    """What two runs from one start came to."""
    folder, start = tmp_path_factory.mktemp("pair"), generator(1)
    first = written(start, folder / "first", 4, "of one", "free", options={"hair_recolouring": 0.8, "width": 32})
    with torch.no_grad():
        for weight in start.parameters():
            weight += 0.02 * torch.randn_like(weight)
    options = {"hair_recolouring": 0.5, "width": 32, "start_from": ["there"]}
    more = {"options": options, "discriminator_features": "Lite0", "redrawn_by": BACK, "keeps_colours": True}
    tiny.write_bundle(folder / BACK, tiny.model(PX), method="galatea", source="real", target="anime", px=PX)
    return first, written(start, folder / "second", 8, "of another", "", **more)


def average(*words: object) -> int:
    return main(["average", *map(str, words)])


@pytest.fixture(scope="module")
def mean(pair: tuple[Bundle, Bundle], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A quarter of the first, and of the second the rest."""
    folder = tmp_path_factory.mktemp("mean") / "mean"
    assert average(*(bundle.folder for bundle in pair), "--shares", 1, 3, "-o", folder) == 0
    return read(folder)


def test_every_weight_lies_between(pair: tuple[Bundle, Bundle]) -> None:
    first, second = (network_of(bundle).state_dict() for bundle in pair)
    for shares, way in (((1.0, 1.0), 0.5), ((3.0, 1.0), 0.25)):
        mean = averaged(pair, shares).state_dict()
        for name, weight in mean.items():
            torch.testing.assert_close(weight, torch.lerp(first[name], second[name], way))
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_its_bundle_says_what_it_is_of(pair: tuple[Bundle, Bundle], mean: Bundle) -> None:
    parts = [(part["sha256"], part["share"], part["pairs"]) for part in mean.training["averaged_from"]]
    assert parts == [(pair[0].sha256, 0.25, 4), (pair[1].sha256, 0.75, 8)]
    assert mean.training["discriminator_features"] == "Lite0"  # `evaluate` flags what it was trained against
    assert "pairs" not in mean.training  # they are of each
    assert mean.rights == "of one; of another"
    assert (mean.licence, mean.hardware) == ("free; unknown: galatea-anime-to-real names none", "a pencil")
    assert [part["sources"] for part in mean.training["averaged_from"]] == [["of one"], ["of another"]]
    assert mean.training["crop"] == "face"  # which they share
    assert mean.training["redrawn_by"] == BACK  # which one of them has learned from
    assert mean.keeps_colours
    image = sample_pictures(1, PX, 3)
    with torch.inference_mode():
        torch.testing.assert_close(
            network_of(mean)(image), averaged(pair, (1.0, 3.0))(image), atol=2 / 255, rtol=0
        )  # fp16


def test_it_holds_what_redraws_it(
    pair: tuple[Bundle, Bundle], mean: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = read(mean.folder / BACK)
    assert held.model() == read(pair[1].folder.parent / BACK).model()
    moved = shutil.copytree(mean.folder, tmp_path / "alone" / "mean")
    draw(tmp_path / "a.png")
    words = ["--crop", "none", "-o", str(tmp_path / "out"), "--bundle", str(moved)]
    assert main(["translate", str(tmp_path / "a.png"), *words]) == 0
    made = read_making(tmp_path / "out" / "a.png")
    assert made
    assert made.system == f"galatea-anime-to-real, redrawn by {BACK}"
    # What lies beside the average comes first, so that the ways back can be averaged before.
    back = tiny.model(PX, scale=0.5)
    beside = tiny.write_bundle(tmp_path / BACK, back, method="galatea", source="real", target="anime", px=PX)
    capsys.readouterr()
    assert average(mean.folder, pair[0].folder, "-o", tmp_path / "mean") == 0
    assert read(tmp_path / "mean" / BACK).sha256 == beside.sha256 != held.sha256
    assert f"{tmp_path}/mean is redrawn by a copy of {beside.folder}" in capsys.readouterr().err
    # Of another size, it leads back from another bundle.
    tiny.write_bundle(tmp_path / BACK, source="real", target="anime", method="galatea")
    assert average(mean.folder, pair[0].folder, "-o", tmp_path / "mean") == 0
    assert read(tmp_path / "mean" / BACK).sha256 == held.sha256
    shutil.rmtree(moved / BACK)
    assert average(moved, pair[0].folder, "-o", tmp_path / "never") == 1
    assert "redrawn by galatea-real-to-anime, which is neither in it nor beside it" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_another_process_that_makes_the_same_average_is_heard_of_first(
    pair: tuple[Bundle, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mean"
    monkeypatch.setattr(weight_averaging, "network_of", None)  # nothing is read
    with alone(hidden_beside(folder, "lock"), AssertionError()):
        assert average(*(bundle.folder for bundle in pair), "-o", folder) == 1
    assert f"{folder} is being made by another process: wait for it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_bundles_are_named_as_everywhere(
    pair: tuple[Bundle, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pair[0].folder
    both = tmp_path / "run"
    for name in ("second", BACK):
        shutil.copytree(folder.parent / name, both / name)
    monkeypatch.setattr(registry, "shipped", lambda: [read(both / "second", installed=True), read(both / BACK)])
    assert average("galatea", folder, "-o", tmp_path / "by-method") == 0  # of which one goes the same way
    assert average(folder, both, "-o", tmp_path / "by-folder", "--shares", 3, 1) == 0
    assert [part["share"] for part in read(tmp_path / "by-folder").training["averaged_from"]] == [0.75, 0.25]
    assert read(tmp_path / "by-method" / BACK).target == "anime"
    assert average("galatea", both, "-o", tmp_path / "none") == 2
    assert "go both ways: say with --to which way" in capsys.readouterr().err
    assert average("galatea", both, "--to", "real", "-o", tmp_path / "to-real") == 0
    assert average(folder, folder, "--to", "anime", "-o", tmp_path / "none") == 2
    assert "none of the bundles goes to anime" in capsys.readouterr().err
    assert average("galatae", folder, "-o", tmp_path / "none") == 2
    assert "neither a folder nor a bundle that ships (did you mean 'galatea'?)" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("of_each", "of_mean"),
    [
        (([18, 32], [20, 40]), [20, 32]),
        (([18, 32], [18, 32]), [18, 32]),
        (([18, 32], None), [18, 32]),
        (([18, 20], [30, 40]), [20, 30]),  # none that both have: what lies between
    ],
)
def test_it_draws_the_ages_that_all_have_learned(
    pair: tuple[Bundle, Bundle], of_each: tuple[list[int] | None, ...], of_mean: list[int], tmp_path: Path
) -> None:
    known = [{} if ages is None else {"ages": ages} for ages in of_each]
    bundles = [replace(b, training={**b.training, **k}) for b, k in zip(pair, known, strict=True)]
    save_average(bundles, [1.0, 1.0], tmp_path / "mean")
    mean = read(tmp_path / "mean")
    assert str(mean.training["ages"]) == str(of_mean)  # as the card says them
    told = [part.get("ages") for part in mean.training["averaged_from"]]
    assert told == ([None, None] if of_each[0] == of_each[1] else list(of_each))
    assert "crop_share" not in mean.training


@pytest.mark.parametrize("shares", [(0.935, None), (None, 0.935), (0.935, 0.96), (0.935, 0.935)])
def test_it_crops_as_close_as_the_one_that_crops_closest(
    pair: tuple[Bundle, Bundle], shares: tuple[float | None, ...], tmp_path: Path
) -> None:
    known = [{} if share is None else {"crop_share": share} for share in shares]
    bundles = [replace(b, training={**b.training, **k}) for b, k in zip(pair, known, strict=True)]
    save_average(bundles, [1.0, 1.0], tmp_path / "mean")
    assert read(tmp_path / "mean").crop_share == 0.935


def test_the_card_tells_the_lineage_one_step_back(pair: tuple[Bundle, Bundle], mean: Bundle, tmp_path: Path) -> None:
    started = [{"name": mean.name, "sha256": mean.sha256, **mean.training}]
    again_first = replace(pair[0], training={**pair[0].training, "started_from": started})
    save_average([again_first, mean], [1.0, 1.0], tmp_path / "on")
    training = read(tmp_path / "on").training
    first, last = (bundle.sha256[:12] for bundle in pair)
    near = training["averaged_from"]
    assert (near[0]["started_from"], near[1]["averaged_from"]) == ([mean.sha256[:12]], {first: 0.25, last: 0.75})
    told = {"name": pair[1].name, "pack": "toy:1", "pairs": 8, "minutes": 4}
    assert training["ancestors"] == {last: told}  # the others are near
    lines = (tmp_path / "on" / "README.md").read_text().splitlines()
    at = lines.index("- averaged from:")
    assert lines[at : at + 5] == [
        "- averaged from:",
        f"  - {pair[0].name}, {first}…, 50%, 4 pairs in 2 minutes, hair recolouring 0.8, width 32",
        f"  - {mean.name}, {mean.sha256[:12]}…, 50%",
        "- `bundle.json` tells what these were made from in turn: ancestors",
        "",
    ]


def test_a_bundle_that_is_averaged_again_and_again_tells_each_ancestor_once(
    pair: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    mean, sizes = pair[1], []
    for turn in range(4):
        save_average([pair[0], mean], [1.0, 1.0 + turn], tmp_path / str(turn))
        sizes.append((tmp_path / str(turn) / "bundle.json").stat().st_size)
        mean = read(tmp_path / str(turn))
    grown = [after - before for before, after in pairwise(sizes)]
    assert max(grown) < 400
    ancestors = mean.training["ancestors"]
    assert len(ancestors) == 3  # the second of the pair, and the first two means
    assert ancestors[pair[1].sha256[:12]]["pairs"] == 8


def test_what_cannot_be_averaged_is_refused(pair: tuple[Bundle, Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainError, match="of two or more bundles, not 1"):
        averaged(pair[:1], [1.0])
    for shares in ([1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")]):
        with pytest.raises(TrainError, match="wants as many shares, none below 0"):
            averaged(pair, shares)
    for change in ({"target": "anime", "source": "real"}, {"px": 64}, {"conditions": ("style",)}):
        with pytest.raises(TrainError, match="differs from"):
            averaged([pair[0], replace(pair[1], **change)], [1.0, 1.0])  # type: ignore[arg-type]
    assert average("no", "where", "-o", "x") == 2
    widths = iter([32, 40])
    monkeypatch.setattr(weight_averaging, "network_of", lambda _: generator(2, next(widths)))
    with pytest.raises(TrainError, match="another shape"):
        averaged(pair, [1.0, 1.0])


def test_what_holds_no_generator_is_refused() -> None:
    with pytest.raises(TrainError, match="holds no generator"):
        network_of(read(CORE / "difference-anime-to-real"))


def test_a_part_may_have_shares_of_its_own(pair: tuple[Bundle, Bundle], tmp_path: Path) -> None:
    words = ("--shares", 1, 0, "--part", "decoder=1,3", "-o", tmp_path / "mean")
    assert average(*(bundle.folder for bundle in pair), *words) == 0
    mean = read(tmp_path / "mean")
    first, second, drawn = (network_of(bundle).state_dict() for bundle in (*pair, mean))
    for name, weight in drawn.items():
        way = 0.75 if name.startswith("decoder.") else 0.0
        torch.testing.assert_close(weight, torch.lerp(first[name], second[name], way), atol=2e-4, rtol=2e-3)
    assert any(not torch.equal(first[name], second[name]) for name in first if name.startswith("decoder."))
    members = [(part["share"], part["share of decoder"]) for part in mean.training["averaged_from"]]
    assert members == [(1.0, 0.25), (0.0, 0.75)]
    card = (tmp_path / "mean" / "README.md").read_text()
    assert "25% of decoder, 100% of the rest" in card
    assert "75% of decoder, 8 pairs" in card


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shares", 1, 0), "has no share in the average: leave it out"),
        (("--part", "decoder=1"), "an average of decoder of 2 bundles wants as many shares"),
        (("--part", "decoder=0,0"), "an average of decoder of 2 bundles wants as many shares"),
        (("--part", "decoder=1,1", "--part", "decoder=1,2"), "the shares of decoder are given once"),
        (("--part", "decoder=1,x"), "must have numbers for shares"),
        (("--part", "decoder"), "must be a part and its shares, as decoder=0,1"),
        (("--part", "head=1,1"), "a network without a part 'head': it has"),
    ],
)
def test_shares_of_a_part_that_do_not_fit(
    words: tuple[object, ...],
    message: str,
    pair: tuple[Bundle, Bundle],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert average(*(bundle.folder for bundle in pair), *words, "-o", tmp_path / "mean") in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()
