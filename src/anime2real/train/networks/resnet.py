"""The ResNet generator of CycleGAN, with resize-convolution in place of transposed convolution.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017, appendix 7.2:
c7s1-64, d128, d256, nine R256, u128, u64, c7s1-3. Odena et al., "Deconvolution and Checkerboard Artifacts", 2016, for
the resize-convolution.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON: Final = 1e-5


class InstanceNorm(nn.Module):
    """Instance normalisation without affine parameters: each channel of each picture to mean 0 and variance 1.

    Written out rather than `nn.InstanceNorm2d`, which reshapes to (1, N*C, H, W): that breaks the channels-last layout,
    costs two copies a layer, and has been miscompiled by torch 2.11. Statistics are kept in fp32. Same function.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x: (N, C, H, W)."""
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), keepdim=True, correction=0)
        return ((x - mean) * torch.rsqrt(variance + EPSILON)).to(x.dtype)


class ResizeConvolution(nn.Module):
    """Nearest-neighbour doubling, then a 3×3 convolution with zero padding: (N, C, H, W) to (N, D, 2H, 2W).

    Computed without the doubled picture: of the nine taps, each output phase sees only 2×2 distinct pixels, so the
    3×3 kernel folds into a 4×4 transposed convolution of stride 2. Same function, 4/9 of the multiplications.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        # Tap k of the 3-tap kernel reaches taps k and k+1 of the 4-tap one: doubling writes each pixel twice.
        fold = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
        self.register_buffer("fold", fold, persistent=False)
        self.fold: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Double and convolve x: (N, C, H, W)."""
        # Transposed convolution correlates with the flipped kernel.
        kernel = torch.einsum("oihw,hy,wx->ioyx", self.convolution.weight.flip(2, 3), self.fold, self.fold)
        return F.conv_transpose2d(x, kernel, self.convolution.bias, stride=2, padding=1)


class ResidualBlock(nn.Module):
    """R256: two reflection-padded 3×3 convolutions with instance norm, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        y = torch.relu(self.norm(self.first(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        return x + self.norm(self.second(F.pad(y, (1, 1, 1, 1), mode="reflect")))


class Encoder(nn.Module):
    """c7s1-w, d2w, d4w: (N, 3, H, W) to (N, 4w, H/4, W/4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 7)
        self.down1 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)
        self.norm = InstanceNorm()

    def forward(self, image: Tensor) -> Tensor:
        """Encode image: (N, 3, H, W)."""
        x = torch.relu(self.norm(self.stem(F.pad(image, (3, 3, 3, 3), mode="reflect"))))
        x = torch.relu(self.norm(self.down1(x)))
        return torch.relu(self.norm(self.down2(x)))


class Decoder(nn.Module):
    """u2w, uw, c7s1-3: (N, 4w, H/4, W/4) to (N, 3, H, W) in [-1, 1]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up1 = ResizeConvolution(4 * width, 2 * width)
        self.up2 = ResizeConvolution(2 * width, width)
        self.head = nn.Conv2d(width, 3, 7)
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        """Decode x: (N, 4w, H/4, W/4)."""
        x = torch.relu(self.norm(self.up1(x)))
        x = torch.relu(self.norm(self.up2(x)))
        return torch.tanh(self.head(F.pad(x, (3, 3, 3, 3), mode="reflect")))


class ResNetGenerator(nn.Module):
    """CycleGAN's generator, 11.4 M parameters at its published size.

    Args:
        width: channels after the first layer (64 in the paper).
        blocks: residual blocks at a quarter of the resolution (nine in the paper's larger network).
    """

    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.encoder = Encoder(width)
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(blocks)))
        self.decoder = Decoder(width)

    def forward(self, image: Tensor) -> Tensor:
        """Translate image: (N, 3, H, W) in [-1, 1], H and W multiples of 4, to the same."""
        output: Tensor = self.decoder(self.blocks(self.encoder(image)))
        return output

    def compile_parts(self) -> None:
        """Compile encoder, block and decoder, each once: the nine blocks share the code of one."""
        self.encoder.compile(dynamic=False)
        for block in self.blocks:
            block.compile(dynamic=False)
        self.decoder.compile(dynamic=False)


def initialise(network: nn.Module, std: float = 0.02) -> None:
    """Draw convolution weights from N(0, std²) and zero the biases, as CycleGAN does."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
