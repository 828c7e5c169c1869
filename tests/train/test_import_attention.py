"""Networks with U-GAT-IT's generator that start from bundles draw what the bundles draw."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from exported import PX, WIDTH, Exported, drawn

from anime2real.bundle.format import STYLE, Bundle, read
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.import_weights import network_of, start_from
from anime2real.train.networks.pixel_decoder import PixelGenerator
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.networks.who import ToldGenerator, ToldPixelGenerator
from anime2real.train.run.config import TrainError


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
    with pytest.raises(TrainError, match="galatea's --style-weight gives it some"):
        start_from(UGATITGenerator(PX, 24, 1), with_attention["styled"][1])


@pytest.mark.parametrize("kind", ["plain", "styled", "larger"])
def test_the_network_of_a_bundle_is_found_by_its_weights(kind: str, with_attention: WithAttention) -> None:
    network, bundle = with_attention[kind]
    found = network_of(bundle)
    assert isinstance(found, UGATITGenerator)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("kind", "blocks"), [(ToldGenerator, 2), (ToldPixelGenerator, 1), (PixelGenerator, 1)])
def test_networks_that_are_told_who_or_draw_pixels_get_their_weights_back(
    kind: type[UGATITGenerator], blocks: int, tmp_path: Path
) -> None:
    torch.manual_seed(4)
    network = kind(2 * PX, 24, blocks, **({"unshuffle": 2} if kind is ToldGenerator else {}))
    bundle = exported(network, tmp_path / "b", 2 * PX, *(() if kind is PixelGenerator else ("who",)))
    found = network_of(bundle)
    assert type(found) is kind
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=1e-4, rtol=1e-3)
    with pytest.raises(TrainError, match="decoder=pixels" if kind is PixelGenerator else "who=true"):
        start_from(UGATITGenerator(2 * PX, 24, blocks, unshuffle=2), bundle)
    if kind is ToldPixelGenerator:  # one that is told who, too, lacks nothing but the decoder
        with pytest.raises(TrainError, match="decoder=pixels"):
            start_from(ToldGenerator(2 * PX, 24, blocks, unshuffle=2), bundle)


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


def test_one_kind_of_generator_is_not_the_other(plain: Exported, with_attention: WithAttention) -> None:
    told = r"would start from it, ugatit of width 32 and 4 blocks: .* 'galatea', resnet of width 32 and"
    with pytest.raises(TrainError, match=told):
        start_from(UGATITGenerator(PX, WIDTH, 2), plain[1])
    with pytest.raises(TrainError, match="would start from it, resnet of width 24"):
        start_from(ResNetGenerator(24, 2), with_attention["plain"][1])
