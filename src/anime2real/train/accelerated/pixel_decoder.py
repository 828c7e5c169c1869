"""The fused form of the decoder that draws pixels (`networks/pixel_decoder.py`); called by `forms.py`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.train.accelerated.convolutions import padded_by_reflection
from anime2real.train.accelerated.launches import Surroundings
from anime2real.train.accelerated.norms import activated, fused_layer_norm
from anime2real.train.networks.pixel_decoder import PixelDecoder, doubled
from anime2real.train.networks.ugatit import LayerInstanceNorm


def pixels_decoded(decoder: PixelDecoder, padded: Tensor) -> Tensor:
    """`PixelDecoder.forward` of a code (N, 4w, S/8 + 2, S/8 + 2) whose edge is repeated."""
    stages = ((decoder.up1, decoder.norm1, decoder.block1), (decoder.up2, decoder.norm2, decoder.block2))
    for up, norm, block in stages:
        height, width = 2 * (padded.shape[2] - 2), 2 * (padded.shape[3] - 2)
        around = Surroundings(height, width, layout="doubled", activation="relu", pad=1, keep=True)
        padded, x = _normed(F.conv2d(padded, up.kernel()), around, norm)
        around = Surroundings(height, width, activation="relu", pad=1)
        y, _ = _normed(F.conv2d(padded, block.first.weight), around, block.norm1)
        # Behind the first block comes a doubling, so its edge is repeated where others are reflected.
        around = Surroundings(height, width, pad=1, edge=block is decoder.block1)
        padded, _ = _normed(F.conv2d(y, block.second.weight), around, block.norm2, x)
    around = Surroundings(height, width, activation="relu")
    x, _ = _normed(F.conv2d(padded, decoder.narrow.weight), around, decoder.norm3)
    x = padded_by_reflection(doubled(x), 1)
    for layer in (decoder.fine1, decoder.fine2):
        x = activated(F.conv2d(x, layer.weight, layer.bias), 1)
    last = decoder.head
    assert last.bias is not None
    # Eight outputs, five of them nothing: three is a shape without a fast kernel.
    weight = F.pad(last.weight, (0, 0, 0, 0, 0, 0, 0, 5))
    return torch.tanh(F.conv2d(x, weight)[:, :3] + last.bias.view(1, -1, 1, 1))


def _normed(
    x: Tensor, around: Surroundings, norm: LayerInstanceNorm, residual: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    return fused_layer_norm(x, around, norm.rho, norm.gamma[None], norm.beta[None], residual)
