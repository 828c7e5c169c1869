"""The 70×70 PatchGAN discriminator.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017; CycleGAN, appendix 7.2:
C64-C128-C256-C512 and one channel out, instance norm in all but the first layer, leaky ReLU of slope 0.2.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.resnet import InstanceNorm


class PatchDiscriminator(nn.Module):
    """Scores each overlapping 70×70 patch: (N, C, H, W) to (N, 1, H/8 - 2, W/8 - 2), unbounded.

    Args:
        width: channels of the first layer (64 in the paper).
        in_channels: C, of the picture and whatever is appended to it.
    """

    def __init__(self, width: int = 64, in_channels: int = 3) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(in_channels, width, 4, stride=2, padding=1)
        self.convolution2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False)
        self.convolution3 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1, bias=False)
        self.convolution4 = nn.Conv2d(4 * width, 8 * width, 4, stride=1, padding=1, bias=False)
        self.score = nn.Conv2d(8 * width, 1, 4, stride=1, padding=1)
        self.norm = InstanceNorm()

    def forward(self, image: Tensor) -> Tensor:
        """Score image: (N, C, H, W), pictures in [-1, 1]."""
        x = F.leaky_relu(self.convolution1(image), 0.2)
        x = F.leaky_relu(self.norm(self.convolution2(x)), 0.2)
        x = F.leaky_relu(self.norm(self.convolution3(x)), 0.2)
        x = F.leaky_relu(self.norm(self.convolution4(x)), 0.2)
        scores: Tensor = self.score(x)
        return scores
