"""Networks that start from bundles draw what the bundles draw."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
import torch.nn.functional as F
from toys import TINY, Toy, stop_at

from anime2real.bundle.format import STYLE, Bundle, BundleError, read
from anime2real.bundle.registry import CORE
from anime2real.domain import DOMAINS, Domain
from anime2real.domain import other as other_domain
from anime2real.train import import_weights
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.run import export_run
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.import_weights import bundles_of, enlarged, network_of, reduced, start_from
from anime2real.train.methods.galatea import Galatea
from anime2real.train.networks.pixel_decoder import PixelGenerator
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.networks.who import ToldGenerator, ToldPixelGenerator
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.folder import RunFolder
from anime2real.train.run.restore import restore_run
from anime2real.train.session import Session
from anime2real.train.start import train
from anime2real.train.step import TrainingStep

WIDTH, PX = 32, 32


def drawn(network: torch.nn.Module, px: int = PX, *more: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(sample_pictures(2, px, 5), *more)


def generator(width: int = WIDTH, **kinds: int) -> ResNetGenerator:
    """One with weights that do something."""
    torch.manual_seed(3)
    network = ResNetGenerator(width, 2, **kinds)
    initialise(network, 0.05)
    torch.nn.init.normal_(network.decoder.head.convolution.bias, 0.0, 0.3)
    for block in network.blocks if network_has_code(network) else ():
        torch.nn.init.normal_(block.modulate.weight, 0.0, 0.3)
        torch.nn.init.normal_(block.modulate.bias, 0.0, 0.3)
    return network


def written(network: ResNetGenerator, folder: Path) -> Bundle:
    """Its bundle to real."""
    export_bundle(
        network, folder, method="galatea", source="anime", target="real", px=PX * network.unshuffle,
        conditions=("style",) if network_has_code(network) else (), licence="none", rights="of its makers",
        training={"pairs": 7, "minutes": 1.5}, say=lambda line: None,
    )  # fmt: skip
    return read(folder)


def network_has_code(network: ResNetGenerator) -> bool:
    return hasattr(network.blocks[0], "modulate")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResNetGenerator, Bundle]:
    network = generator()
    return network, written(network, tmp_path_factory.mktemp("plain") / "b")


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResNetGenerator, Bundle]:
    network = generator(code=STYLE)
    return network, written(network, tmp_path_factory.mktemp("styled") / "b")


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[Galatea, dict[Domain, Path]]:
    """A method and its bundles, by where they lead."""
    torch.manual_seed(1)
    method = Galatea(replace(TINY["galatea"], width=WIDTH, blocks=2), PX)
    method.start_average()
    folders: dict[Domain, Path] = {domain: tmp_path_factory.mktemp("both") / domain for domain in DOMAINS}
    for domain, folder in folders.items():
        network = method.to_real if domain == "real" else method.to_anime
        export_bundle(
            network, folder, method="galatea", source=other_domain(domain), target=domain, px=PX,
            rights="of the first", licence="CC-BY", say=lambda line: None,
        )  # fmt: skip
    return method, folders


def test_a_plain_network_gets_its_weights_back(plain: tuple[ResNetGenerator, Bundle]) -> None:
    network, bundle = plain
    other = ResNetGenerator(WIDTH, 2)
    noted = start_from(other, bundle)
    torch.testing.assert_close(drawn(other), drawn(network), atol=4 / 255, rtol=0)
    for name, value in network.state_dict().items():  # as near as fp16 is
        torch.testing.assert_close(other.state_dict()[name], value, atol=1e-4, rtol=1e-3)
    assert noted == {
        "name": "galatea-anime-to-real", "sha256": bundle.sha256, "licence": "none", "rights": "of its makers",
        "pairs": 7, "minutes": 1.5,
    }  # fmt: skip


def test_one_of_larger_pictures_starts_as_the_plain_one_between_a_reduction_and_an_enlargement(
    plain: tuple[ResNetGenerator, Bundle],
) -> None:
    network, bundle = plain
    larger = ResNetGenerator(WIDTH, 2, unshuffle=2)
    start_from(larger, bundle)
    x = sample_pictures(2, 2 * PX, 1)
    with torch.inference_mode():
        wanted = F.interpolate(network(F.avg_pool2d(x, 2)), scale_factor=2, mode="nearest")
        torch.testing.assert_close(larger(x), wanted, atol=4 / 255, rtol=0)


def test_a_styled_one_starts_as_the_plain_one_whatever_the_style(plain: tuple[ResNetGenerator, Bundle]) -> None:
    network, bundle = plain
    styled = ResNetGenerator(WIDTH, 2, code=STYLE)
    start_from(styled, bundle)
    for style in (torch.zeros(2, STYLE), torch.ones(2, STYLE)):
        torch.testing.assert_close(drawn(styled, PX, style), drawn(network), atol=4 / 255, rtol=0)


def test_styles_come_back_too(styled: tuple[ResNetGenerator, Bundle]) -> None:
    network, bundle = styled
    other = ResNetGenerator(WIDTH, 2, code=STYLE)
    start_from(other, bundle)
    style = torch.linspace(-1, 1, 2 * STYLE).view(2, STYLE)
    torch.testing.assert_close(drawn(other, PX, style), drawn(network, PX, style), atol=4 / 255, rtol=0)


def test_unshuffling_comes_back_too(tmp_path: Path) -> None:
    network = generator(unshuffle=2)
    bundle = written(network, tmp_path / "b")
    other = ResNetGenerator(WIDTH, 2, unshuffle=2)
    start_from(other, bundle)
    torch.testing.assert_close(drawn(other, 2 * PX), drawn(network, 2 * PX), atol=4 / 255, rtol=0)


def test_a_network_without_styles_does_not_start_from_one_with(styled: tuple[ResNetGenerator, Bundle]) -> None:
    with pytest.raises(TrainError, match="give --style-weight"):
        start_from(ResNetGenerator(WIDTH, 2), styled[1])


def test_a_plain_one_starts_as_one_of_larger_pictures_draws_small_ones(tmp_path: Path) -> None:
    network = generator(unshuffle=2)
    with torch.no_grad():  # so faint that tanh is hardly bent
        for value in network.decoder.head.convolution.parameters():
            value.mul_(0.02)
    plain = ResNetGenerator(WIDTH, 2)
    start_from(plain, written(network, tmp_path / "b"))
    x = sample_pictures(2, PX, 1)
    with torch.inference_mode():
        wanted = F.avg_pool2d(network(F.interpolate(x, scale_factor=2, mode="nearest")), 2)
        assert wanted.std() > 1e-3
        torch.testing.assert_close(plain(x), wanted, atol=0.05 * float(wanted.std()), rtol=0)
    there = dict(plain.state_dict())
    for name, value in reduced(enlarged(there, 3), 3).items():
        torch.testing.assert_close(value, there[name])


@pytest.mark.parametrize("width", [24, 48, 64])
def test_whatever_the_exporter_folds_at_a_width(width: int, tmp_path: Path) -> None:
    network = generator(width)
    other = ResNetGenerator(width, 2)
    start_from(other, written(network, tmp_path / "b"))
    torch.testing.assert_close(drawn(other), drawn(network), atol=4 / 255, rtol=0)


def exported(network: UGATITGenerator, folder: Path, px: int, *conditions: str) -> Bundle:
    """A bundle of the network, its weights moved away from where they start."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("rho"):
                value.uniform_(0.1, 0.9)
            else:
                value.add_(torch.randn_like(value), alpha=0.05)
    export_bundle(
        network, folder, method="galatea", source="anime", target="real", px=px, conditions=conditions,
        say=lambda line: None,
    )  # fmt: skip
    return read(folder)


