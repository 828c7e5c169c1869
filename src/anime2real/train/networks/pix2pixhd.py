"""The networks of pix2pixHD: a coarse-to-fine generator, and conditional discriminators over a pyramid.

Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs", 2018, section 3.1
(generator), 3.2 (discriminators) and the appendix (widths), in whose notation the global generator is c7s1-64, d128,
d256, d512, d1024, nine R1024, u512, u256, u128, u64, c7s1-3, the local enhancer c7s1-32, d64, three R64, u32, c7s1-3,
and a discriminator C64-C128-C256-C512. 182 M weights, nearly all of them in the nine blocks.

Two departures. Resolution is doubled by resize-convolution (see `resnet.py`), with as many weights as the paper's
transposed convolution, and without its checkerboards; it is halved by the mean of 2×2 pixels, not of 3×3.
"""

from itertools import pairwise
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.resnet import Blocks, InstanceNorm, ResidualBlock, ResizeConvolution, WideConvolution
from anime2real.train.networks.source import Source

Stage = Literal["global", "enhancer", "both"]
"""What is trained: the global generator at half the resolution, the local enhancer in front of it, or both."""

SLOPE: Final = 0.2


def halved(x: Tensor) -> Tensor:
    """(N, C, H, W) at half the resolution, each pixel the mean of 2×2; H and W even, else the last one goes."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    blocks = x[:, :, : 2 * height, : 2 * width].unflatten(3, (width, 2)).unflatten(2, (height, 2))
    reduced: Tensor = blocks.mean((3, 5))
    return reduced


class GlobalGenerator(nn.Module):
    """G1: (N, C, H, W) to (N, 3, H, W) in [-1, 1]; H and W multiples of 2 to the power of `downsamplings`.

    Args:
        in_channels: C.
        width: channels after the first layer (64 in the paper).
        downsamplings: times that the resolution is halved and the channels are doubled (4 in the paper).
        blocks: residual blocks at the lowest resolution (9 in the paper).
    """

    def __init__(self, in_channels: int, width: int, downsamplings: int, blocks: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(downsamplings + 1)]
        self.stem = WideConvolution(in_channels, width, bias=False)
        self.down = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1, bias=False) for fine, coarse in pairwise(widths)
        )
        self.blocks = Blocks(*(ResidualBlock(widths[-1]) for _ in range(blocks)))
        self.up = nn.ModuleList(ResizeConvolution(coarse, fine) for coarse, fine in pairwise(reversed(widths)))
        self.head = WideConvolution(width, 3, bias=True)
        self.norm = InstanceNorm()

    def features(self, source: Tensor) -> Tensor:
        """What its last layer draws from: (N, width, H, W)."""
        x = torch.relu(self.norm(self.stem(source)))
        for layer in self.down:
            x = torch.relu(self.norm(layer(x)))
        x = self.blocks(x)
        for layer in self.up:
            x = torch.relu(self.norm(layer(x)))
        return x

    def forward(self, source: Tensor) -> Tensor:
        """Draw source: (N, C, H, W)."""
        return torch.tanh(self.head(self.features(source)))


class LocalEnhancer(nn.Module):
    """G2: (N, C, H, W) and features of the global generator, (N, width, H/2, W/2), to (N, 3, H, W) in [-1, 1].

    Args:
        in_channels: C.
        width: channels of those features; its own first layer has half as many.
        blocks: residual blocks at half the resolution (3 in the paper).
    """

    def __init__(self, in_channels: int, width: int, blocks: int) -> None:
        super().__init__()
        narrow = max(1, width // 2)
        self.stem = WideConvolution(in_channels, narrow, bias=False)
        self.down = nn.Conv2d(narrow, width, 3, stride=2, padding=1, bias=False)
        self.blocks = Blocks(*(ResidualBlock(width) for _ in range(blocks)))
        self.up = ResizeConvolution(width, narrow)
        self.head = WideConvolution(narrow, 3, bias=True)
        self.norm = InstanceNorm()

    def forward(self, source: Tensor, features: Tensor) -> Tensor:
        """Draw source: (N, C, H, W), from the sum of its own features and the global generator's (figure 2)."""
        x = torch.relu(self.norm(self.stem(source)))
        x = torch.relu(self.norm(self.down(x)))
        x = self.blocks(x + features)
        x = torch.relu(self.norm(self.up(x)))
        return torch.tanh(self.head(x))


