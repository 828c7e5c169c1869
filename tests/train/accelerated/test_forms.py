"""The fused forms against their networks; on a machine without a GPU the kernels are interpreted."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tensors import DEVICE, channels_last, noise
from torch import Tensor, nn
from toys import SIZE, TINY, Toy

pytest.importorskip("triton")

from anime2real.data.pack import Pack
from anime2real.face.geometry import TEMPLATE
from anime2real.train.accelerated import accelerate, depthwise
from anime2real.train.accelerated.depthwise import lay_filters
from anime2real.train.accelerated.forms import FORMS
from anime2real.train.accelerated.parity import preflight
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.pixel_decoder import PixelGenerator
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.networks.ugatit import LayerInstanceNorm, UGATITGenerator
from anime2real.train.networks.ugatit_discriminator import CAMDiscriminator
from anime2real.train.networks.who import ToldGenerator, ToldPixelGenerator
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed, TrainingStep


def compare(network: nn.Module, image: Tensor, *more: Tensor) -> None:
    """A network's results and all its gradients, plain and fused."""
    torch.manual_seed(0)
    initialise(network, std=0.1)
    fused = copy.deepcopy(network.to(DEVICE))
    accelerate(fused)
    results = []
    for one in (network, fused):
        x = channels_last(image).clone().requires_grad_()
        y = one(x, *more)
        (y * noise(*y.shape, seed=7)).sum().backward()
        results.append([y.detach(), x.grad, *(p.grad for p in one.parameters())])
    for place, (wanted, ours) in enumerate(zip(*results, strict=True)):
        assert ours is not None
        assert wanted is not None
        # Gradients are wider apart: a value that rounds to the other side of a ReLU takes its whole gradient along.
        margin = 1e-4 if place == 0 else 0.03
        assert (ours - wanted).norm() <= margin * wanted.norm().clamp_min(1e-3)


def test_the_fused_generator_is_the_generator() -> None:
    compare(ResNetGenerator(8, 2), noise(2, 3, 16, 24))
    compare(ResNetGenerator(8, 1, in_channels=8), noise(1, 8, 16, 16))
    compare(ResNetGenerator(8, 1, unshuffle=2), noise(2, 3, 32, 48))


def test_the_fused_modulated_generator_is_the_generator() -> None:
    network = ResNetGenerator(8, 2, code=2)
    for block in network.blocks:
        nn.init.normal_(block.modulate.weight, 0.0, 0.3)
    compare(network, noise(2, 3, 16, 16), noise(2, 2, seed=3))


def test_the_fused_discriminator_is_the_discriminator() -> None:
    compare(PatchDiscriminator(8), noise(2, 3, 32, 48))
    compare(PatchDiscriminator(8, in_channels=5), noise(1, 5, 32, 32))


def test_the_fused_generator_with_attention_is_the_generator() -> None:
    for network, image in (
        (UGATITGenerator(16, 8, 2), noise(2, 3, 16, 24)),
        (UGATITGenerator(32, 8, 1, unshuffle=2), noise(2, 3, 32, 32)),
        (UGATITGenerator(16, 8, 1, light=False), noise(1, 3, 16, 16)),
    ):
        compare(network, image)


def test_the_fused_decoder_of_pixels_is_the_decoder() -> None:
    generator = PixelGenerator(32, 8, 2)
    for part in generator.modules():  # so that blocks that begin as nothing are compared, too
        if isinstance(part, LayerInstanceNorm):
            nn.init.uniform_(part.rho)
            nn.init.normal_(part.gamma)
            nn.init.normal_(part.beta)
    compare(generator, noise(2, 3, 32, 32))


@pytest.mark.parametrize("kind", [ToldGenerator, ToldPixelGenerator])
def test_the_fused_generators_that_are_told_who_are_the_generators(kind: type[UGATITGenerator]) -> None:
    compare(kind(32, 8, 1), noise(2, 3, 32, 32), torch.tensor([[1.0, 0.2], [-0.5, 0.6]], device=DEVICE))


def test_the_fused_generator_with_attention_needs_no_blocks() -> None:
    torch.manual_seed(0)
    network, image = UGATITGenerator(16, 8, 0).to(DEVICE).eval(), channels_last(noise(1, 3, 16, 16))
    initialise(network, std=0.1)
    plain = network(image)
    accelerate(network)
    torch.testing.assert_close(network(image), plain, atol=1e-4, rtol=1e-3)


