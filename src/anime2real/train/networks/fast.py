"""The networks of `resnet.py` and `patch.py` computed as a GPU likes it: the same functions of the same weights.

- Norm, activation, addition and padding are one kernel each way (`fused.py`).
- Tensor cores want tens of channels on both sides of a convolution, pictures have three: the first and last
  convolutions are computed on blocks of b×b pixels, which lie beside each other as b² times the channels, with the
  kernel shifted into each place.
- The doubling convolution is folded (see `ResizeConvolution`); the norm behind it puts the four phases in place.

Tensors are channels last. `tests/train/test_fused.py` compares every network with its plain form, and
`parity.preflight` does so again before each run.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.fused import Surroundings, fused_norm
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import Decoder, Encoder, ModulatedBlock, ResidualBlock, ResizeConvolution

_FIRST_BLOCK = 2


def generated(encoder: Encoder, blocks: nn.Sequential, decoder: Decoder, image: Tensor, code: Tensor | None) -> Tensor:
    """What `ResNetGenerator` makes of an image (N, C, H, W), H and W multiples of 4."""
    last = len(blocks) - 1
    x, padded = _encoded(encoder, image, pad=1 if blocks else 0)
    for place, block in enumerate(blocks):
        assert isinstance(block, ResidualBlock)
        x, padded = _block(block, x, padded, code, ends=place == last)
    return _decoded(decoder, padded)


def judged(judge: PatchDiscriminator, image: Tensor) -> Tensor:
    """The scores that `PatchDiscriminator` gives an image (N, C, H, W), H and W even."""
    # A 4×4 convolution with stride 2 is a 2×2 one on blocks of 2×2 pixels.
    x = in_blocks(F.pad(narrow(image), (1, 1, 1, 1)), 2)
    weight = judge.convolution1.weight
    x = F.conv2d(x, kernel_on_blocks(weight[None], 2, x.shape[1] // 4), judge.convolution1.bias)
    x = F.leaky_relu(x, 0.2)
    for convolution in (judge.convolution2, judge.convolution3, judge.convolution4):
        x = convolution(x)
        x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="leaky"))
    # Eight outputs, seven of them nothing: one is a shape without a fast kernel.
    score = judge.score
    assert score.bias is not None
    scores = F.conv2d(x, F.pad(score.weight, (0, 0, 0, 0, 0, 0, 0, 7)), padding=1)[:, :1]
    return scores + score.bias.view(1, -1, 1, 1)


def _encoded(encoder: Encoder, image: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    """The code (N, 4w, H/4, W/4), as it is and padded by reflection."""
    height, width = image.shape[2:]
    x = in_blocks(reflected(narrow(image), 3), _FIRST_BLOCK)
    weight = shifted(encoder.stem.convolution.weight, _FIRST_BLOCK)
    x = F.conv2d(x, kernel_on_blocks(weight, _FIRST_BLOCK, x.shape[1] // _FIRST_BLOCK**2))
    x, _ = fused_norm(x, Surroundings(height, width, layout="blocked", activation="relu"))
    x = encoder.down1(x)
    x, _ = fused_norm(x, Surroundings(x.shape[2], x.shape[3], activation="relu"))
    x = encoder.down2(x)
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


def _decoded(decoder: Decoder, x: Tensor) -> Tensor:
    """The picture (N, D, H, W) in [-1, 1] of a code (N, 4w, H/4, W/4)."""
    head, b = decoder.head.convolution, decoder.head.block
    x, _ = fused_norm(*_doubled(decoder.up1, x), None)
    convolved, around = _doubled(decoder.up2, x)
    around = Surroundings(around.height, around.width, "doubled", "relu", pad=3, block=b)
    x, _ = fused_norm(convolved, around)
    weight = shifted(head.weight, b)
    # pixel_shuffle wants the place in the block behind the channel.
    weight = weight.transpose(0, 1).flatten(0, 1)[None]
    x = F.pixel_shuffle(F.conv2d(x, kernel_on_blocks(weight, b, x.shape[1] // b**2)), b)
    assert head.bias is not None
    return torch.tanh(x + head.bias.view(1, -1, 1, 1))


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
