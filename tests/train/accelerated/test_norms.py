"""The fused norms against their parts; on a machine without a GPU the kernels are interpreted."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tensors import DEVICE, channels_last, noise
from torch import Tensor

pytest.importorskip("triton")

from anime2real.train.accelerated.launches import Surroundings
from anime2real.train.accelerated.norms import activated, fused_layer_norm, fused_norm
from anime2real.train.networks.ugatit import layer_instance_norm


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
    x = channels_last(noise(*shape) * 2 + 1).requires_grad_()
    residual = channels_last(noise(*whole, seed=1)).requires_grad_() if extra == "residual" else None
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
    x = channels_last(
        noise(*shape) * (0.2 + 2 * noise(1, shape[1], 1, 1, seed=6).abs()) + noise(1, shape[1], 1, 1, seed=7)
    )
    rho = torch.linspace(0, 1, channels, device=DEVICE)
    gamma, beta = noise(1 if shared else shape[0], channels, seed=2), noise(1 if shared else shape[0], channels, seed=3)
    gamma[:, 0] = 0.0
    more = [channels_last(noise(*whole, seed=1))] if residual else []
    inputs = [t.requires_grad_() for t in (x, rho, gamma, beta, *more)]

    ours, ours_kept = fused_layer_norm(x, around, rho, gamma, beta, *more)
    y = layer_instance_norm(pixels_of(x, around), rho, gamma, beta)
    y = y.relu() if around.activation == "relu" else y
    wanted_kept = y + more[0] if residual else y
    wanted = surrounded(wanted_kept, around)
    assert_alike((ours, ours_kept), (wanted, wanted_kept), around, inputs, 3e-4)


@pytest.mark.parametrize(("shape", "pad"), [((2, 16, 8, 5), 1), ((1, 64, 40, 36), 1), ((1, 8, 9, 9), 0)])
def test_a_fused_activation_is_its_parts(shape: tuple[int, ...], pad: int) -> None:
    x = channels_last(noise(*shape)).requires_grad_()
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
