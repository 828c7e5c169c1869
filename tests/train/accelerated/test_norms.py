"""The fused networks against their plain forms; on a machine without a GPU the kernels are interpreted."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toys import SIZE, TINY, Toy

pytest.importorskip("triton")

from anime2real.data.pack import Pack
from anime2real.face.geometry import TEMPLATE
from anime2real.train.accelerated.forms import in_blocks, kernel_on_blocks, reflected, shifted
from anime2real.train.accelerated.norms import Surroundings, activated, fused_layer_norm, fused_norm
from anime2real.train.accelerated.parity import preflight
from anime2real.train.method import set_fused
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.networks.ugatit import UGATITGenerator, layer_instance_norm
from anime2real.train.networks.ugatit_discriminator import CAMDiscriminator
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed, TrainingStep

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def pixels_of(x: Tensor, around: Surroundings) -> Tensor:
    """The picture (N, C, H, W) that an input of `fused_norm` stands for."""
    if around.layout == "plain":
        return x
    n, phases, rows, columns = x.shape
    x = x.view(n, 2, 2, phases // 4, rows, columns)
    if around.layout == "doubled":
        height, width = rows - 1, columns - 1
        parts = [[x[:, a, b, :, a : a + height, b : b + width] for b in (0, 1)] for a in (0, 1)]
    else:
        height, width = rows, columns
        parts = [[x[:, a, b] for b in (0, 1)] for a in (0, 1)]
    whole = torch.stack([torch.stack(row, dim=-1) for row in parts], dim=3)
    return whole.reshape(n, phases // 4, 2 * height, 2 * width)


def plain_norm(
    x: Tensor, around: Surroundings, residual: Tensor | None, scale: Tensor | None, shift: Tensor | None
) -> tuple[Tensor, Tensor]:
    """What `fused_norm` computes, step by step."""
    y = F.instance_norm(pixels_of(x, around))
    if scale is not None and shift is not None:
        y = y * scale[:, :, None, None] + shift[:, :, None, None]
    y = {"none": lambda t: t, "relu": F.relu, "leaky": lambda t: F.leaky_relu(t, 0.2)}[around.activation](y)
    y = y if residual is None else y + residual
    return surrounded(y, around), y


def surrounded(y: Tensor, around: Surroundings) -> Tensor:
    """(N, C, H, W) padded and laid in blocks."""
    padded = F.pad(y, (around.pad,) * 4, mode="replicate" if around.edge else "reflect") if around.pad else y
    height, width = around.padded
    padded = F.pad(padded, (0, width - padded.shape[3], 0, height - padded.shape[2]))
    if around.block > 1:
        # pixel_unshuffle puts the channel first and the place behind it; ours is the other way round.
        n, channels = y.shape[:2]
        padded = F.pixel_unshuffle(padded, around.block)
        padded = padded.view(n, channels, around.block**2, *padded.shape[2:]).transpose(1, 2).flatten(1, 2)
    return padded


def assert_alike(
    ours: tuple[Tensor, Tensor | None], wanted: tuple[Tensor, Tensor], around: Surroundings, inputs: Any, margin: float
) -> None:
    """Results, padded and, where asked for, not, and their gradients by all inputs."""
    assert (ours[1] is not None) == around.keep
    losses = [torch.zeros((), device=DEVICE)] * 2
    for seed, one, two in zip((4, 5), ours, wanted, strict=True):
        if one is not None:
            torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)
            weight = noise(*two.shape, seed=seed)
            losses = [loss + (y * weight).sum() for loss, y in zip(losses, (one, two), strict=True)]
    for one, two in zip(*(torch.autograd.grad(loss, inputs) for loss in losses), strict=True):
        torch.testing.assert_close(one, two, atol=margin, rtol=1e-3)


@pytest.mark.parametrize(
    ("shape", "around"),
    [
        ((2, 8, 8, 12), Surroundings(8, 12)),
        ((2, 16, 15, 15), Surroundings(15, 15, activation="leaky")),
        ((1, 8, 9, 7), Surroundings(9, 7, activation="relu", pad=1)),
        ((2, 8, 8, 8), Surroundings(8, 8, pad=1, keep=True)),
        ((1, 8, 9, 7), Surroundings(9, 7, activation="relu", pad=1, edge=True)),
        ((1, 32, 8, 8), Surroundings(16, 16, layout="blocked", activation="relu")),
        ((1, 32, 6, 9), Surroundings(10, 16, layout="doubled", activation="relu")),
        ((1, 32, 9, 9), Surroundings(16, 16, layout="doubled", activation="relu", pad=3, block=4)),
        ((1, 16, 40, 40), Surroundings(40, 40, activation="relu", pad=1, keep=True)),  # too large to be held
        ((1, 32, 25, 21), Surroundings(48, 40, layout="doubled", activation="relu", pad=3, block=4)),
    ],
    ids=lambda value: str(value) if isinstance(value, Surroundings) else "",
)
@pytest.mark.parametrize("extra", ["", "residual", "affine"])
def test_a_fused_norm_is_its_parts(shape: tuple[int, ...], around: Surroundings, extra: str) -> None:
    channels = shape[1] // (1 if around.layout == "plain" else 4)
    whole = (shape[0], channels, around.height, around.width)
    if extra == "residual" and around.activation != "none":
        with pytest.raises(ValueError, match="activation"):
            fused_norm(noise(*shape), around, residual=noise(*whole))
        return
    x = last(noise(*shape) * 2 + 1).requires_grad_()
    residual = last(noise(*whole, seed=1)).requires_grad_() if extra == "residual" else None
    scale, shift = (noise(*whole[:2], seed=s).requires_grad_() if extra == "affine" else None for s in (2, 3))
    inputs = [t for t in (x, residual, scale, shift) if t is not None]

    ours, ours_kept = fused_norm(x, around, residual, scale, shift)
    wanted, wanted_kept = plain_norm(x, around, residual, scale, shift)
    assert_alike((ours, ours_kept), (wanted, wanted_kept), around, inputs, 1e-4)


@pytest.mark.parametrize(
    ("shape", "around", "residual"),
    [
        ((2, 24, 8, 12), Surroundings(8, 12, activation="relu", pad=1), False),
        ((2, 8, 9, 7), Surroundings(9, 7, pad=1, keep=True), True),
        ((1, 16, 8, 8), Surroundings(8, 8, pad=1, edge=True), True),
        ((1, 32, 6, 9), Surroundings(10, 16, layout="doubled", activation="relu", pad=1, edge=True), False),
        ((2, 32, 9, 9), Surroundings(16, 16, layout="doubled", activation="relu", pad=3, block=2), False),
        ((1, 8, 40, 40), Surroundings(40, 40), False),
    ],
    ids=lambda value: str(value) if isinstance(value, Surroundings) else "",
)
@pytest.mark.parametrize("shared", [False, True])
def test_a_fused_layer_norm_is_equation_1(
    shape: tuple[int, ...], around: Surroundings, residual: bool, shared: bool
) -> None:
    channels = shape[1] // (1 if around.layout == "plain" else 4)
    whole = (shape[0], channels, around.height, around.width)
    # Channels of unlike means and spreads, and a scale that is nothing.
    x = last(noise(*shape) * (0.2 + 2 * noise(1, shape[1], 1, 1, seed=6).abs()) + noise(1, shape[1], 1, 1, seed=7))
    rho = torch.linspace(0, 1, channels, device=DEVICE)
    gamma, beta = noise(1 if shared else shape[0], channels, seed=2), noise(1 if shared else shape[0], channels, seed=3)
    gamma[:, 0] = 0.0
    more = [last(noise(*whole, seed=1))] if residual else []
    inputs = [t.requires_grad_() for t in (x, rho, gamma, beta, *more)]

    ours, ours_kept = fused_layer_norm(x, around, rho, gamma, beta, *more)
    y = layer_instance_norm(pixels_of(x, around), rho, gamma, beta)
    y = y.relu() if around.activation == "relu" else y
    wanted_kept = y + more[0] if residual else y
    wanted = surrounded(wanted_kept, around)
    assert_alike((ours, ours_kept), (wanted, wanted_kept), around, inputs, 3e-4)


@pytest.mark.parametrize(("shape", "pad"), [((2, 16, 8, 5), 1), ((1, 64, 40, 36), 1), ((1, 8, 9, 9), 0)])
def test_a_fused_activation_is_its_parts(shape: tuple[int, ...], pad: int) -> None:
    x = last(noise(*shape)).requires_grad_()
    ours, wanted = activated(x, pad), F.leaky_relu(x, 0.2)
    wanted = F.pad(wanted, (pad,) * 4, mode="reflect") if pad else wanted
    assert torch.equal(ours, wanted)
    weight = noise(*wanted.shape, seed=1)
    one, two = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, wanted))
    torch.testing.assert_close(one, two)


def test_what_the_kernels_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        fused_norm(noise(1, 8, 3, 3), Surroundings(3, 3, pad=1))
    with pytest.raises(ValueError, match="too few"):
        activated(noise(1, 8, 3, 3), 1)
    with pytest.raises(ValueError, match="the edge is repeated once, not 2 times"):
        fused_norm(noise(1, 8, 9, 9), Surroundings(9, 9, pad=2, edge=True))


def test_reflection_by_addition_is_torchs() -> None:
    x = noise(2, 3, 8, 10).requires_grad_()
    ours, wanted = reflected(x, 3), F.pad(x, (3, 3, 3, 3), mode="reflect")
    assert torch.equal(ours, wanted)
    weight = noise(*wanted.shape, seed=1)
    one, two = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, wanted))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("block", [2, 4])
def test_a_convolution_on_blocks_is_one_on_pixels(block: int) -> None:
    x, weight = noise(2, 3, 22, 30), noise(5, 3, 7, 7)
    wanted = F.conv2d(x, weight)
    rest = -x.shape[2] % block, -x.shape[3] % block
    blocks = in_blocks(F.pad(x, (0, rest[1], 0, rest[0])), block)
    kernel = kernel_on_blocks(shifted(weight, block), block, blocks.shape[1] // block**2)
    ours = F.conv2d(blocks, kernel)
    n, _, rows, columns = ours.shape
    ours = ours.view(n, block, block, 5, rows, columns).permute(0, 3, 4, 1, 5, 2)
    ours = ours.reshape(n, 5, rows * block, columns * block)
    torch.testing.assert_close(ours, wanted[:, :, : ours.shape[2], : ours.shape[3]], atol=1e-4, rtol=1e-4)


def compare(network: nn.Module, image: Tensor, *more: Tensor) -> None:
    """A network's results and all its gradients, plain and fused."""
    torch.manual_seed(0)
    initialise(network, std=0.1)
    fused = copy.deepcopy(network.to(DEVICE))
    set_fused(fused, True)
    results = []
    for one in (network, fused):
        x = last(image).clone().requires_grad_()
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


