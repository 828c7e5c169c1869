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

    A convolution before it needs no bias: the mean takes it out. The moments are fp32 sums whatever the precision of x.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x: (N, C, H, W)."""
        wide = x.float()
        mean = wide.mean((2, 3), keepdim=True)
        variance = (wide.square().mean((2, 3), keepdim=True) - mean.square()).clamp_min(0.0)
        return ((wide - mean) * torch.rsqrt(variance + EPSILON)).to(x.dtype)


class ResizeConvolution(nn.Module):
    """Nearest-neighbour doubling, then a 3×3 convolution: (N, C, H, W) to (N, D, 2H, 2W).

    Computed without the doubled picture, by 4/9 of the multiplications: of the nine taps each of the four output phases
    sees 2×2 distinct pixels, so one 2×2 convolution to 4·D channels does it.

    Args:
        in_channels, out_channels: C and D.
        bias: whether to add one.
        reflects: the doubled picture is padded by reflection, else by zeros.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False, reflects: bool = False) -> None:
        super().__init__()
        self.reflects = reflects
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
        # fold[phase, tap of 2, tap of 3]: an even output pixel sees its left neighbour once and itself twice.
        fold = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
        self.register_buffer("fold", fold, persistent=False)
        self.fold: Tensor

    def kernel(self) -> Tensor:
        """The folded kernel: (4·D, C, 2, 2), the four phases (row, column) one after another."""
        weight = self.convolution.weight
        outputs, inputs = weight.shape[:2]
        with torch.autocast(weight.device.type, enabled=False):
            taps = torch.einsum("ayh,bxw->hwabyx", self.fold, self.fold).reshape(9, 16)
            kernel = (weight.flatten(2) @ taps).view(outputs, inputs, 2, 2, 2, 2)
        kernel = kernel.permute(2, 3, 0, 1, 4, 5).flatten(0, 2)
        return kernel.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Double and convolve x: (N, C, H, W)."""
        if not self.reflects:
            return self._doubled(x)
        # Of a doubled picture, reflection repeats the edge of the one before.
        return self._doubled(edge_repeated(x))[:, :, 2:-2, 2:-2]

    def _doubled(self, x: Tensor) -> Tensor:
        """With zeros around the doubled picture."""
        outputs, bias = self.convolution.out_channels, self.convolution.bias
        n, _, height, width = x.shape
        phases = F.conv2d(x, self.kernel(), padding=1).view(n, 2, 2, outputs, height + 1, width + 1)
        rows = [
            torch.stack([phases[:, a, b, :, a : a + height, b : b + width] for b in (0, 1)], dim=-1) for a in (0, 1)
        ]
        doubled = torch.stack(rows, dim=3).reshape(n, outputs, 2 * height, 2 * width)
        return doubled if bias is None else doubled + bias.view(1, -1, 1, 1)


def edge_repeated(x: Tensor) -> Tensor:
    """(N, C, H, W) with its outermost pixels once more on each side: (N, C, H + 2, W + 2)."""
    x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
    return torch.cat([x[:, :, :, :1], x, x[:, :, :, -1:]], dim=3)


class WideConvolution(nn.Module):
    """c7s1: a 7×7 convolution with reflection padding, (N, C, H, W) to (N, D, H, W).

    Args:
        in_channels, out_channels: C and D.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 7, padding=3, padding_mode="reflect", bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x: (N, C, H, W)."""
        convolved: Tensor = self.convolution(x)
        return convolved


class ResidualBlock(nn.Module):
    """R256: two reflection-padded 3×3 convolutions with instance norm, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        y = torch.relu(self.norm(self.first(x)))
        translated: Tensor = x + self.norm(self.second(y))
        return translated


