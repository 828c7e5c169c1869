"""The network that sees hair: which pixels of an aligned photograph show it.

A U-Net (Ronneberger et al., 2015) whose way down is the first eleven blocks of EfficientNet-lite0 with its ImageNet
weights (see `efficientnet.py`): a thousand labelled pictures are too few to learn from nothing what hair looks like.
Its batch norms are folded into the convolutions, which go on learning; the first blocks, which see edges and textures,
stay as they are.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.efficientnet import FoldedConvolution, InvertedResidual, pretrained

HAIR_SIDE: Final = 128
"""Pixels a side of the crop that the hair network takes; its answer has half as many."""

_BLOCKS: Final = 11
_KEPT: Final = 3
_FEATURES: Final = (16, 24, 40, 112)
_WIDTHS: Final = (24, 32, 48)


class HairNetwork(nn.Module):
    """Logits of being hair, or of each of several things.

    Args:
        answers: how many things; research/head_masks trains it on face and hair.

    Raises:
        TrainError: if the packages with the pretrained network and its weights are missing.
    """

    def __init__(self, *, answers: int = 1) -> None:
        super().__init__()
        network = pretrained()
        self.stem = FoldedConvolution(network._conv_stem, network._bn0, True)
        self.blocks = nn.ModuleList(InvertedResidual(block) for block in list(network._blocks)[:_BLOCKS])
        for part in self.modules():
            if isinstance(part, FoldedConvolution):
                for name in ("weight", "bias"):
                    value: Tensor = getattr(part, name)
                    delattr(part, name)
                    part.register_parameter(name, nn.Parameter(value))
        for kept in (self.stem, *self.blocks[:_KEPT]):
            kept.requires_grad_(False)
        deeper = (*_WIDTHS[1:], _FEATURES[3])
        self.up = nn.ModuleList(
            nn.Sequential(_layer(_FEATURES[i] + deeper[i], _WIDTHS[i]), _layer(_WIDTHS[i], _WIDTHS[i]))
            for i in range(3)
        )
        self.answer = nn.Conv2d(_WIDTHS[0], answers, 1)

    def encoder(self) -> list[nn.Parameter]:
        """The weights that were learned elsewhere and go on learning."""
        return list(self.blocks[_KEPT:].parameters())

    def decoder(self) -> list[nn.Parameter]:
        """The weights that start from nothing."""
        return [*self.up.parameters(), *self.answer.parameters()]

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1], S a multiple of 16, to (N, answers, S / 2, S / 2)."""
        features: list[Tensor] = []
        x = self.stem(image)
        for block in self.blocks:
            y = block(x)
            if y.shape[2] < x.shape[2]:
                features.append(x)
            x = y
        for up, feature in zip(reversed(self.up), reversed(features), strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False), feature], 1))
        logits: Tensor = self.answer(x)
        return logits


def _layer(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
