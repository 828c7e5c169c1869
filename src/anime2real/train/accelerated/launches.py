"""How the kernels of `norms.py` are launched: what surrounds a norm, how the work is cut, and the memory it needs."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
import triton
from torch import Tensor

from anime2real.train.networks.resnet import EPSILON

Layout = Literal["plain", "blocked", "doubled"]
Activation = Literal["none", "relu", "leaky"]

_LAYOUTS: Final[dict[Layout, int]] = {"plain": 0, "blocked": 1, "doubled": 2}
_SLOPES: Final[dict[Activation, float]] = {"none": 1.0, "relu": 0.0, "leaky": 0.2}
_HELD, SUM, APPLY = 0, 1, 2
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


def check(x: Tensor, around: Surroundings, residual: Tensor | None) -> None:
    if around.height <= 2 * around.pad + 1 or around.width <= 2 * around.pad + 1:
        raise ValueError(f"{around.height}×{around.width} pixels are too few to reflect {around.pad} of them")
    if around.edge and around.pad != 1:
        raise ValueError(f"the edge is repeated once, not {around.pad} times")
    if x.numel() * 2 >= 2**31:
        raise ValueError(f"{tuple(x.shape)} has too many numbers for 32-bit addresses: take a smaller batch")
    if residual is not None and around.activation != "none":
        raise ValueError("an activation cannot stand before a residual here")


def sweep(kernel: Any, tensors: list[Tensor], x: Tensor, around: Surroundings) -> None:
    """Launch a kernel that looks at each pixel once."""
    tiling = tiling_in_parts(around.height * around.width, x.shape[1])
    height, width = around.padded
    kernel[(len(x) * tiling.splits * (x.shape[1] // tiling.channels),)](
        *tensors, C=x.shape[1], H=around.height, W=around.width, PAD=around.pad, HP=height, WP=width,
        SLOPE=_SLOPES[around.activation], SPLITS=tiling.splits, ROWS=tiling.rows, CHANNELS=tiling.channels,
        num_warps=tiling.warps,
    )  # fmt: skip


def sums_constants(around: Surroundings, channels: int, tiling: Tiling) -> dict[str, Any]:
    """The compile-time arguments of the kernels that see a picture's sums."""
    return {
        "C": channels, "H": around.height, "W": around.width, "EPS": EPSILON, "SPLITS": tiling.splits,
        "BLOCK": triton.next_power_of_2(channels),
    }  # fmt: skip


def picture_constants(around: Surroundings, channels: int) -> dict[str, Any]:
    height, width = around.padded
    return {
        "C": channels, "H": around.height, "W": around.width, "LAYOUT": _LAYOUTS[around.layout], "PAD": around.pad,
        "HP": height, "WP": width, "B": around.block, "EDGE": around.edge, "SLOPE": _SLOPES[around.activation],
        "KEEP": around.keep,
    }  # fmt: skip


def run_stages(kernel: Any, tensors: list[Tensor], x: Tensor, tiling: Tiling, options: dict[str, Any]) -> None:
    """Launch a kernel's one stage or two."""
    if tiling.splits == 1:
        launch(kernel, [*tensors, x], x, tiling, options, _HELD)
        return
    partial = partial_sums(x, tiling, options["C"])
    for stage in (SUM, APPLY):
        launch(kernel, [*tensors, partial], x, tiling, options, stage)


def partial_sums(x: Tensor, tiling: Tiling, channels: int) -> Tensor:
    """Where the programs of the first stage leave their sums."""
    return x.new_empty((len(x), tiling.splits, 2, channels), dtype=torch.float32)


def launch(kernel: Any, tensors: list[Tensor], x: Tensor, tiling: Tiling, options: dict[str, Any], stage: int) -> None:
    kernel[(len(x) * tiling.splits * (options["C"] // tiling.channels),)](
        *tensors, **options, STAGE=stage, SPLITS=tiling.splits, ROWS=tiling.rows,
        CHANNELS=tiling.channels, num_warps=tiling.warps,
    )  # fmt: skip


def clear_rest(out: Tensor, around: Surroundings) -> None:
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


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def new_channels_last(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """An empty (N, channels, height, width), channels last."""
    return like.new_empty((len(like), height, width, channels)).permute(0, 3, 1, 2)
