"""Instance norm and everything around it in one Triton kernel each way, for GPUs.

Between two convolutions of a generator stand an instance norm, an activation or an addition, and a padding; as separate
steps they move the picture through memory a dozen times, and the convolutions wait. Here, channels last,

    y = act(γ · (x - mean) / sqrt(variance + ε) + β) + residual

is written once, already padded by reflection, and its gradient comes back the same way. The layouts in which
`convolutions.py` leaves and wants pixels are address arithmetic here, no passes of their own:

- `blocked` input: 2×2 pixels lie beside each other as 4·C channels, phase first;
- `doubled` input: the four phases of a resize-convolution, each one shifted by its own place;
- output in blocks of b×b pixels, as b²·C channels, phase first, zeros filling up the last blocks.

`fused_layer_norm` is AdaLIN (`ugatit.layer_instance_norm`) in their place. With standard deviations s_I and s_L and
means m_I and m_L of channel and layer it is an instance norm under the scale γ · (ρ + (1 - ρ) · s_I / s_L) and the
shift β + γ · (1 - ρ) · (m_I - m_L) / s_L, all (N, C). Between the two passes over the picture a small kernel computes
both, and in the backward pass another computes what the moments hand on. `activated` activates and pads alone.

Moments and sums are fp32; no atomic additions, so the same input gives the same bits.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
import triton
from torch import Tensor

from anime2real.train.accelerated import moment_kernels, picture_kernels
from anime2real.train.networks.resnet import EPSILON

Layout = Literal["plain", "blocked", "doubled"]
Activation = Literal["none", "relu", "leaky"]

_LAYOUTS: Final[dict[Layout, int]] = {"plain": 0, "blocked": 1, "doubled": 2}
_SLOPES: Final[dict[Activation, float]] = {"none": 1.0, "relu": 0.0, "leaky": 0.2}
_HELD, _SUM, _APPLY = 0, 1, 2
"""Stages of a kernel: all at once with the picture held in registers; the first and the second of two."""
_HELD_PIXELS: Final = 1024
"""Up to so many pixels a program holds some channels of a picture in registers."""


@dataclass(frozen=True)
class Surroundings:
    """What surrounds one norm.

    Attributes:
        height, width: H and W, of the picture that the layout describes.
        layout: of the input.
        activation: after the norm; `leaky` has slope 0.2. Not together with a residual.
        pad: pixels of reflection around the output.
        edge: the padding, of one pixel, is the edge once more: reflection of a picture that is doubled afterwards.
        block: b, the side of the blocks that the output is laid in.
        keep: give the unpadded result too, as the next residual.
    """

    height: int
    width: int
    layout: Layout = "plain"
    activation: Activation = "none"
    pad: int = 0
    edge: bool = False
    block: int = 1
    keep: bool = False

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the output in pixels, whole blocks."""
        b = self.block
        return tuple(-(-(side + 2 * self.pad) // b) * b for side in (self.height, self.width))  # type: ignore[return-value]


def fused_norm(
    x: Tensor,
    around: Surroundings,
    residual: Tensor | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Normalise, and do what surrounds it.

    Args:
        x: channels last in memory; (N, C, H, W) `plain`, (N, 4C, H/2, W/2) `blocked`, (N, 4C, H/2 + 1, W/2 + 1)
            `doubled`. C must be a multiple of 8.
        around: what to do.
        residual: (N, C, H, W), channels last, added at the end.
        scale, shift: (N, C), contiguous, in fp32, γ and β; 1 and 0 if not given.

    Returns:
        the padded result, (N, b²·C, H'/b, W'/b), and, with `keep`, the unpadded one, (N, C, H, W).

    Raises:
        ValueError: too few pixels for the padding, too many numbers, or an activation with a residual.
    """
    _check(x, around, residual)
    out, plain = _FusedNorm.apply(x, residual, scale, shift, around)  # type: ignore[no-untyped-call]
    return out, plain if around.keep else None


def fused_layer_norm(
    x: Tensor, around: Surroundings, rho: Tensor, gamma: Tensor, beta: Tensor, residual: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Normalise by AdaLIN, and do what surrounds it.

    Args:
        x, around, residual: as of `fused_norm`, as is what is returned and raised.
        rho: (C,) in [0, 1], the share of instance norm.
        gamma, beta: (N, C) or (1, C).
    """
    _check(x, around, residual)
    gamma, beta = (t.float().expand(len(x), -1).contiguous() for t in (gamma, beta))
    out, plain = _FusedLayerNorm.apply(x, residual, rho.float(), gamma, beta, around)  # type: ignore[no-untyped-call]
    return out, plain if around.keep else None


def activated(x: Tensor, pad: int, activation: Activation = "leaky") -> Tensor:
    """Activate (N, C, H, W), channels last, C a multiple of 8, and pad it by reflection.

    Raises:
        ValueError: too few pixels for the padding, or too many numbers.
    """
    around = Surroundings(x.shape[2], x.shape[3], activation=activation, pad=pad)
    _check(x, around, None)
    out: Tensor = _Activated.apply(x, around)  # type: ignore[no-untyped-call]
    return out


def _check(x: Tensor, around: Surroundings, residual: Tensor | None) -> None:
    if around.height <= 2 * around.pad + 1 or around.width <= 2 * around.pad + 1:
        raise ValueError(f"{around.height}×{around.width} pixels are too few to reflect {around.pad} of them")
    if around.edge and around.pad != 1:
        raise ValueError(f"the edge is repeated once, not {around.pad} times")
    if x.numel() * 2 >= 2**31:
        raise ValueError(f"{tuple(x.shape)} has too many numbers for 32-bit addresses: take a smaller batch")
    if residual is not None and around.activation != "none":
        raise ValueError("an activation cannot stand before a residual here")


@dataclass(frozen=True)
class Tiling:
    """How the work is cut: parts of a picture a program each, pixels and channels at a time, warps a program."""

    splits: int
    rows: int
    channels: int
    warps: int


def tiling_of(pixels: int, channels: int, backward: bool) -> Tiling:
    """The tiling for pictures of so many pixels and channels, as measured on an H100.

    A small picture's channels are held in registers between the two looks that a norm takes, a large picture's
    are read twice, in two stages, by many programs.
    """
    if pixels <= _HELD_PIXELS:
        # Backward holds two pictures, so half the channels, and twice as many threads for each.
        width, a_thread = (_divisor(channels, 16), 32) if backward else (_divisor(channels, 32), 64)
        rows = max(16, triton.next_power_of_2(pixels))
        return Tiling(1, rows, width, min(16, max(1, rows * width // (32 * a_thread))))
    return tiling_in_parts(pixels, channels)


def tiling_in_parts(pixels: int, channels: int) -> Tiling:
    """The tiling for two stages, whatever the size: parts of a picture by different programs."""
    width = _divisor(channels, 64)
    splits = min(64, triton.next_power_of_2(max(2, pixels // 256)))
    return Tiling(splits, max(16, (4096 if splits < 64 else 2048) // width), width, 4)


def _divisor(number: int, limit: int) -> int:
    return min(number & -number, limit)


class _FusedNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        residual: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
        around: Surroundings,
    ) -> tuple[Tensor, Tensor | None]:
        x = _last(x)
        residual = None if residual is None else _last(residual)
        n, channels = x.shape[0], x.shape[1] // (1 if around.layout == "plain" else 4)
        out = _new(x, around.block**2 * channels, *(side // around.block for side in around.padded))
        plain = _new(x, channels, around.height, around.width) if around.keep else None
        moments = x.new_empty((n, 2, channels), dtype=torch.float32)
        arguments = (x, residual, scale, shift, out, plain, moments)
        tensors = [x if tensor is None else tensor for tensor in arguments]  # an address that is not looked at
        options = _constants(around, channels) | {
            "EPS": EPSILON, "RESIDUAL": residual is not None, "AFFINE": scale is not None
        }  # fmt: skip
        _clear_rest(out, around)
        _run(
            picture_kernels.forward,
            tensors,
            x,
            tiling_of(around.height * around.width, channels, backward=False),
            options,
        )
        ctx.save_for_backward(x, scale, shift, moments)
        ctx.around, ctx.residual = around, residual is not None
        ctx.set_materialize_grads(False)
        return out, plain

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor, grad_plain: Tensor | None) -> tuple[Tensor | None, ...]:
        x, scale, shift, moments = ctx.saved_tensors
        around: Surroundings = ctx.around
        channels = moments.shape[2]
        grad_out = _last(grad_out)
        grad_plain = None if grad_plain is None else _last(grad_plain)
        grad_x = torch.empty_like(x)
        grad_residual = _new(x, channels, around.height, around.width) if ctx.residual else None
        sums = torch.empty_like(moments)
        arguments = (x, scale, shift, moments, None, grad_out, grad_plain, grad_x, grad_residual, sums)
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = _constants(around, channels) | {
            "RESIDUAL": ctx.residual, "AFFINE": scale is not None, "KEEP": grad_plain is not None, "LAYER": False
        }  # fmt: skip
        _run(
            picture_kernels.backward,
            tensors,
            x,
            tiling_of(around.height * around.width, channels, backward=True),
            options,
        )
        affine = (None, None) if scale is None else (sums[:, 0], sums[:, 1])
        return grad_x, grad_residual, *affine, None


class _FusedLayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        residual: Tensor | None,
        rho: Tensor,
        gamma: Tensor,
        beta: Tensor,
        around: Surroundings,
    ) -> tuple[Tensor, Tensor | None]:
        x = _last(x)
        residual = None if residual is None else _last(residual)
        n, channels = gamma.shape
        out = _new(x, around.block**2 * channels, *(side // around.block for side in around.padded))
        plain = _new(x, channels, around.height, around.width) if around.keep else None
        moments = x.new_empty((n, 2, channels), dtype=torch.float32)
        scale, shift = torch.empty_like(gamma), torch.empty_like(beta)
        layer = gamma.new_empty((n, 2))
        tiling = tiling_in_parts(around.height * around.width, channels)
        partial = _partial(x, tiling, channels)
        arguments = (x, residual, scale, shift, out, plain, moments, partial)
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = _constants(around, channels) | {"EPS": EPSILON, "RESIDUAL": residual is not None, "AFFINE": True}
        _clear_rest(out, around)
        _launch(picture_kernels.forward, tensors, x, tiling, options, _SUM)
        moment_kernels.layer_affine[(n,)](
            partial, rho, gamma, beta, scale, shift, layer, **_picture(around, channels, tiling)
        )
        _launch(picture_kernels.forward, tensors, x, tiling, options, _APPLY)
        ctx.save_for_backward(x, rho, gamma, scale, shift, moments, layer)
        ctx.around, ctx.residual = around, residual is not None
        ctx.set_materialize_grads(False)
        return out, plain

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor, grad_plain: Tensor | None) -> tuple[Tensor | None, ...]:
        x, rho, gamma, scale, shift, moments, layer = ctx.saved_tensors
        around: Surroundings = ctx.around
        n, channels = gamma.shape
        grad_out = _last(grad_out)
        grad_plain = None if grad_plain is None else _last(grad_plain)
        grad_x = torch.empty_like(x)
        grad_residual = _new(x, channels, around.height, around.width) if ctx.residual else None
        carried, sums = torch.empty_like(moments), torch.empty_like(moments)
        grad_rho, grad_gamma, grad_beta = (torch.empty_like(gamma) for _ in range(3))
        tiling = tiling_in_parts(around.height * around.width, channels)
        partial = _partial(x, tiling, channels)
        arguments = (
            x, scale, shift, moments, carried, grad_out, grad_plain, grad_x, grad_residual, sums, partial
        )  # fmt: skip
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = _constants(around, channels) | {
            "RESIDUAL": ctx.residual, "AFFINE": True, "KEEP": grad_plain is not None, "LAYER": True
        }  # fmt: skip
        _launch(picture_kernels.backward, tensors, x, tiling, options, _SUM)
        moment_kernels.layer_gradient[(n,)](
            partial, rho, gamma, moments, layer, carried, grad_rho, grad_gamma, grad_beta,
            **_picture(around, channels, tiling),
        )  # fmt: skip
        _launch(picture_kernels.backward, tensors, x, tiling, options, _APPLY)
        return grad_x, grad_residual, grad_rho.sum(0), grad_gamma, grad_beta, None


class _Activated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, around: Surroundings) -> Tensor:
        x = _last(x)
        out = _new(x, x.shape[1], *around.padded)
        _sweep(picture_kernels.activate, [x, out], x, around)
        ctx.save_for_backward(x)
        ctx.around = around
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        grad_x = torch.empty_like(x)
        _sweep(picture_kernels.deactivate, [x, _last(grad_out), grad_x], x, ctx.around)
        return grad_x, None


def _sweep(kernel: Any, tensors: list[Tensor], x: Tensor, around: Surroundings) -> None:
    """Launch a kernel that looks at each pixel once."""
    tiling = tiling_in_parts(around.height * around.width, x.shape[1])
    height, width = around.padded
    kernel[(len(x) * tiling.splits * (x.shape[1] // tiling.channels),)](
        *tensors, C=x.shape[1], H=around.height, W=around.width, PAD=around.pad, HP=height, WP=width,
        SLOPE=_SLOPES[around.activation], SPLITS=tiling.splits, ROWS=tiling.rows, CHANNELS=tiling.channels,
        num_warps=tiling.warps,
    )  # fmt: skip


def _picture(around: Surroundings, channels: int, tiling: Tiling) -> dict[str, Any]:
    """The compile-time arguments of the kernels that see a picture's sums."""
    return {
        "C": channels, "H": around.height, "W": around.width, "EPS": EPSILON, "SPLITS": tiling.splits,
        "BLOCK": triton.next_power_of_2(channels),
    }  # fmt: skip


def _constants(around: Surroundings, channels: int) -> dict[str, Any]:
    height, width = around.padded
    return {
        "C": channels, "H": around.height, "W": around.width, "LAYOUT": _LAYOUTS[around.layout], "PAD": around.pad,
        "HP": height, "WP": width, "B": around.block, "EDGE": around.edge, "SLOPE": _SLOPES[around.activation],
        "KEEP": around.keep,
    }  # fmt: skip


def _run(kernel: Any, tensors: list[Tensor], x: Tensor, tiling: Tiling, options: dict[str, Any]) -> None:
    """Launch a kernel's one stage or two."""
    if tiling.splits == 1:
        _launch(kernel, [*tensors, x], x, tiling, options, _HELD)
        return
    partial = _partial(x, tiling, options["C"])
    for stage in (_SUM, _APPLY):
        _launch(kernel, [*tensors, partial], x, tiling, options, stage)


def _partial(x: Tensor, tiling: Tiling, channels: int) -> Tensor:
    """Where the programs of the first stage leave their sums."""
    return x.new_empty((len(x), tiling.splits, 2, channels), dtype=torch.float32)


def _launch(kernel: Any, tensors: list[Tensor], x: Tensor, tiling: Tiling, options: dict[str, Any], stage: int) -> None:
    kernel[(len(x) * tiling.splits * (options["C"] // tiling.channels),)](
        *tensors, **options, STAGE=stage, SPLITS=tiling.splits, ROWS=tiling.rows,
        CHANNELS=tiling.channels, num_warps=tiling.warps,
    )  # fmt: skip


def _clear_rest(out: Tensor, around: Surroundings) -> None:
    """Zero the pixels that fill up the last blocks of an output."""
    b = around.block
    pixels = out.permute(0, 2, 3, 1).unflatten(3, (b, b, -1))  # (N, H'/b, W'/b, row in the block, column, C)
    rows, columns = (
        padded - side - 2 * around.pad
        for padded, side in zip(around.padded, (around.height, around.width), strict=True)
    )
    if rows:
        pixels[:, -1, :, b - rows :].zero_()
    if columns:
        pixels[:, :, -1, :, b - columns :].zero_()


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _new(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """An empty (N, channels, height, width), channels last."""
    return like.new_empty((len(like), height, width, channels)).permute(0, 3, 1, 2)
