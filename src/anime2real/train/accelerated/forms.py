"""The fused forms of networks, for a GPU: norm, activation, addition and padding are one kernel between convolutions.

Tensors are channels last; the convolutions are those of `convolutions.py`, the kernels those of `norms.py`.
`tests/train/accelerated/test_forms.py` compares every form with its network, and `parity.preflight` does so again
before each run.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm

from anime2real.train.accelerated.convolutions import (
    halved,
    head,
    narrow,
    padded_by_reflection,
    stem,
    to_one_channel,
)
from anime2real.train.accelerated.depthwise import convolution_forward, residual_forward
from anime2real.train.accelerated.launches import Surroundings
from anime2real.train.accelerated.norms import activated, fused_layer_norm, fused_norm
from anime2real.train.accelerated.pixel_decoder import pixels_decoded
from anime2real.train.accelerated.spectral_norm import normed_weight, parametrized_weight
from anime2real.train.networks.efficientnet import FoldedConvolution, InvertedResidual
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.pixel_decoder import PixelDecoder, PixelGenerator
from anime2real.train.networks.resnet import (
    Decoder,
    Encoder,
    ModulatedBlock,
    ResidualBlock,
    ResNetGenerator,
    WideConvolution,
)
from anime2real.train.networks.ugatit import AdaptiveBlock, LayerInstanceDecoder, ReflectingEncoder, UGATITGenerator
from anime2real.train.networks.ugatit_discriminator import SLOPE, CAMDiscriminator, SpectralConvolution
from anime2real.train.networks.who import ToldGenerator, ToldPixelGenerator, who_code

_FIRST_BLOCK: Final = 2
"""Side of the blocks that the stem is computed in."""


def resnet_forward(generator: ResNetGenerator, image: Tensor, code: Tensor | None = None) -> Tensor:
    """`ResNetGenerator.forward`: an image (N, C, H, W), H and W multiples of 4r, translated."""
    image = _unshuffled(image, generator.unshuffle)
    blocks = list(generator.blocks)
    x, padded = _encoded(generator.encoder, image, pad=1 if blocks else 0)
    for place, block in enumerate(blocks):
        assert isinstance(block, ResidualBlock)
        x, padded = _block(block, x, padded, code, ends=place == len(blocks) - 1)
    return _shuffled(_decoded(generator.decoder, padded), generator.unshuffle)


def ugatit_classified(generator: UGATITGenerator, image: Tensor, code: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`UGATITGenerator.classified`: the translation of an image (N, 3, S, S), and its classifiers' logits."""
    image = _unshuffled(image, generator.unshuffle)
    blocks, adaptive_blocks = list(generator.blocks), list(generator.adaptive_blocks)
    x, padded = _encoded(generator.encoder, image, pad=1 if blocks else 0)
    for place, block in enumerate(blocks):
        assert isinstance(block, ResidualBlock)
        x, padded = _block(block, x, padded, None, ends=place == len(blocks) - 1)
    x, logits = generator.attention(x)
    gamma, beta = generator.modulation(x, code)
    padded = padded_by_reflection(x, 1) if adaptive_blocks else F.pad(x, (1, 1, 1, 1), mode="replicate")
    for place, adaptive in enumerate(adaptive_blocks):
        assert isinstance(adaptive, AdaptiveBlock)
        x, padded = _adaptive_block(adaptive, x, padded, gamma, beta, ends=place == len(adaptive_blocks) - 1)
    if isinstance(generator.decoder, PixelDecoder):
        return pixels_decoded(generator.decoder, padded), logits
    assert isinstance(generator.decoder, LayerInstanceDecoder)
    return _shuffled(_decoded_by_layers(generator.decoder, padded), generator.unshuffle), logits


def told_classified(generator: UGATITGenerator, image: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
    """`ToldGenerator.classified` and `ToldPixelGenerator.classified`: the same for `who`, (N, 2)."""
    return ugatit_classified(generator, image, who_code(code))


def patch_forward(discriminator: PatchDiscriminator, image: Tensor) -> Tensor:
    """`PatchDiscriminator.forward`: the scores of an image (N, C, H, W)."""
    first, score = discriminator.convolution1, discriminator.score
    x = F.leaky_relu(halved(F.pad(narrow(image), (1, 1, 1, 1)), first.weight, first.bias), 0.2)
    for convolution in (discriminator.convolution2, discriminator.convolution3, discriminator.convolution4):
        x = convolution(x)
        x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="leaky"))
    assert score.bias is not None
    return to_one_channel(x, score.weight, padding=1) + score.bias.view(1, -1, 1, 1)


def cam_forward(discriminator: CAMDiscriminator, image: Tensor) -> tuple[Tensor, Tensor]:
    """`CAMDiscriminator.forward`: the scores and logits of an image (N, 3, H, W)."""
    first, *others = discriminator.convolutions
    assert isinstance(first, SpectralConvolution)
    x = halved(padded_by_reflection(narrow(image), 1), first.normed_weight(), first.bias)
    for convolution in others:
        assert isinstance(convolution, SpectralConvolution)
        x = F.conv2d(_activated_by_reflection(x), convolution.normed_weight(), convolution.bias, convolution.stride)
    attended, logits = discriminator.attention(F.leaky_relu(x, SLOPE))
    return to_one_channel(padded_by_reflection(attended, 1), discriminator.score.normed_weight()), logits