class CoarseToFineGenerator(nn.Module):
    """A translator (N, 3, S, S) in [-1, 1] to the same, S a multiple of 2 to the power of `downsamplings` + 1.

    Attributes:
        stage: what is trained; in `global` the enhancer, not yet trained, is passed over.

    Args:
        source: what it makes of pictures or label maps.
        width, downsamplings, blocks: of the global generator.
        enhancer_blocks: of the local enhancer.
    """

    def __init__(self, source: Source, width: int, downsamplings: int, blocks: int, enhancer_blocks: int) -> None:
        super().__init__()
        self.stage: Stage = "both"
        self.source = source
        self.coarse = GlobalGenerator(source.channels, width, downsamplings, blocks)
        self.enhancer = LocalEnhancer(source.channels, width, enhancer_blocks)

    def at_stage(self, picture: Tensor) -> Tensor:
        """(N, C, S, S) at the resolution that the stage trains at."""
        return halved(picture) if self.stage == "global" else picture

    def draw(self, source: Tensor) -> Tensor:
        """(N, C, H, W), channels of `Source` at the stage's resolution, to (N, 3, H, W) in [-1, 1]."""
        if self.stage == "global":
            drawn: Tensor = self.coarse(source)
            return drawn
        enhanced: Tensor = self.enhancer(source, self.coarse.features(halved(source)))
        return enhanced

    def forward(self, image: Tensor) -> Tensor:
        """Translate image: (N, 3, S, S)."""
        drawn = self.draw(self.at_stage(self.source(image)))
        if self.stage != "global":
            return drawn
        return F.interpolate(drawn, scale_factor=2, mode="bilinear", align_corners=False)


class FeatureDiscriminator(nn.Module):
    """A PatchGAN that shows its layers: (N, C, H, W) to a feature map of each of its four, then scores (N, 1, h, w).

    Args:
        in_channels: C, of what is given and the picture, scored together.
        width: channels of the first layer (64 in the paper).
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        widths = [in_channels, width, 2 * width, 4 * width, 8 * width]
        # Padding 2, as in the authors' code: pictures of a few pixels have scores, too.
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=1 if place == 3 else 2, padding=2, bias=place == 0)
            for place, (before, after) in enumerate(pairwise(widths))
        )
        self.score = nn.Conv2d(8 * width, 1, 4, stride=1, padding=2)
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features and scores of x: (N, C, H, W)."""
        found = []
        for place, layer in enumerate(self.layers):
            x = layer(x)
            x = F.leaky_relu(self.norm(x) if place else x, SLOPE)
            found.append(x)
        return [*found, self.score(x)]


class MultiScaleDiscriminator(nn.Module):
    """D1, D2 …: one network each for the picture, its half, its quarter … (section 3.2).

    Args:
        in_channels: of what is given and the picture together.
        width: of each.
        count: how many (3 in the paper).
    """

    def __init__(self, in_channels: int, width: int, count: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(FeatureDiscriminator(in_channels, width) for _ in range(count))

    def forward(self, source: Tensor, picture: Tensor) -> list[list[Tensor]]:
        """What each finds in pictures (N, 3, H, W) made of `source` (N, C, H, W)."""
        x = torch.cat([source, picture], dim=1)
        found = []
        for place, discriminator in enumerate(self.scales):
            x = halved(x) if place else x
            found.append(discriminator(x))
        return found
