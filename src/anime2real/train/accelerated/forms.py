"""The networks of `resnet.py`, `patch.py`, `ugatit.py` and `ugatit_judge.py` computed as a GPU likes it: the same
functions of the same weights.

- Norm, activation, addition and padding are one kernel each way (`fused.py`).
- Tensor cores want tens of channels on both sides of a convolution, pictures have three: the first and last
  convolutions are computed on blocks of b×b pixels, which lie beside each other as b² times the channels, with the
  kernel shifted into each place.
- The doubling convolution is folded (see `ResizeConvolution`); the norm behind it puts the four phases in place.

Tensors are channels last. `tests/train/test_fused.py` compares every network with its plain form, and
`parity.preflight` does so again before each run.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.accelerated.norms import Surroundings, activated, fused_layer_norm, fused_norm
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import (
    Decoder,
    Encoder,
    ModulatedBlock,
    ResidualBlock,
    ResizeConvolution,
    WideConvolution,
)
from anime2real.train.networks.ugatit import (
    AdaptiveBlock,
    Attention,
    LayerInstanceDecoder,
    Modulation,
    ReflectingEncoder,
)
from anime2real.train.networks.ugatit_discriminator import SLOPE, CAMDiscriminator, SpectralConvolution

_FIRST_BLOCK = 2


def generated(encoder: Encoder, blocks: nn.Sequential, decoder: Decoder, image: Tensor, code: Tensor | None) -> Tensor:
    """What `ResNetGenerator` makes of an image (N, C, H, W), H and W multiples of 4."""
    last = len(blocks) - 1
    x, padded = _encoded(encoder, image, pad=1 if blocks else 0)
    for place, block in enumerate(blocks):
        assert isinstance(block, ResidualBlock)
        x, padded = _block(block, x, padded, code, ends=place == last)
    return _decoded(decoder, padded)


def generated_with_attention(
    encoder: ReflectingEncoder,
    blocks: nn.Sequential,
    attention: Attention,
    modulation: Modulation,
    adaptive_blocks: nn.ModuleList,
    decoder: LayerInstanceDecoder,
    image: Tensor,
    code: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """What `UGATITGenerator` makes of an image (N, C, H, W), H and W multiples of 4, and its classifiers' logits."""
    last = len(blocks) - 1
    x, padded = _encoded_by_reflection(encoder, image, pad=1 if blocks else 0)
    for place, block in enumerate(blocks):
        assert isinstance(block, ResidualBlock)
        x, padded = _block(block, x, padded, None, ends=place == last)
    x, logits = attention(x)
    gamma, beta = modulation(x, code)
    last = len(adaptive_blocks) - 1
    padded = reflected(x, 1) if len(adaptive_blocks) else F.pad(x, (1, 1, 1, 1), mode="replicate")
    for place, block in enumerate(adaptive_blocks):
        assert isinstance(block, AdaptiveBlock)
        x, padded = _adaptive_block(block, x, padded, gamma, beta, ends=place == last)
    return _decoded_by_layers(decoder, padded), logits


def patch_discriminated(discriminator: PatchDiscriminator, image: Tensor) -> Tensor:
    """The scores that `PatchDiscriminator` gives an image (N, C, H, W)."""
    x = _halved(F.pad(narrow(image), (1, 1, 1, 1)), discriminator.convolution1.weight, discriminator.convolution1.bias)
    x = F.leaky_relu(x, 0.2)
    for convolution in (discriminator.convolution2, discriminator.convolution3, discriminator.convolution4):
        x = convolution(x)
        x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="leaky"))
    score = discriminator.score
    assert score.bias is not None
    return _scored(x, score.weight, padding=1) + score.bias.view(1, -1, 1, 1)


def cam_discriminated(discriminator: CAMDiscriminator, image: Tensor) -> tuple[Tensor, Tensor]:
    """What `CAMDiscriminator` makes of an image (N, 3, H, W): scores and logits."""
    first, *others = discriminator.convolutions
    assert isinstance(first, SpectralConvolution)
    x = _halved(reflected(narrow(image), 1), first.normed_weight(), first.bias)
    for convolution in others:
        assert isinstance(convolution, SpectralConvolution)
        x = F.conv2d(_activated_by_reflection(x), convolution.normed_weight(), convolution.bias, convolution.stride)
    attended, logits = discriminator.attention(F.leaky_relu(x, SLOPE))
    return _scored(reflected(attended, 1), discriminator.score.normed_weight()), logits


def _activated_by_reflection(x: Tensor) -> Tensor:
    """Activated and padded by one pixel; by torch where the picture has become too small for the kernel."""
    return activated(x, 1) if min(x.shape[2:]) > 3 else reflected(F.leaky_relu(x, SLOPE), 1)


