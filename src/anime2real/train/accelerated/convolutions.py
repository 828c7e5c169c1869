"""Convolutions rearranged for tensor cores, which want tens of channels on both sides where pictures have three.

A convolution to or from few channels is computed on blocks of b×b pixels, which lie beside each other as b² times the
channels, with the kernel shifted into each place of a block. Tensors are channels last.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def halved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 4×4 convolution with stride 2 of (N, C, H, W), few channels: 2×2 on blocks of 2×2 pixels.

    It never sees an odd last row or column.
    """
    x = in_blocks(x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], 2)
    return F.conv2d(x, kernel_on_blocks(weight[None], 2, x.shape[1] // 4), bias)


def to_one_channel(x: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """A convolution to one channel: eight outputs, seven of them nothing, for one is a shape without a fast kernel."""
    return F.conv2d(x, F.pad(weight, (0, 0, 0, 0, 0, 0, 0, 7)), padding=padding)[:, :1]


def stem(image: Tensor, weight: Tensor, b: int) -> Tensor:
    """A 7×7 convolution of few channels, reflection-padded, left in blocks: (N, C, H, W) to (N, b²·D, H/b, W/b)."""
    x = in_blocks(padded_by_reflection(narrow(image), 3), b)
    return F.conv2d(x, kernel_on_blocks(shifted_kernels(weight, b), b, x.shape[1] // b**2))


def head(x: Tensor, weight: Tensor, bias: Tensor | None, b: int) -> Tensor:
    """A 7×7 convolution to few channels, of blocks, padding included: (N, b²·C, H', W') to (N, D, H, W)."""
    # pixel_shuffle wants the place in the block behind the channel.
    weight = shifted_kernels(weight, b).transpose(0, 1).flatten(0, 1)[None]
    x = F.pixel_shuffle(F.conv2d(x, kernel_on_blocks(weight, b, x.shape[1] // b**2)), b)
    return x if bias is None else x + bias.view(1, -1, 1, 1)


def padded_by_reflection(image: Tensor, margin: int) -> Tensor:
    """`F.pad` by reflection on all sides of (N, C, H, W); its gradient comes by addition, not by atomic operations."""
    padded: Tensor = _Reflected.apply(image, margin)  # type: ignore[no-untyped-call]
    return padded


class _Reflected(torch.autograd.Function):
    """The gradient is what comes to the middle, and the margins' mirror images once more where they were taken from:
    torch's own, of slices, adds whole pictures that are zero but for a margin."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, margin: int) -> Tensor:
        ctx.margin = margin
        for axis in (2, 3):
            side = image.shape[axis]
            before = image.narrow(axis, 1, margin).flip(axis)
            after = image.narrow(axis, side - 1 - margin, margin).flip(axis)
            image = torch.cat([before, image, after], dim=axis)
        return image

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        margin = ctx.margin
        for axis in (3, 2):
            side = grad.shape[axis] - 2 * margin
            middle = grad.narrow(axis, margin, side).clone(memory_format=torch.channels_last)
            middle.narrow(axis, 1, margin).add_(grad.narrow(axis, 0, margin).flip(axis))
            middle.narrow(axis, side - 1 - margin, margin).add_(grad.narrow(axis, side + margin, margin).flip(axis))
            grad = middle
        return grad, None


def narrow(image: Tensor) -> Tensor:
    """The image in the precision of the convolutions that come: what moves it then moves half as much."""
    kind = image.device.type
    return image.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else image


def in_blocks(image: Tensor, b: int) -> Tensor:
    """Blocks of b×b pixels of (N, C, H, W) as channels, place first: (N, b²·C', H/b, W/b), C' = C rounded up to 4s."""
    image = F.pad(image, (0, 0, 0, 0, 0, -image.shape[1] % 4))
    n, channels, height, width = image.shape
    cut = image.reshape(n, channels, height // b, b, width // b, b)
    laid = cut.permute(0, 2, 4, 3, 5, 1).reshape(n, height // b, width // b, b * b * channels)
    return laid.permute(0, 3, 1, 2)


def shifted_kernels(weight: Tensor, b: int) -> Tensor:
    """A (D, C, k, k) kernel at each place of a block: (b², D, C, k', k'), k' the multiple of b that holds them all."""
    side = weight.shape[-1] + b - 1
    extra = -side % b
    moved = [F.pad(weight, (j, b - 1 - j + extra, i, b - 1 - i + extra)) for i in range(b) for j in range(b)]
    return torch.stack(moved)


def kernel_on_blocks(weight: Tensor, b: int, channels: int) -> Tensor:
    """Kernels on pixels, (P, D, C, k, k), to one on blocks of b×b pixels: (P·D, b²·channels, k/b, k/b).

    Args:
        weight: k a multiple of b.
        b: side of a block.
        channels: of the blocked picture, C or more; weights of the others are zero.
    """
    places, outputs, own, k, _ = weight.shape
    weight = F.pad(weight.flatten(0, 1), (0, 0, 0, 0, 0, channels - own))
    cut = weight.view(places * outputs, channels, k // b, b, k // b, b)
    kernel = cut.permute(0, 3, 5, 1, 2, 4).reshape(places * outputs, b * b * channels, k // b, k // b)
    return kernel.contiguous(memory_format=torch.channels_last)
