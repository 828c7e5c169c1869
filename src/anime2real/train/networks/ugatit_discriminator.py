"""U-GAT-IT's discriminators: one that sees patches, one that sees nearly everything, both with attention.

Kim et al., ICLR 2020, appendix; layers as in the authors' code: five in the local one (70×70 patches), seven in the
global one, spectral norm on all but the 1×1 convolution, reflection padding, leaky ReLU of slope 0.2, no other norm.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.spectral_norm import spectrally_normed
from anime2real.train.networks.ugatit import Attention, draw_weights

SLOPE: Final = 0.2

SETTLING: Final = 15
"""Power iterations at the start, so that the first scores are of about the right size."""


class SpectralConvolution(nn.Conv2d):
    """A 4×4 convolution, reflection-padded by 1, its kernel divided by its largest singular value.

    The left singular vector is a buffer, changed in place: checkpoints hold it, and a captured CUDA graph moves it.

    Args:
        in_channels, out_channels: C and D.
        stride: of the convolution.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, 4, stride=stride, bias=bias)
        draw_weights(self)
        self.register_buffer("left", F.normalize(torch.randn(out_channels), dim=0))
        self.left: Tensor
        with torch.no_grad():
            for _ in range(SETTLING):
                self.normed_weight()

    def normed_weight(self) -> Tensor:
        """The kernel (D, C, 4, 4) over its largest singular value; each call in training moves the stored vector."""
        return spectrally_normed(self.weight, self.left, self.training, self.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x: (N, C, H, W)."""
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.normed_weight(), self.bias, self.stride)


class CAMDiscriminator(nn.Module):
    """Scores patches, and the whole picture by its attention's classifiers.

    Args:
        width: channels of the first layer.
        layers: convolutions, the scoring one included, the attention's not; all but two halve the picture.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        channels = [3, *(width * 2**i for i in range(layers - 1))]
        self.convolutions = nn.ModuleList(
            SpectralConvolution(channels[i], channels[i + 1], stride=1 if i == layers - 2 else 2)
            for i in range(layers - 1)
        )
        self.attention = Attention(channels[-1], SLOPE, spectral=True)
        draw_weights(self.attention)
        self.score = SpectralConvolution(channels[-1], 1, stride=1, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Score image: (N, 3, H, W) in [-1, 1]: (N, 1, h, w) of its patches, (N, 2) of the whole, both unbounded."""
        x = image
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), SLOPE)
        attended, logits = self.attention(x)
        return self.score(attended), logits


class DiscriminatorPair(nn.Module):
    """The local and the global discriminator of a domain.

    Args:
        width: channels of their first layers.
        local_layers, global_layers: of each (5 and 7 in the authors' code).
    """

    def __init__(self, width: int = 64, local_layers: int = 5, global_layers: int = 7) -> None:
        super().__init__()
        self.local_discriminator = CAMDiscriminator(width, local_layers)
        self.global_discriminator = CAMDiscriminator(width, global_layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        """The four results for image, (N, 3, H, W) in [-1, 1]: local scores and logits, global scores and logits."""
        return [*self.local_discriminator(image), *self.global_discriminator(image)]


def min_side(layers: int) -> int:
    """The least S that a discriminator of so many layers takes: two pixels are left to pad by reflection at its end."""
    return int(3 * 2 ** (layers - 2))