def saved_with_attention(folder: Path, **kinds: int) -> tuple[UGATITGenerator, Bundle]:
    """The same with U-GAT-IT's generator."""
    torch.manual_seed(4)
    px = PX * kinds.get("unshuffle", 1)
    network = UGATITGenerator(px, 24, 1, **kinds)
    return network, exported(network, folder, px, *(("style",) if "code" in kinds else ()))


WithAttention = dict[str, tuple[UGATITGenerator, Bundle]]


@pytest.fixture(scope="module")
def with_attention(tmp_path_factory: pytest.TempPathFactory) -> WithAttention:
    kinds: dict[str, dict[str, int]] = {"plain": {}, "styled": {"code": STYLE}, "larger": {"unshuffle": 2}}
    return {name: saved_with_attention(tmp_path_factory.mktemp(name) / "b", **kind) for name, kind in kinds.items()}


@pytest.mark.parametrize("kind", ["plain", "styled", "larger"])
def test_u_gat_its_generator_gets_its_weights_back(kind: str, with_attention: WithAttention) -> None:
    network, bundle = with_attention[kind]
    code = STYLE if kind == "styled" else 0
    other = UGATITGenerator(bundle.px, 24, 1, code=code, unshuffle=network.unshuffle)
    start_from(other, bundle)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, atol=1e-4, rtol=1e-3)
    style = (torch.linspace(-1, 1, 2 * STYLE).view(2, STYLE),) if code else ()
    torch.testing.assert_close(drawn(other, bundle.px, *style), drawn(network, bundle.px, *style), atol=4 / 255, rtol=0)