FORMS: Final[Mapping[type[nn.Module], Mapping[str, Callable[..., Any]]]] = {
    ResNetGenerator: {"forward": resnet_forward},
    UGATITGenerator: {"classified": ugatit_classified},
    PixelGenerator: {"classified": ugatit_classified},
    ToldGenerator: {"classified": told_classified},
    ToldPixelGenerator: {"classified": told_classified},
    PatchDiscriminator: {"forward": patch_forward},
    CAMDiscriminator: {"forward": cam_forward},
    SpectralConvolution: {"normed_weight": normed_weight},
    _SpectralNorm: {"forward": parametrized_weight},
    InvertedResidual: {"forward": residual_forward},
    FoldedConvolution: {"forward": convolution_forward},
}
"""By network: the methods that a form takes the place of, called with the network first."""


def _unshuffled(image: Tensor, r: int) -> Tensor:
    return F.pixel_unshuffle(image, r) if r > 1 else image


def _shuffled(image: Tensor, r: int) -> Tensor:
    return F.pixel_shuffle(image, r) if r > 1 else image


def _activated_by_reflection(x: Tensor) -> Tensor:
    """Activated and padded by one pixel; by torch where the picture has become too small for the kernel."""
    return activated(x, 1) if min(x.shape[2:]) > 3 else padded_by_reflection(F.leaky_relu(x, SLOPE), 1)


def _encoded(encoder: Encoder | ReflectingEncoder, image: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    """The code (N, 4w, H/4, W/4), as it is and padded by `pad` pixels of reflection."""
    height, width = image.shape[2:]
    # The one pads its strided convolutions by zeros, which they do themselves, the other by reflection.
    margin = 1 if isinstance(encoder, ReflectingEncoder) else 0
    x = stem(image, encoder.stem.convolution.weight, _FIRST_BLOCK)
    x, _ = fused_norm(x, Surroundings(height, width, layout="blocked", activation="relu", pad=margin))
    x = F.conv2d(x, encoder.down1.weight, stride=2, padding=1 - margin)
    x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu", pad=margin))
    x = F.conv2d(x, encoder.down2.weight, stride=2, padding=1 - margin)
    padded, kept = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu", pad=pad, keep=pad > 0))
    return padded if kept is None else kept, padded


def _block(block: ResidualBlock, x: Tensor, padded: Tensor, code: Tensor | None, ends: bool) -> tuple[Tensor, Tensor]:
    """A residual block; the last one needs no padding behind it."""
    height, width = x.shape[2:]
    affine: list[Tensor | None] = [None] * 4
    if isinstance(block, ModulatedBlock):
        assert code is not None
        scale1, shift1, scale2, shift2 = block.modulate(code).float().chunk(4, dim=1)
        affine = [t.contiguous() for t in (1 + scale1, shift1, 1 + scale2, shift2)]
    y = F.conv2d(padded, block.first.weight)
    y, _ = fused_norm(y, Surroundings(height, width, activation="relu", pad=1), None, *affine[:2])
    y = F.conv2d(y, block.second.weight)
    padded, kept = fused_norm(y, Surroundings(height, width, pad=0 if ends else 1, keep=not ends), x, *affine[2:])
    return padded if kept is None else kept, padded


def _adaptive_block(
    block: AdaptiveBlock, x: Tensor, padded: Tensor, gamma: Tensor, beta: Tensor, ends: bool
) -> tuple[Tensor, Tensor]:
    """An adaptive block; behind the last one comes a doubling, so its edge is repeated where others are reflected."""
    height, width = x.shape[2:]
    around = Surroundings(height, width, activation="relu", pad=1)
    y, _ = fused_layer_norm(F.conv2d(padded, block.first.weight), around, block.norm1.rho, gamma, beta)
    around = Surroundings(height, width, pad=1, edge=ends, keep=not ends)
    y = F.conv2d(y, block.second.weight)
    padded, kept = fused_layer_norm(y, around, block.norm2.rho, gamma, beta, residual=x)
    return padded if kept is None else kept, padded


def _decoded(decoder: Decoder, x: Tensor) -> Tensor:
    """The picture (N, D, H, W) in [-1, 1] of a code (N, 4w, H/4, W/4)."""
    for up in (decoder.up1, decoder.up2):
        height, width = x.shape[2:]
        around = Surroundings(2 * height, 2 * width, layout="doubled", activation="relu")
        if up is decoder.up2:
            around = replace(around, pad=3, block=_last_block(decoder.head))
        x, _ = fused_norm(F.conv2d(x, up.kernel(), padding=1), around)
    return _headed(decoder.head, x)


def _decoded_by_layers(decoder: LayerInstanceDecoder, padded: Tensor) -> Tensor:
    """The picture (N, D, H, W) in [-1, 1] of a code (N, 4w, H/4 + 2, W/4 + 2) whose edge is repeated.

    Of a doubled picture, reflection repeats the edge of the one before.
    """
    for up, norm in ((decoder.up1, decoder.norm1), (decoder.up2, decoder.norm2)):
        height, width = padded.shape[2] - 2, padded.shape[3] - 2
        around = Surroundings(2 * height, 2 * width, layout="doubled", activation="relu", pad=1, edge=True)
        if norm is decoder.norm2:
            around = replace(around, pad=3, edge=False, block=_last_block(decoder.head))
        phases = F.conv2d(padded, up.kernel())
        padded, _ = fused_layer_norm(phases, around, norm.rho, norm.gamma[None], norm.beta[None])
    return _headed(decoder.head, padded)


def _last_block(convolution: WideConvolution) -> int:
    """Side of the blocks that the head is computed in: so that it has some 48 outputs."""
    return 4 if convolution.convolution.out_channels <= 4 else 2


def _headed(convolution: WideConvolution, x: Tensor) -> Tensor:
    """The head of a generator, tanh included, of blocks with the padding around them."""
    inner = convolution.convolution
    return torch.tanh(head(x, inner.weight, inner.bias, _last_block(convolution)))
