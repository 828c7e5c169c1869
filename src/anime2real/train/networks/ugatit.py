"""U-GAT-IT's generator: attention from an auxiliary classifier, and norms that choose between instance and layer.

Kim et al., "U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive Layer-Instance Normalization for
Image-to-Image Translation", ICLR 2020. Layer by layer as in the authors' PyTorch code (znxlwm/UGATIT-pytorch), which
has no biases before norms, in the classifiers and in the last convolution, and starts AdaLIN's rho at 0.9. (The paper
starts it at 1; their TensorFlow code, taki0112/UGATIT, there too, and subtracts 0.1 from what is learned.) Two
departures: the variances are equation 1's, where the PyTorch code takes variances of variances; the weights start from
N(0, 0.02²), as the paper says.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.resnet import (
    EPSILON,
    Blocks,
    InstanceNorm,
    ResidualBlock,
    ResizeConvolution,
    WideConvolution,
    initialise,
)

ADAPTIVE_RHO: Final = 0.9
"""Where AdaLIN's rho starts: mostly instance norm. LIN's starts at 0, layer norm."""

STD: Final = 0.02
"""Standard deviation of the weights at the start."""


class LayerInstanceNorm(nn.Module):
    """LIN: equation 1 with a scale and a shift that are learned, for the decoder's end.

    Args:
        channels: C.
        rho: where the share of instance norm starts, in [0, 1].
    """

    def __init__(self, channels: int, rho: float = 0.0) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((channels,), rho))
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x: (N, C, H, W)."""
        return layer_instance_norm(x, self.rho, self.gamma[None], self.beta[None])


class AdaptiveLayerInstanceNorm(nn.Module):
    """AdaLIN: equation 1 with a scale and a shift that the picture decides.

    Args:
        channels: C.
        rho: where the share of instance norm starts, in [0, 1].
    """

    def __init__(self, channels: int, rho: float = ADAPTIVE_RHO) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((channels,), rho))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Normalise x: (N, C, H, W), with gamma and beta: (N, C)."""
        return layer_instance_norm(x, self.rho, gamma, beta)


def layer_instance_norm(x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Equation 1: gamma · (rho · a_I + (1 - rho) · a_L) + beta.

    a_I is x less its mean, over its standard deviation, taken over (H, W); a_L the same over (C, H, W). Both are affine
    in x, so the whole is one multiplication and one addition a number, and the layer's moments are the means of the
    channels'.

    Args:
        x: (N, C, H, W).
        rho: (C,) in [0, 1].
        gamma, beta: (N, C) or (1, C).
    """
    wide = x.float()
    mean, square = wide.mean((2, 3), keepdim=True), wide.square().mean((2, 3), keepdim=True)
    layer_mean, layer_square = mean.mean(1, keepdim=True), square.mean(1, keepdim=True)
    share = rho.float()[None, :, None, None]
    instance = share * torch.rsqrt((square - mean.square()).clamp_min(0.0) + EPSILON)
    layer = (1 - share) * torch.rsqrt((layer_square - layer_mean.square()).clamp_min(0.0) + EPSILON)
    scale, shift = gamma.float()[:, :, None, None], beta.float()[:, :, None, None]
    return (wide * (scale * (instance + layer)) + (shift - scale * (instance * mean + layer * layer_mean))).to(x.dtype)


@torch.no_grad()
def clip_rho(network: nn.Module) -> None:
    """Bring every rho back to [0, 1], in place and without a host read; after each optimizer step (section 2.1.1)."""
    for part in network.modules():
        if isinstance(part, LayerInstanceNorm | AdaptiveLayerInstanceNorm):
            part.rho.clamp_(0.0, 1.0)


class Attention(nn.Module):
    """Class-activation attention, section 2.1.1: features weighted by what tells the domains apart (Zhou et al., 2016).

    Two linear classifiers see the features' global average and global maximum; each one's weights w^k weigh the k-th
    feature map, a^k = w^k · E^k, and a 1×1 convolution mixes both sets of weighted maps.

    Args:
        channels: C.
        slope: of the leaky ReLU behind it; 0 is a plain one.
        spectral: classifiers under spectral norm, which also divides the weights that weigh the maps (in the authors'
            code only the logits'). A matrix of one row has one singular value, its length.
    """

    def __init__(self, channels: int, slope: float = 0.0, spectral: bool = False) -> None:
        super().__init__()
        self.slope, self.spectral = slope, spectral
        self.average = nn.Linear(channels, 1, bias=False)
        self.maximum = nn.Linear(channels, 1, bias=False)
        self.mix = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh x: (N, C, H, W), to the same, and the classifiers' logits (N, 2) in fp32: average, maximum."""
        weights = [linear.weight[0].float() for linear in (self.average, self.maximum)]
        if self.spectral:
            weights = [F.normalize(weight, dim=0) for weight in weights]
        pooled = x.float().mean((2, 3)), x.amax((2, 3)).float()
        logits = torch.stack([(p * w).sum(1) for p, w in zip(pooled, weights, strict=True)], dim=1)
        # Weighing and mixing are both linear: one 1×1 kernel does them, without the 2·C weighted maps.
        of_average, of_maximum = self.mix.weight[:, : x.shape[1]], self.mix.weight[:, x.shape[1] :]
        kernel = of_average * weights[0][None, :, None, None] + of_maximum * weights[1][None, :, None, None]
        mixed = F.conv2d(x, kernel, self.mix.bias)
        return F.leaky_relu(mixed, self.slope) if self.slope else torch.relu(mixed), logits


