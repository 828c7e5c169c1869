"""The convolutional encoder and decoder of the founding paper's second way."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.resnet import ResizeConvolution


class ConvolutionalAutoencoder(nn.Module):
    """Four halvings to a code of (8w, S/16, S/16), and back; group norm, no skip connection.

    The code is all that the decoder sees: a skip would let the drawing's lines through to a loss that compares with
    another picture. Group norm, unlike instance norm, keeps the average colour that the loss is mostly about.

    Args:
        width: channels after the first convolution.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        down = [3, width, 2 * width, 4 * width, 8 * width]
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), nn.GroupNorm(8, b), nn.SiLU())
            for a, b in pairwise(down)
        )
        self.code = nn.Sequential(nn.Conv2d(8 * width, 8 * width, 3, padding=1), nn.GroupNorm(8, 8 * width), nn.SiLU())
        up = [8 * width, 4 * width, 2 * width, width, width]
        self.decoder = nn.ModuleList(
            nn.Sequential(ResizeConvolution(a, b, bias=True), nn.GroupNorm(8, b), nn.SiLU()) for a, b in pairwise(up)
        )
        self.head = nn.Conv2d(width, 3, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Translate image: (N, 3, H, W) in [-1, 1], H and W multiples of 16, to the same."""
        x = image
        for layer in self.encoder:
            x = layer(x)
        x = self.code(x)
        for layer in self.decoder:
            x = layer(x)
        return torch.tanh(self.head(F.pad(x, (1, 1, 1, 1), mode="reflect")))
