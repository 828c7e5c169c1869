"""EfficientNet-lite's blocks for GPUs: three kernels each where torch takes nine.

Between an expansion to many channels and the projection to few stand two biases, two ReLU6, a padding and a filter for
each channel. The 1×1 convolutions are matrix products that add their own biases, and one Triton kernel does all that is
between them, in one pass over memory each way; cuDNN's filters a channel are far from that with channels last. Weights
never change (`networks/efficientnet.py`), so there is a gradient of the picture alone.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
import triton
from torch import Tensor, nn

from anime2real.train.accelerated import depthwise_kernels
from anime2real.train.accelerated.convolutions import halved, narrow
from anime2real.train.accelerated.launches import channels_last, new_channels_last
from anime2real.train.networks.efficientnet import FoldedConvolution, InvertedResidual

TILE: Final = 8
"""Pixels a side that a program sees at most."""
NUMBERS: Final = 2048
"""Numbers that a program makes."""


def residual_forward(block: InvertedResidual, x: Tensor) -> Tensor:
    """`InvertedResidual.forward`: (N, C, H, W) to (N, D, H/stride, W/stride)."""
    *expansion, each, projection = block.layers
    assert isinstance(each, FoldedConvolution)
    assert isinstance(projection, FoldedConvolution)
    y = x
    for layer in expansion:  # its ReLU6 is the filter's first step; a second one of what comes from the stem is none
        assert isinstance(layer, FoldedConvolution)
        y = mixed(y, layer.weight, layer.bias)
    filters = each.weight.permute(2, 3, 1, 0).flatten(1)
    y = _Filtered.apply(narrow(y), filters, each.bias, each.stride)  # type: ignore[no-untyped-call]
    y = mixed(y, projection.weight, projection.bias)
    return x + y if block.skip else y


def lay_filters(network: nn.Module) -> None:
    """Lay the filters of each place beside those of all channels, as the kernels read them; the numbers stay."""
    for part in network.modules():
        if isinstance(part, FoldedConvolution) and part.groups > 1:
            part.weight = part.weight.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1)


def convolution_forward(convolution: FoldedConvolution, x: Tensor) -> Tensor:
    """`FoldedConvolution.forward`, of which blocks leave the stem alone: pixels in blocks where it halves a picture."""
    if convolution.stride != 2 or convolution.side != 3 or convolution.groups != 1:
        return FoldedConvolution.forward(convolution, x)
    # A fourth row and column of zeros, at the end where `SAME` pads.
    weight = F.pad(convolution.weight, (0, 1, 0, 1))
    y = halved(F.pad(narrow(x), (0, 2, 0, 2)), weight, convolution.bias)
    return F.relu6(y, inplace=True) if convolution.active else y


def mixed(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 1×1 convolution of (N, C, H, W) by (D, C, 1, 1) and its bias, as one matrix product: (N, D, H, W)."""
    n, channels, height, width = x.shape
    pixels = channels_last(x).permute(0, 2, 3, 1).reshape(-1, channels)
    return torch.addmm(bias, pixels, weight.flatten(1).t()).view(n, height, width, -1).permute(0, 3, 1, 2)


class _Filtered(torch.autograd.Function):
    """ReLU6, k×k filters (k, k·C) padded as `SAME` does, their biases, ReLU6."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        x, weight = channels_last(x), weight.contiguous()  # no copy where the filters were laid so
        height, width = (side // stride for side in x.shape[2:])
        out = new_channels_last(x, x.shape[1], height, width)
        if x.numel() >= 2**31:
            raise ValueError(f"{tuple(x.shape)} has too many numbers for 32-bit addresses: take a smaller batch")
        _launch(depthwise_kernels.filtered, [x, weight, bias, out], out, x, out, len(weight), stride)
        ctx.save_for_backward(x, weight, out)
        ctx.stride = stride
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        x, weight, out = ctx.saved_tensors
        grad_x, tensors = torch.empty_like(x), [x, weight, out, channels_last(grad)]
        _launch(depthwise_kernels.returned, [*tensors, grad_x], grad_x, x, out, len(weight), ctx.stride)
        return grad_x, None, None, None


def _launch(
    kernel: Any, tensors: list[Tensor], written: Tensor, x: Tensor, out: Tensor, side: int, stride: int
) -> None:
    """Launch a kernel that writes each pixel of `written` once."""
    n, channels, height, width = written.shape
    rows, columns = (min(TILE, triton.next_power_of_2(length)) for length in (height, width))
    group = min(triton.next_power_of_2(channels), NUMBERS // (rows * columns))
    programs = n * triton.cdiv(height, rows) * triton.cdiv(width, columns) * triton.cdiv(channels, group)
    # `SAME` pads a halved picture by one less at its start than at its end.
    before = (side - 2) // 2 if stride == 2 else (side - 1) // 2
    kernel[(programs,)](
        *tensors, channels, *x.shape[2:], *out.shape[2:], SIDE=side, STRIDE=stride, BEFORE=before,
        TH=rows, TW=columns, CHANNELS=group, num_warps=4,
    )  # fmt: skip