class ModulatedBlock(ResidualBlock):
    """A residual block whose norms are followed by a scale and a shift that a code decides.

    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", 2018, equation 2. Behind the norm, where
    nothing subtracts it; starts as the plain block.

    Args:
        channels: C.
        code: numbers in the code.
    """

    def __init__(self, channels: int, code: int) -> None:
        super().__init__(channels)
        self.modulate = nn.Linear(code, 4 * channels)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """(N, C, H, W) and (N, code) to (N, C, H, W)."""
        assert code is not None
        values = self.modulate(code)[:, :, None, None].to(x.dtype)
        scale1, shift1, scale2, shift2 = values.chunk(4, dim=1)
        y = self.norm(self.first(x))
        y = torch.relu(y * (1 + scale1) + shift1)
        y = self.norm(self.second(y))
        modulated: Tensor = x + y * (1 + scale2) + shift2
        return modulated


class Blocks(nn.Sequential):
    """Residual blocks, one after another; modulated ones all by the same code."""

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """(N, C, H, W), and (N, code) for modulated blocks, to (N, C, H, W)."""
        for block in self:
            x = block(x) if code is None else block(x, code)
        return x


class Encoder(nn.Module):
    """c7s1-w, d2w, d4w: (N, C, H, W) to (N, 4w, H/4, W/4)."""

    def __init__(self, width: int, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = WideConvolution(in_channels, width, bias=False)
        self.down1 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1, bias=False)
        self.norm = InstanceNorm()

    def forward(self, image: Tensor) -> Tensor:
        """Encode image: (N, C, H, W)."""
        x = torch.relu(self.norm(self.stem(image)))
        x = torch.relu(self.norm(self.down1(x)))
        return torch.relu(self.norm(self.down2(x)))


class Decoder(nn.Module):
    """u2w, uw, c7s1-3: (N, 4w, H/4, W/4) to (N, D, H, W) in [-1, 1], D 3 by default."""

    def __init__(self, width: int, out_channels: int = 3) -> None:
        super().__init__()
        self.up1 = ResizeConvolution(4 * width, 2 * width)
        self.up2 = ResizeConvolution(2 * width, width)
        self.head = WideConvolution(width, out_channels, bias=True)
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        """Decode x: (N, 4w, H/4, W/4)."""
        x = torch.relu(self.norm(self.up1(x)))
        x = torch.relu(self.norm(self.up2(x)))
        return torch.tanh(self.head(x))


class ResNetGenerator(nn.Module):
    """CycleGAN's generator, 11.4 M parameters at its published size.

    With `unshuffle` r the whole network works at an r-th of the resolution: r×r pixels come in as channels of one place
    (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network", 2016, and its inverse), and leave so. Twice as large a picture then costs hardly more.

    Args:
        width: channels after the first layer (64 in the paper).
        blocks: residual blocks at a quarter of the resolution (nine in the paper's larger network).
        in_channels: C, of the picture and whatever is appended to it.
        code: numbers that modulate the blocks; 0 for plain ones.
        unshuffle: r; 1 for the published network.
    """

    def __init__(
        self, width: int = 64, blocks: int = 9, in_channels: int = 3, code: int = 0, unshuffle: int = 1
    ) -> None:
        super().__init__()
        self.unshuffle = unshuffle
        self.encoder = Encoder(width, in_channels * unshuffle**2)
        self.blocks = Blocks(
            *(ModulatedBlock(4 * width, code) if code else ResidualBlock(4 * width) for _ in range(blocks))
        )
        self.decoder = Decoder(width, 3 * unshuffle**2)

    def forward(self, image: Tensor, code: Tensor | None = None) -> Tensor:
        """Translate image: (N, C, H, W), pictures in [-1, 1], H and W multiples of 4r, to (N, 3, H, W) in [-1, 1]."""
        if self.unshuffle > 1:
            image = F.pixel_unshuffle(image, self.unshuffle)
        output: Tensor = self.decoder(self.blocks(self.encoder(image), code))
        return F.pixel_shuffle(output, self.unshuffle) if self.unshuffle > 1 else output


def initialise(network: nn.Module, std: float = 0.02) -> None:
    """Draw convolution weights from N(0, std²) and zero the biases, as CycleGAN does."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
