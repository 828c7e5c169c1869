"""Instance norm and everything around it in one Triton kernel each way, for GPUs.

Between two convolutions of a generator stand an instance norm, an activation or an addition, and a padding; as separate
steps they move the picture through memory a dozen times, and the convolutions wait. Here, channels last,

    y = act(γ · (x - mean) / sqrt(variance + ε) + β) + residual

is written once, already padded by reflection, and its gradient comes back the same way. The layouts in which the
folded convolutions of `fast.py` leave and want their pixels are address arithmetic here, no passes of their own:

- `blocked` input: 2×2 pixels lie beside each other as 4·C channels, phase first;
- `doubled` input: the four phases of a resize-convolution, each one shifted by its own place;
- output in blocks of b×b pixels, as b²·C channels, phase first, zeros filling up the last blocks.

Moments and sums are fp32; no atomic additions, so the same input gives the same bits.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
import triton
from torch import Tensor

from anime2real.train.networks import fused_kernels
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
        block: b, the side of the blocks that the output is laid in.
        keep: give the unpadded result too, as the next residual.
    """

    height: int
    width: int
    layout: Layout = "plain"
    activation: Activation = "none"
    pad: int = 0
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
    if around.height <= 2 * around.pad + 1 or around.width <= 2 * around.pad + 1:
        raise ValueError(f"{around.height}×{around.width} pixels are too few to reflect {around.pad} of them")
    if x.numel() * 2 >= 2**31:
        raise ValueError(f"{tuple(x.shape)} has too many numbers for 32-bit addresses: take a smaller batch")
    if residual is not None and around.activation != "none":
        raise ValueError("an activation cannot stand before a residual here")
    out, plain = _FusedNorm.apply(x, residual, scale, shift, around)  # type: ignore[no-untyped-call]
    return out, plain if around.keep else None


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
    width = _divisor(channels, 64)
    splits = min(64, triton.next_power_of_2(pixels // 256))
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
            fused_kernels.forward,
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
        arguments = (x, scale, shift, moments, grad_out, grad_plain, grad_x, grad_residual, sums)
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = _constants(around, channels) | {
            "RESIDUAL": ctx.residual, "AFFINE": scale is not None, "KEEP": grad_plain is not None
        }  # fmt: skip
        _run(
            fused_kernels.backward,
            tensors,
            x,
            tiling_of(around.height * around.width, channels, backward=True),
            options,
        )
        affine = (None, None) if scale is None else (sums[:, 0], sums[:, 1])
        return grad_x, grad_residual, *affine, None


def _constants(around: Surroundings, channels: int) -> dict[str, Any]:
    height, width = around.padded
    return {
        "C": channels, "H": around.height, "W": around.width, "LAYOUT": _LAYOUTS[around.layout], "PAD": around.pad,
        "HP": height, "WP": width, "B": around.block, "SLOPE": _SLOPES[around.activation], "KEEP": around.keep,
    }  # fmt: skip


def _run(kernel: Any, tensors: list[Tensor], x: Tensor, tiling: Tiling, options: dict[str, Any]) -> None:
    """Launch a kernel's one stage or two."""
    n, channels, splits = len(x), options["C"], tiling.splits
    partial = x.new_empty((n, splits, 2, channels), dtype=torch.float32) if splits > 1 else x
    for stage in (_HELD,) if splits == 1 else (_SUM, _APPLY):
        kernel[(n * splits * (channels // tiling.channels),)](
            *tensors, partial, **options, STAGE=stage, SPLITS=splits, ROWS=tiling.rows,
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