def test_the_fused_generator_with_attention_is_told_styles_and_classifies() -> None:
    torch.manual_seed(0)
    network = UGATITGenerator(16, 8, 1, code=2).to(DEVICE)
    initialise(network, std=0.1)
    fused = copy.deepcopy(network)
    accelerate(fused)
    image, style = channels_last(noise(2, 3, 16, 16)), noise(2, 2, seed=3)
    for wanted, ours in zip(network.classified(image, style), fused.classified(image, style), strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-3)
    assert not torch.equal(fused(image, style), fused(image, -style))


@pytest.mark.parametrize("layers", [3, 5])
def test_the_fused_discriminator_with_attention_is_the_discriminator(layers: int) -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.discriminator = CAMDiscriminator(8, layers).eval()

        def forward(self, image: Tensor) -> Tensor:
            scores, logits = self.discriminator(image)
            return torch.cat([scores.flatten(1), logits], 1)

    compare(Joined(), noise(2, 3, 32, 48))
    compare(Joined(), noise(1, 3, 25, 31))


def test_the_fused_blocks_of_features_are_the_blocks() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    plain = LiteFeatures().to(DEVICE)
    # Behind the stem's ReLU6 without an expansion, halving by 3×3, with a skip, halving by 5×5; and the stem.
    first = nn.Sequential(nn.ReLU6(), plain.blocks[0])
    for part, channels in ((first, 32), (plain.blocks[1], 16), (plain.blocks[2], 24), (plain.blocks[3], 24)):
        compare_features(part, noise(2, channels, 8, 12))
    compare_features(plain.stem, noise(2, 3, 16, 24))


def compare_features(plain: nn.Module, image: Tensor) -> None:
    """As `compare`, of a part of the features, whose weights stay as they were trained."""
    fused = copy.deepcopy(plain)
    accelerate(fused)
    lay_filters(fused)
    results = []
    for part in (plain, fused):
        x = channels_last(image).clone().requires_grad_()
        maps = part(x)
        (maps * noise(*maps.shape, seed=3)).sum().backward()
        results.append([maps.detach(), x.grad])
    for wanted, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-3)


def filtered(x: Tensor, filters: Tensor, bias: Tensor, stride: int) -> Tensor:
    """What `depthwise._Filtered` computes."""
    side = len(filters)
    weight = filters.view(side, side, -1).permute(2, 0, 1)[:, None]
    before, after = (side - stride) // 2, (side - 1) // 2
    padded = F.pad(F.relu6(x), (before, after, before, after))
    return F.relu6(F.conv2d(padded, weight, bias, stride, groups=len(weight)))


NEAR = replace(TINY["galatea"], detail_weight=0.5, worst_patch_weight=0.1)
EVEN = replace(TINY["galatea"], generator="ugatit", blocks=3, cam_discriminator_weight=1.0)
PIXELS = replace(EVEN, decoder="pixels", who=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cyclegan", TINY["cyclegan"]),
        ("galatea", NEAR),
        pytest.param("galatea", EVEN, marks=pytest.mark.slow),
        pytest.param("galatea", PIXELS, marks=pytest.mark.slow),
        pytest.param("ugatit", TINY["ugatit"], marks=pytest.mark.slow),
    ],
    ids=["cyclegan", "galatea", "galatea, even", "galatea, pixels", "ugatit"],
)
def test_a_fused_step_passes_the_preflight_and_averages_stay_plain(
    toy: Toy, name: str, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if DEVICE.type == "cpu":  # sixteen blocks, interpreted, take most of a minute; each is compared above
        monkeypatch.setattr(depthwise._Filtered, "apply", filtered)
    torch.manual_seed(0)
    pack = Pack(toy.pack)
    method = build(name, options, SIZE).to(DEVICE)
    method.make_optimizers(2e-4)
    method.start_average()
    pictures = torch.from_numpy(np.array(pack.images)).to(DEVICE)
    sampler = Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 1, seed=0)
    speed = Speed(fused=True, channels_last=True)
    landmarks = torch.from_numpy(TEMPLATE).float().to(DEVICE).expand(len(pictures), 5, 2) * 2 - 1
    who = torch.tensor([[1.0, 0.2], [-1.0, 0.6]], device=DEVICE).repeat(len(pictures), 1)[: len(pictures)]
    parity = preflight(method, pictures, sampler.draw(0), speed, landmarks, None, None, who)
    assert parity.holds
    assert parity.losses < 1e-3
    TrainingStep(method, pictures, 1, speed)
    networks = [part for key, child in method.named_children() if key != "average" for part in child.modules()]
    assert all(set(FORMS[type(part)]) <= vars(part).keys() for part in networks if type(part) in FORMS)
    assert not any(vars(part).keys() & {"forward", "classified"} for part in method.average.modules())