def _halved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 4×4 convolution with stride 2 of (N, C, H, W), few channels: 2×2 on blocks of 2×2 pixels.

    It never sees an odd last row or column.
    """
    x = in_blocks(x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], 2)
    return F.conv2d(x, kernel_on_blocks(weight[None], 2, x.shape[1] // 4), bias)


def _scored(x: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """A convolution to one channel: eight outputs, seven of them nothing, for one is a shape without a fast kernel."""
    return F.conv2d(x, F.pad(weight, (0, 0, 0, 0, 0, 0, 0, 7)), padding=padding)[:, :1]


def _encoded(encoder: Encoder, image: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    """The code (N, 4w, H/4, W/4), as it is and padded by reflection."""
    height, width = image.shape[2:]
    x = _stem(encoder.stem, image)
    x, _ = fused_norm(x, Surroundings(height, width, layout="blocked", activation="relu"))
    x = encoder.down1(x)
    x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu"))
    x = encoder.down2(x)
    padded, kept = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu", pad=pad, keep=pad > 0))
    return padded if kept is None else kept, padded


def _encoded_by_reflection(encoder: ReflectingEncoder, image: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    """As `_encoded`, with reflection in place of zeros."""
    height, width = image.shape[2:]
    x = _stem(encoder.stem, image)
    x, _ = fused_norm(x, Surroundings(height, width, layout="blocked", activation="relu", pad=1))
    x = encoder.down1(x)
    x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu", pad=1))
    x = encoder.down2(x)
    padded, kept = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu", pad=pad, keep=pad > 0))
    return padded if kept is None else kept, padded


def _stem(stem: WideConvolution, image: Tensor) -> Tensor:
    """The first convolution of (N, C, H, W), left in blocks: (N, b²·D, H/b, W/b)."""
    x = in_blocks(reflected(narrow(image), 3), _FIRST_BLOCK)
    weight = shifted(stem.convolution.weight, _FIRST_BLOCK)
    return F.conv2d(x, kernel_on_blocks(weight, _FIRST_BLOCK, x.shape[1] // _FIRST_BLOCK**2))


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
    x, _ = fused_norm(*_doubled(decoder.up1, x), None)
    convolved, around = _doubled(decoder.up2, x)
    around = replace(around, pad=3, block=decoder.head.block)
    x, _ = fused_norm(convolved, around)
    return torch.tanh(_headed(decoder.head, x))


def _decoded_by_layers(decoder: LayerInstanceDecoder, padded: Tensor) -> Tensor:
    """The picture (N, D, H, W) in [-1, 1] of a code (N, 4w, H/4 + 2, W/4 + 2) whose edge is repeated."""
    for up, norm in ((decoder.up1, decoder.norm1), (decoder.up2, decoder.norm2)):
        height, width = padded.shape[2] - 2, padded.shape[3] - 2
        around = Surroundings(2 * height, 2 * width, layout="doubled", activation="relu", pad=1, edge=True)
        if norm is decoder.norm2:
            around = replace(around, pad=3, edge=False, block=decoder.head.block)
        phases = F.conv2d(padded, up.kernel())
        padded, _ = fused_layer_norm(phases, around, norm.rho, norm.gamma[None], norm.beta[None])
    return torch.tanh(_headed(decoder.head, padded))


def _headed(head: WideConvolution, x: Tensor) -> Tensor:
    """The last convolution, of blocks, reflected around the picture: (N, b²·C, H/b, W/b) to (N, D, H, W)."""
    b = head.block
    # pixel_shuffle wants the place in the block behind the channel.
    weight = shifted(head.convolution.weight, b).transpose(0, 1).flatten(0, 1)[None]
    x = F.pixel_shuffle(F.conv2d(x, kernel_on_blocks(weight, b, x.shape[1] // b**2)), b)
    bias = head.convolution.bias
    return x if bias is None else x + bias.view(1, -1, 1, 1)


def _doubled(layer: ResizeConvolution, x: Tensor) -> tuple[Tensor, Surroundings]:
    """The four phases of a resize-convolution, and where the norm behind it has to put them."""
    height, width = x.shape[2:]
    phases = F.conv2d(x, layer.kernel(), padding=1)
    return phases, Surroundings(2 * height, 2 * width, layout="doubled", activation="relu")


def reflected(image: Tensor, margin: int) -> Tensor:
    """`F.pad` by reflection on all sides of (N, C, H, W); its gradient comes by addition, not by atomic operations."""
    for axis in (2, 3):
        side = image.shape[axis]
        before = image.narrow(axis, 1, margin).flip(axis)
        after = image.narrow(axis, side - 1 - margin, margin).flip(axis)
        image = torch.cat([before, image, after], dim=axis)
    return image


def narrow(image: Tensor) -> Tensor:
    """The image in the precision of the convolutions that come: what moves it then moves half as much."""
    kind = image.device.type
    return image.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else image


def in_blocks(image: Tensor, b: int) -> Tensor:
    """Blocks of b×b pixels of (N, C, H, W) as channels, place first: (N, b²·C', H/b, W/b), C' = C rounded up to 4s."""
    image = F.pad(image, (0, 0, 0, 0, 0, -image.shape[1] % 4))
    n, channels, height, width = image.shape
    cut = image.reshape(n, channels, height // b, b, width // b, b)
    laid = cut.permute(0, 2, 4, 3, 5, 1).reshape(n, height // b, width // b, b * b * channels)
    return laid.permute(0, 3, 1, 2)


def shifted(weight: Tensor, b: int) -> Tensor:
    """A (D, C, k, k) kernel at each place of a block: (b², D, C, k', k'), k' the multiple of b that holds them all."""
    side = weight.shape[-1] + b - 1
    extra = -side % b
    moved = [F.pad(weight, (j, b - 1 - j + extra, i, b - 1 - i + extra)) for i in range(b) for j in range(b)]
    return torch.stack(moved)


def kernel_on_blocks(weight: Tensor, b: int, channels: int) -> Tensor:
    """Kernels on pixels, (P, D, C, k, k), to one on blocks of b×b pixels: (P·D, b²·channels, k/b, k/b).

    Args:
        weight: k a multiple of b.
        b: side of a block.
        channels: of the blocked picture, C or more; weights of the others are zero.
    """
    places, outputs, own, k, _ = weight.shape
    weight = F.pad(weight.flatten(0, 1), (0, 0, 0, 0, 0, channels - own))
    cut = weight.view(places * outputs, channels, k // b, b, k // b, b)
    kernel = cut.permute(0, 3, 5, 1, 2, 4).reshape(places * outputs, b * b * channels, k // b, k // b)
    return kernel.contiguous(memory_format=torch.channels_last)