class ReflectingEncoder(nn.Module):
    """c7s1-w, d2w, d4w, padded by reflection throughout: (N, C, H, W), C 3 by default, to (N, 4w, H/4, W/4)."""

    def __init__(self, width: int, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = WideConvolution(in_channels, width, bias=False)
        self.down1 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, padding_mode="reflect", bias=False)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1, padding_mode="reflect", bias=False)
        self.norm = InstanceNorm()

    def forward(self, image: Tensor) -> Tensor:
        """Encode image: (N, C, H, W) in [-1, 1]."""
        x = torch.relu(self.norm(self.stem(image)))
        x = torch.relu(self.norm(self.down1(x)))
        return torch.relu(self.norm(self.down2(x)))


class Modulation(nn.Module):
    """The multilayer perceptron that reads gamma and beta from the attended features: (N, C, H, W) to two (N, C).

    Args:
        channels: C.
        places: H · W, all of which it reads; 1 for the light version, which reads the features' means.
        code: numbers that it reads as well; none in the paper.
    """

    def __init__(self, channels: int, places: int, code: int = 0) -> None:
        super().__init__()
        self.light = places == 1
        self.first = nn.Linear(channels * places + code, channels, bias=False)
        self.second = nn.Linear(channels, channels, bias=False)
        self.gamma = nn.Linear(channels, channels, bias=False)
        self.beta = nn.Linear(channels, channels, bias=False)

    def forward(self, x: Tensor, code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read x: (N, C, H, W), and (N, code) where it reads that."""
        read = x.mean((2, 3)) if self.light else x.flatten(1)
        read = read if code is None else torch.cat([read, code.to(read.dtype)], dim=1)
        read = torch.relu(self.second(torch.relu(self.first(read))))
        return self.gamma(read), self.beta(read)


class AdaptiveBlock(nn.Module):
    """A residual block whose norms are AdaLIN; one gamma and one beta serve both, and every block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)
        self.norm1 = AdaptiveLayerInstanceNorm(channels)
        self.norm2 = AdaptiveLayerInstanceNorm(channels)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """x: (N, C, H, W), with gamma and beta: (N, C), to (N, C, H, W)."""
        y = torch.relu(self.norm1(self.first(x), gamma, beta))
        adapted: Tensor = x + self.norm2(self.second(y), gamma, beta)
        return adapted


class LayerInstanceDecoder(nn.Module):
    """u2w, uw with LIN, c7s1-3: (N, 4w, H/4, W/4) to (N, D, H, W) in [-1, 1], D 3 by default."""

    def __init__(self, width: int, out_channels: int = 3) -> None:
        super().__init__()
        self.up1 = ResizeConvolution(4 * width, 2 * width, reflects=True)
        self.norm1 = LayerInstanceNorm(2 * width)
        self.up2 = ResizeConvolution(2 * width, width, reflects=True)
        self.norm2 = LayerInstanceNorm(width)
        self.head = WideConvolution(width, out_channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Decode x: (N, 4w, H/4, W/4)."""
        x = torch.relu(self.norm1(self.up1(x)))
        x = torch.relu(self.norm2(self.up2(x)))
        return torch.tanh(self.head(x))


class UGATITGenerator(nn.Module):
    """U-GAT-IT's generator, 10.6 M parameters at its published width when light.

    Args:
        size: S, pixels a side, a multiple of 4r; only the full version depends on it.
        width: channels after the first layer (64 in the paper).
        blocks: residual blocks before, and again behind the attention (four in the paper).
        light: gamma and beta from averaged features, rather than from all of them.
        code: numbers that gamma and beta depend on, too; none in the paper.
        unshuffle: r, as of `resnet.ResNetGenerator`; 1 for the published network.
    """

    def __init__(
        self, size: int, width: int = 64, blocks: int = 4, light: bool = True, code: int = 0, unshuffle: int = 1
    ) -> None:
        super().__init__()
        channels = 4 * width
        self.unshuffle = unshuffle
        self.encoder = ReflectingEncoder(width, 3 * unshuffle**2)
        self.blocks = Blocks(*(ResidualBlock(channels) for _ in range(blocks)))
        self.attention = Attention(channels)
        self.modulation = Modulation(channels, 1 if light else (size // (4 * unshuffle)) ** 2, code)
        self.adaptive_blocks = nn.ModuleList(AdaptiveBlock(channels) for _ in range(blocks))
        self.decoder: nn.Module = LayerInstanceDecoder(width, 3 * unshuffle**2)
        draw_weights(self)

    def forward(self, image: Tensor, code: Tensor | None = None) -> Tensor:
        """Translate image: (N, 3, S, S) in [-1, 1], and (N, code) where it has one, to the same."""
        return self.classified(image, code)[0]

    def classified(self, image: Tensor, code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The translation, and the logits (N, 2) that the picture was of the source domain."""
        x, logits = self._attended(image)
        gamma, beta = self.modulation(x, code)
        for block in self.adaptive_blocks:
            x = block(x, gamma, beta)
        return self._decoded(x), logits

    def _decoded(self, x: Tensor) -> Tensor:
        translated: Tensor = self.decoder(x)
        return F.pixel_shuffle(translated, self.unshuffle) if self.unshuffle > 1 else translated

    def _attended(self, image: Tensor) -> tuple[Tensor, Tensor]:
        image = F.pixel_unshuffle(image, self.unshuffle) if self.unshuffle > 1 else image
        attended: tuple[Tensor, Tensor] = self.attention(self.blocks(self.encoder(image)))
        return attended


def draw_weights(network: nn.Module) -> None:
    """Draw the weights of convolutions and linear layers from N(0, 0.02²) and zero the biases, as in the paper."""
    initialise(network, STD)
    for part in network.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, 0.0, STD)
