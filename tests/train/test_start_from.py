"""Runs that start from bundles."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from exported import PX, WIDTH
from toys import TINY, Toy, stop_at

from anime2real.bundle.format import CORE, BundleError, read
from anime2real.domain import DOMAINS, Domain
from anime2real.domain import other as other_domain
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.run import export_run
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.import_weights import bundles_of
from anime2real.train.methods.galatea import Galatea
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.folder import RunFolder
from anime2real.train.run.restore import restore_run
from anime2real.train.session import Session
from anime2real.train.start import train
from anime2real.train.step import TrainingStep


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[Galatea, dict[Domain, Path]]:
    """A method and its bundles, by where they lead."""
    torch.manual_seed(1)
    method = Galatea(replace(TINY["galatea"], width=WIDTH, blocks=1), PX)
    method.start_average()
    folders: dict[Domain, Path] = {domain: tmp_path_factory.mktemp("both") / domain for domain in DOMAINS}
    for domain, folder in folders.items():
        network = method.to_real if domain == "real" else method.to_anime
        export_bundle(
            network, folder, method="galatea", source=other_domain(domain), target=domain, px=PX,
            rights="of the first", licence="CC-BY", say=lambda line: None,
        )  # fmt: skip
    return method, folders


def test_both_directions_are_wanted_and_each_once(tmp_path: Path) -> None:
    assert bundles_of(()) == {}
    there = str(tiny.write_bundle(tmp_path / "there").folder)
    with pytest.raises(TrainError, match="to real alone: give one to anime"):
        bundles_of([there])
    with pytest.raises(TrainError, match="two bundles to real"):
        bundles_of([there, there])
    with pytest.raises(BundleError, match=r"galatee is neither a folder nor a bundle that ships \(did you mean"):
        bundles_of(["galatee"])
    assert set(bundles_of(["galatea"])) == set(DOMAINS)


def test_a_folder_called_as_a_method_is_not_the_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("galatea").mkdir()  # as a run's own would be
    assert all(bundle.folder.parent == CORE for bundle in bundles_of(["galatea"]).values())


def test_a_run_starts_from_bundles_and_says_so(
    both_ways: tuple[Galatea, dict[Domain, Path]], toy: Toy, tmp_path: Path
) -> None:
    first, folders = both_ways
    options = replace(first.config, start_from=tuple(map(str, folders.values())), learning_rate=1e-9)
    config = TrainConfig("galatea", options, Budget(pairs=4))
    status = train(config, toy.pack, tmp_path / "run", Session(device="cpu", quiet=True))
    for path, domain in zip(status.bundles, ("real", "anime"), strict=True):
        manifest = json.loads((path / "bundle.json").read_text())
        assert manifest["to"] == domain
        started = manifest["training"]["started_from"]
        assert [s["name"] for s in started] == ["galatea-real-to-anime", "galatea-anime-to-real"]
        assert manifest["training"]["options"]["start_from"] == ["anime", "real"]
        assert manifest["licence"] == "unknown: the pack names none; CC-BY"
        assert manifest["rights"].endswith("of the first")
        assert manifest["rights"].count("of the first") == 1
    again = restore_run(tmp_path / "run")
    x = sample_pictures(1, PX, 2)
    with torch.inference_mode():
        same = first.to_real(x), again.method.average["to_real"](x)
    np.testing.assert_allclose(*same, atol=4 / 255)


def test_a_start_that_came_to_nothing_is_forgotten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.note_start([{"name": "some"}])
    assert folder.started_from() == [{"name": "some"}]
    folder.note_start([])
    assert folder.started_from() == []


@pytest.mark.usefixtures("_no_bundles")
def test_trained_weights_are_warmed_up(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a run starts from bundles, and only there, the learning rate rises at first, and the average keeps them."""
    monkeypatch.setattr("anime2real.train.method.WARMUP_PAIRS", 12)
    rates: dict[str, list[float]] = {}
    weights: dict[str, list[float]] = {"cold": [], "warm": []}
    step = TrainingStep.step
    for name in ("cold", "warm"):
        config = TrainConfig("galatea", replace(TINY["galatea"], learning_rate=1e-3), Budget(pairs=16))
        with monkeypatch.context() as patch:
            if name == "warm":
                patch.setattr(
                    Galatea, "load_initial_weights", lambda self: setattr(self, "started_from", [{"name": "some"}])
                )

            def noted(
                self: TrainingStep, draw: Any, rate: float, average: list[float], told: list[float] = weights[name]
            ) -> Any:
                told += average
                return step(self, draw, rate, average)

            patch.setattr(TrainingStep, "step", noted)
            train(config, toy.pack, tmp_path / name, Session(device="cpu", quiet=True, log_seconds=0.0))
        lines = (tmp_path / name / "stats.jsonl").read_text().splitlines()
        rates[name] = [json.loads(line)["learning_rate"] for line in lines]
    assert rates["cold"][:5] == [1e-3] * 5
    np.testing.assert_allclose(rates["warm"][:5], [1e-3 * share / 12 for share in (4, 6, 8, 10, 12)])
    assert rates["warm"][5:] == rates["cold"][5:]
    np.testing.assert_allclose(weights["warm"], 1 - 0.5 ** (2 / config.ema_half_life))
    assert weights["cold"][0] > 0.99
    assert weights["cold"] == sorted(weights["cold"], reverse=True)


@pytest.mark.usefixtures("_one_bundle", "_no_bundles")
def test_a_run_goes_on_without_the_bundles_that_it_started_from(
    both_ways: tuple[Galatea, dict[Domain, Path]], toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it started from is noted in its folder; the checkpoint has the weights."""
    first, there = both_ways
    folders = [shutil.copytree(folder, tmp_path / domain) for domain, folder in there.items()]
    options = replace(first.config, start_from=tuple(map(str, folders)))
    config = TrainConfig("galatea", options, Budget(pairs=8))
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        assert not train(config, toy.pack, run, Session(device="cpu", quiet=True)).finished
    for folder in folders:
        shutil.rmtree(folder)
    restored = restore_run(run)
    started = {facts["name"] for facts in restored.method.started_from}
    assert started == {"galatea-real-to-anime", "galatea-anime-to-real"}
    status = train(config, toy.pack, run, Session(device="cpu", quiet=True))
    assert status.progress.pairs == 8
    (bundle,) = export_run(run)
    assert "started_from" in read(bundle).training
    with pytest.raises(BundleError, match="neither a folder nor a bundle"):
        train(config, toy.pack, tmp_path / "other", Session(device="cpu", quiet=True))
    corrected = replace(config, options=replace(options, start_from=()))  # what was refused has begun nothing
    assert train(corrected, toy.pack, tmp_path / "other", Session(device="cpu", quiet=True)).finished