def test_the_fused_generator_with_attention_needs_no_blocks() -> None:
    torch.manual_seed(0)
    network, image = UGATITGenerator(16, 8, 0).to(DEVICE).eval(), last(noise(1, 3, 16, 16))
    initialise(network, std=0.1)
    plain = network(image)
    set_fused(network, True)
    torch.testing.assert_close(network(image), plain, atol=1e-4, rtol=1e-3)


def test_the_fused_generator_with_attention_is_told_styles_and_classifies() -> None:
    torch.manual_seed(0)
    network = UGATITGenerator(16, 8, 1, code=2).to(DEVICE)
    initialise(network, std=0.1)
    fused = copy.deepcopy(network)
    set_fused(fused, True)
    image, style = last(noise(2, 3, 16, 16)), noise(2, 2, seed=3)
    for wanted, ours in zip(network.classified(image, style), fused.classified(image, style), strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-3)
    assert not torch.equal(fused(image, style), fused(image, -style))


@pytest.mark.parametrize("layers", [3, 5])
def test_the_fused_judge_with_attention_is_the_judge(layers: int) -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.discriminator = CAMDiscriminator(8, layers).eval()

        def forward(self, image: Tensor) -> Tensor:
            scores, logits = self.discriminator(image)
            return torch.cat([scores.flatten(1), logits], 1)

    compare(Joined(), noise(2, 3, 32, 48))
    compare(Joined(), noise(1, 3, 25, 31))


