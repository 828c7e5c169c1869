"""RRDBNet, which enlarges a picture by four: the generator of ESRGAN and Real-ESRGAN.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018, section 3.1 and figure 4, has
the network; Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", 2021, has
the training by which its published weights came about.
"""

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.ncnn import Convolution, ModelError

SCALE: Final = 4
RESIDUAL: Final = 0.2
"""β: what a block computes is added to its input by this share."""

OUTSIDE_BLOCKS: Final = 6
IN_A_BLOCK: Final = 15
"""Convolutions of the network: 6 + 15 a block."""


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    """3×3 with zeros around the picture: (N, I, H, W) to (N, O, H, W)."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it gave; the last is added to the input.

    Args:
        channels: C.
        growth: channels that each of the first four adds.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(convolution(channels + i * growth, growth) for i in range(4))
        self.last = convolution(channels + 4 * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        seen = x
        for layer in self.layers:
            seen = torch.cat([seen, leaky(layer(seen))], dim=1)
        added: Tensor = x + RESIDUAL * self.last(seen)
        return added


class ResidualInResidual(nn.Module):
    """RRDB: three dense blocks, added to the input: (N, C, H, W) to the same."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(DenseBlock(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + RESIDUAL * self.dense(x)
        return added


class RRDBNet(nn.Module):
    """The network. Its convolutions are made in the order in which they compute, which is that of ncnn's files.

    Args:
        blocks: 6 for drawings, 23 for photographs.
        channels, growth: 64 and 32 as published.
    """

    def __init__(self, blocks: int, channels: int = 64, growth: int = 32) -> None:
        super().__init__()
        self.first = convolution(3, channels)
        self.blocks = nn.Sequential(*(ResidualInResidual(channels, growth) for _ in range(blocks)))
        self.after_blocks = convolution(channels, channels)
        self.up1 = convolution(channels, channels)
        self.up2 = convolution(channels, channels)
        self.fine = convolution(channels, channels)
        self.last = convolution(channels, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge image: (N, 3, H, W), RGB in [0, 1], to (N, 3, 4H, 4W), which may pass these limits a little."""
        x = self.first(image)
        x = x + self.after_blocks(self.blocks(x))
        for up in (self.up1, self.up2):
            x = leaky(up(F.interpolate(x, scale_factor=2, mode="nearest")))
        enlarged: Tensor = self.last(leaky(self.fine(x)))
        return enlarged


def with_weights(convolutions: Sequence[Convolution], name: str) -> RRDBNet:
    """The network that these convolutions are of, in the order in which they compute.

    Args:
        convolutions: of an RRDBNet of any size.
        name: of the model, for an error.

    Raises:
        ModelError: they are of another network.
    """
    blocks, left = divmod(len(convolutions) - OUTSIDE_BLOCKS, IN_A_BLOCK)
    if blocks < 1 or left:
        raise ModelError(f"{name} is no RRDBNet: it has {len(convolutions)} convolutions")
    channels, growth = len(convolutions[0].bias), len(convolutions[1].bias)
    network = RRDBNet(blocks, channels, growth)
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for place, (layer, given) in enumerate(zip(layers, convolutions, strict=True)):
        if layer.weight.shape != given.weight.shape:
            raise ModelError(f"{name} is no RRDBNet: its convolution {place} is {given.weight.shape}")
        layer.weight.data.copy_(torch.from_numpy(given.weight))
        assert layer.bias is not None
        layer.bias.data.copy_(torch.from_numpy(given.bias))
    return network.eval().requires_grad_(False)
