"""A small unconditional generator.

Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis", 2021: gated
convolutions from a 4×4 seed, noise on every scale, and skip-layer excitation (section 3.1), by which the small scales
choose channels of the large ones.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

LATENT = 256


class _Noise(nn.Module):
    """A learnt amount of noise, one pattern for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount * torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=x.dtype)


def _gated(in_channels: int, out_channels: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, 2 * out_channels, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(2 * out_channels), nn.GLU(1)]


def _noisy(in_channels: int, out_channels: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, 2 * out_channels, 3, padding=1, bias=False)
    return [convolution, _Noise(), nn.BatchNorm2d(2 * out_channels), nn.GLU(1)]


class _Excitation(nn.Module):
    """Channel weights for a large scale, from a small one."""

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Conv2d(small, large, 4), nn.SiLU(), nn.Conv2d(large, large, 1), nn.Sigmoid()
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        weighted: Tensor = large * self.weigh(small)
        return weighted


class FastGenerator(nn.Module):
    """Latent to picture at 128 px.

    Args:
        width: channels at 128 px; 8 times as many at 4 px.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        c = [8 * width, 8 * width, 8 * width, 4 * width, 2 * width, width]  # at 4, 8, 16, 32, 64, 128 px
        self.seed = nn.Sequential(
            nn.ConvTranspose2d(LATENT, 2 * c[0], 4, bias=False), nn.BatchNorm2d(2 * c[0]), nn.GLU(1)
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), *_noisy(a, b), *_noisy(b, b))
            if i % 2
            else nn.Sequential(nn.Upsample(scale_factor=2), *_gated(a, b))
            for i, (a, b) in enumerate(pairwise(c))
        )
        self.excite64 = _Excitation(c[0], c[4])
        self.excite128 = _Excitation(c[1], c[5])
        self.head = nn.Conv2d(c[5], 3, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Draw from latent, (N, 256) of standard normal numbers: (N, 3, 128, 128) in [-1, 1]."""
        x4 = self.seed(latent[:, :, None, None])
        x8 = self.ups[0](x4)
        x32 = self.ups[2](self.ups[1](x8))
        x64 = self.excite64(x4, self.ups[3](x32))
        x128 = self.excite128(x8, self.ups[4](x64))
        return torch.tanh(self.head(x128))