def test_u_gat_its_generator_starts_larger_and_styled_too(with_attention: WithAttention) -> None:
    network, bundle = with_attention["plain"]
    other = UGATITGenerator(2 * PX, 24, 1, code=STYLE, unshuffle=2)
    start_from(other, bundle)
    x = sample_pictures(2, 2 * PX, 1)
    with torch.inference_mode():
        wanted = F.interpolate(network(F.avg_pool2d(x, 2)), scale_factor=2, mode="nearest")
        for style in (torch.zeros(2, STYLE), torch.ones(2, STYLE)):
            torch.testing.assert_close(other(x, style), wanted, atol=4 / 255, rtol=0)
    with pytest.raises(TrainError, match="give --style-weight"):
        start_from(UGATITGenerator(PX, 24, 1), with_attention["styled"][1])


@pytest.mark.parametrize("kind", ["plain", "styled", "larger"])
def test_the_network_of_a_bundle_is_found_by_its_weights(kind: str, with_attention: WithAttention) -> None:
    network, bundle = with_attention[kind]
    found = network_of(bundle)
    assert isinstance(found, UGATITGenerator)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", [ToldGenerator, ToldPixelGenerator, PixelGenerator])
def test_networks_that_are_told_who_or_draw_pixels_get_their_weights_back(
    kind: type[UGATITGenerator], tmp_path: Path
) -> None:
    torch.manual_seed(4)
    network = kind(2 * PX, 24, 2, **({"unshuffle": 2} if kind is ToldGenerator else {}))
    bundle = exported(network, tmp_path / "b", 2 * PX, *(() if kind is PixelGenerator else ("who",)))
    found = network_of(bundle)
    assert type(found) is kind
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=1e-4, rtol=1e-3)
    with pytest.raises(TrainError, match="decoder=pixels" if kind is PixelGenerator else "who=true"):
        start_from(UGATITGenerator(2 * PX, 24, 2, unshuffle=2), bundle)


def test_one_that_is_told_who_starts_as_one_that_is_not_and_does_not_listen(with_attention: WithAttention) -> None:
    network, bundle = with_attention["larger"]
    told = ToldGenerator(bundle.px, 24, 1, unshuffle=2)
    start_from(told, bundle)
    for who in (torch.tensor([[1.0, 0.2]] * 2), torch.tensor([[-1.0, 0.7]] * 2)):
        torch.testing.assert_close(drawn(told, bundle.px, who), drawn(network, bundle.px), atol=4 / 255, rtol=0)


def test_one_that_draws_pixels_starts_from_all_but_the_head_of_another(with_attention: WithAttention) -> None:
    network, bundle = with_attention["larger"]
    pixels = ToldPixelGenerator(bundle.px, 24, 1)
    before = {name: value.clone() for name, value in pixels.decoder.state_dict().items()}
    start_from(pixels, bundle)
    after, doublings = pixels.decoder.state_dict(), ("up1.", "norm1.", "up2.", "norm2.")
    for name, value in before.items():
        if name.startswith(doublings):
            torch.testing.assert_close(after[name], network.decoder.state_dict()[name], atol=1e-4, rtol=1e-3)
        else:
            assert torch.equal(after[name], value)
    for name, value in network.encoder.state_dict().items():
        torch.testing.assert_close(pixels.encoder.state_dict()[name], value, atol=1e-4, rtol=1e-3)


def test_one_kind_of_generator_is_not_the_other(
    plain: tuple[ResNetGenerator, Bundle], with_attention: WithAttention
) -> None:
    told = r"does not hold a generator=ugatit of --width 32 --blocks 4 .* 'galatea', --set generator=resnet --width 32"
    with pytest.raises(TrainError, match=told):
        start_from(UGATITGenerator(PX, WIDTH, 2), plain[1])
    with pytest.raises(TrainError, match="does not hold a generator=resnet"):
        start_from(ResNetGenerator(24, 2), with_attention["plain"][1])


def test_other_networks_are_refused(plain: tuple[ResNetGenerator, Bundle], tmp_path: Path) -> None:
    _, bundle = plain
    for wrong in (ResNetGenerator(WIDTH + 16, 2), ResNetGenerator(WIDTH, 1)):
        with pytest.raises(TrainError, match=r"does not hold a generator=resnet of --width .* of method 'galatea'"):
            start_from(wrong, bundle)
    with pytest.raises(TrainError, match="of method 'cyclegan'"):
        start_from(ResNetGenerator(WIDTH, 2), tiny.write_bundle(tmp_path / "tiny"))


def test_a_network_that_draws_something_else_is_refused(
    plain: tuple[ResNetGenerator, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one would whose file lays its weights out in a way that is not undone here."""
    _, bundle = plain
    state = import_weights._state
    key = "decoder.head.convolution.weight"
    monkeypatch.setattr(import_weights, "_state", lambda named: (s := state(named)) | {key: s[key].flip(3)})
    with pytest.raises(TrainError, match="put back, draw other pictures"):
        start_from(ResNetGenerator(WIDTH, 2), bundle)


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
        config = TrainConfig("galatea", replace(TINY["galatea"], learning_rate=1e-3), Budget(pairs=24))
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
