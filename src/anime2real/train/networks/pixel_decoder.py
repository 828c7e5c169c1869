"""A decoder whose last layers work at the picture's own resolution.

`ugatit.LayerInstanceDecoder` behind `unshuffle=2` makes 12 channels at half the resolution and shuffles them into
place: other weights draw each of four neighbours, and a lattice of two pixels lies over every result. Here residual
blocks at a quarter and at half of the resolution refine what the code holds, the last doubling is bilinear, which
treats all phases alike, and plain convolutions without norms draw the picture at full resolution:

    up1 LIN | block | up2 LIN | block | 3×3 to `fine` LIN | bilinear ×2 | 3×3 | 3×3 | 3×3 to RGB

The generator has one adaptive block fewer, at an eighth of the resolution, so that its file stays below 12 MB.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.resnet import ResizeConvolution
from anime2real.train.networks.ugatit import LayerInstanceNorm, UGATITGenerator, draw_weights

SLOPE: Final = 0.2

FINE: Final = 32
"""Channels at the picture's own resolution, of a decoder of width 48."""


class LayerBlock(nn.Module):
    """A residual block whose norms are LIN; its second norm's scale starts at 0, where the block changes nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.norm1, self.norm2 = LayerInstanceNorm(channels), LayerInstanceNorm(channels)
        nn.init.zeros_(self.norm2.gamma)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        y = torch.relu(self.norm1(self.first(x)))
        refined: Tensor = x + self.norm2(self.second(y))
        return refined


class PixelDecoder(nn.Module):
    """(N, 4w, S/8, S/8) to (N, 3, S, S) in [-1, 1].

    Args:
        width: w.
        fine: channels at the picture's own resolution.
    """

    def __init__(self, width: int, fine: int) -> None:
        super().__init__()
        self.up1, self.norm1 = ResizeConvolution(4 * width, 2 * width, reflects=True), LayerInstanceNorm(2 * width)
        self.block1 = LayerBlock(2 * width)
        self.up2, self.norm2 = ResizeConvolution(2 * width, width, reflects=True), LayerInstanceNorm(width)
        self.block2 = LayerBlock(width)
        self.narrow = nn.Conv2d(width, fine, 3, padding=1, padding_mode="reflect", bias=False)
        self.norm3 = LayerInstanceNorm(fine)
        self.fine1 = nn.Conv2d(fine, fine, 3, padding=1, padding_mode="reflect")
        self.fine2 = nn.Conv2d(fine, fine, 3, padding=1, padding_mode="reflect")
        self.head = nn.Conv2d(fine, 3, 3, padding=1, padding_mode="reflect")

    def draw_weights(self) -> None:
        """Draw all weights; those with no norm behind them so that activations keep their size (He et al., 2015)."""
        draw_weights(self)
        for layer in (self.fine1, self.fine2):
            nn.init.kaiming_normal_(layer.weight, SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        """Decode x: (N, 4w, S/8, S/8)."""
        x = self.block1(torch.relu(self.norm1(self.up1(x))))
        x = self.block2(torch.relu(self.norm2(self.up2(x))))
        x = doubled(torch.relu(self.norm3(self.narrow(x))))
        for layer in (self.fine1, self.fine2):
            x = F.leaky_relu(layer(x), SLOPE)
        return torch.tanh(self.head(x))


class PixelGenerator(UGATITGenerator):
    """U-GAT-IT's generator with a `PixelDecoder`; it sees the picture as blocks of 2×2 pixels.

    Args:
        size: S, pixels a side, a multiple of 8.
        width: channels after the first layer.
        blocks: residual blocks before the attention; one fewer lies behind it.
        code: numbers that gamma and beta depend on, too.
    """

    def __init__(self, size: int, width: int, blocks: int, code: int = 0) -> None:
        super().__init__(size, width, blocks, code=code, unshuffle=2)
        self.adaptive_blocks = self.adaptive_blocks[: max(1, blocks - 1)]
        self.decoder: nn.Module = PixelDecoder(width, max(8, FINE * width // 48 // 8 * 8))
        self.decoder.draw_weights()

    def _decoded(self, x: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(x)
        return decoded


def doubled(x: Tensor) -> Tensor:
    """Bilinear enlargement by two of (N, C, H, W), its edge repeated.

    On a GPU by slices and sums, whose gradients need no atomic additions: the same input gives the same bits.
    """
    return by_slices(x) if x.is_cuda else F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def by_slices(x: Tensor) -> Tensor:
    """What `doubled` does on a GPU."""
    twice: Tensor = _Doubled.apply(x)  # type: ignore[no-untyped-call]
    return twice


class _Doubled(torch.autograd.Function):
    """Of each two new pixels one lies a quarter of the way to the pixel before, one to the pixel after; the gradient
    takes the same ways back. Torch's own, of slices, adds pictures that are zero but for an edge."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        for axis in (2, 3):
            side = x.shape[axis]
            before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, side - 1)], axis)
            after = torch.cat([x.narrow(axis, 1, side - 1), x.narrow(axis, side - 1, 1)], axis)
            both = torch.stack([torch.lerp(x, before, 0.25), torch.lerp(x, after, 0.25)], axis + 1)
            x = both.flatten(axis, axis + 1)
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(_: Any, grad: Tensor) -> Tensor:
        for axis in (3, 2):
            side = grad.shape[axis] // 2
            first, second = grad.unflatten(axis, (side, 2)).unbind(axis + 1)
            own = torch.add(first, second).mul_(0.75)
            own.narrow(axis, 0, side - 1).add_(first.narrow(axis, 1, side - 1), alpha=0.25)
            own.narrow(axis, 0, 1).add_(first.narrow(axis, 0, 1), alpha=0.25)
            own.narrow(axis, 1, side - 1).add_(second.narrow(axis, 0, side - 1), alpha=0.25)
            own.narrow(axis, side - 1, 1).add_(second.narrow(axis, side - 1, 1), alpha=0.25)
            grad = own
        return grad