NEAR = replace(TINY["galatea"], detail_weight=0.5, worst_patch_weight=0.1)
EVEN = replace(TINY["galatea"], generator="ugatit", blocks=3, cam_discriminator_weight=1.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [("cyclegan", TINY["cyclegan"]), ("galatea", NEAR), ("galatea", EVEN), ("ugatit", TINY["ugatit"])],
    ids=["cyclegan", "galatea", "galatea, even", "ugatit"],
)
def test_a_fused_step_passes_the_preflight_and_averages_stay_plain(toy: Toy, name: str, options: Any) -> None:
    torch.manual_seed(0)
    pack = Pack(toy.pack)
    method = build(name, options, SIZE).to(DEVICE)
    method.make_optimizers(2e-4)
    method.start_average()
    pictures = torch.from_numpy(np.array(pack.images)).to(DEVICE)
    sampler = Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 1, seed=0)
    speed = Speed(fused=True, channels_last=True)
    landmarks = torch.from_numpy(TEMPLATE).float().to(DEVICE).expand(len(pictures), 5, 2) * 2 - 1
    parity = preflight(method, pictures, sampler.draw(0), speed, landmarks)
    assert parity.holds
    assert parity.losses < 1e-3
    TrainingStep(method, pictures, 1, speed)
    networks = [part for key, child in method.named_children() if key != "average" for part in child.modules()]
    assert {part.fused for part in networks if hasattr(part, "fused")} == {True}
    assert not any(getattr(part, "fused", False) for part in method.average.modules())
