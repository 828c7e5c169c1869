"""ONNX rewrites: a network as modules that compute the same and that ONNX Runtime runs faster on a CPU.

Before export, on a copy:

| module | becomes | because |
|---|---|---|
| InstanceNorm | one InstanceNormalization node | one pass instead of six |
| WideConvolution to few channels | BlockedConvolution | ONNX Runtime computes 16 output channels at a time |
| ResizeConvolution | PatchResize or ReflectedPatchResize | 4/9 of the multiplications, in one MatMul |
| Blocks, modulated or not | WinogradBlocks | 1/4 of the multiplications |

Every kernel is derived in the graph from the trained one, so the file stores nothing more: ONNX Runtime folds
the derivation when it loads the file. A network without these modules passes unchanged.
"""

import copy
from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.accelerated import decelerate
from anime2real.train.export.winograd import TILE, WinogradBlocks, window_places
from anime2real.train.networks.resnet import (
    EPSILON,
    Blocks,
    InstanceNorm,
    ResizeConvolution,
    WideConvolution,
    edge_repeated,
)

BLOCK: Final = 2
"""Side of the block of output pixels that a BlockedConvolution computes at once."""

FEW_CHANNELS: Final = 4
"""Output channels up to which blocks of BLOCK² pixels fill ONNX Runtime's 16 channels."""


class OneNodeInstanceNorm(nn.Module):
    """InstanceNorm as torch's own function, which exports to a single node."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x: (N, C, H, W)."""
        return F.instance_norm(x, eps=EPSILON)


class PatchResize(nn.Module):
    """ResizeConvolution as one MatMul of all 2×2 patches: (N, C, S, S) to (N, D, 2S, 2S).

    A patch serves all four output phases, see ResizeConvolution. The outputs are put in place as rows of D numbers,
    before the channels come first again: ONNX Runtime moves whole rows quickly, single numbers (DepthToSpace) slowly.

    Args:
        original: whose parameters are shared.
        side: S.
    """

    def __init__(self, original: ResizeConvolution, side: int) -> None:
        super().__init__()
        self.side = side
        self.weight, self.bias = original.convolution.weight, original.convolution.bias
        self.register_buffer("fold", original.fold, persistent=False)
        pixels = torch.arange(side**2).view(side, side)
        zero = side**2  # the place of the row of zeros that is appended
        patches = window_places(F.pad(pixels, (1, 1, 1, 1), value=zero), 2, 1)
        self.register_buffer("gather", patches.T.flatten(), persistent=False)
        # Output (2h + a, 2w + b) is phase (a, b) of the patch at (h + a, w + b).
        row = torch.arange(2 * side)
        patch, phase = (row + 1) // 2, row % 2
        leave = ((side + 1) * patch[:, None] + patch) * 4 + 2 * phase[:, None] + phase
        self.register_buffer("leave", leave.flatten(), persistent=False)
        self.fold: Tensor
        self.gather: Tensor
        self.leave: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Double and convolve x: (N, C, S, S)."""
        outputs, channels = self.weight.shape[:2]
        pixels = F.pad(x.flatten(2).transpose(1, 2), (0, 0, 0, 1))
        patches = pixels.index_select(1, self.gather).view(-1, (self.side + 1) ** 2, 4 * channels)
        kernel = torch.einsum("oihw,ayh,bxw->yxiabo", self.weight, self.fold, self.fold)
        phases = (patches @ kernel.reshape(4 * channels, 4 * outputs)).view(-1, 4 * (self.side + 1) ** 2, outputs)
        y = phases.index_select(1, self.leave).transpose(1, 2)
        y = y.reshape(-1, outputs, 2 * self.side, 2 * self.side)
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class ReflectedPatchResize(PatchResize):
    """The same for a doubled picture that is padded by reflection: this repeats the edge of the one before.

    Args:
        original: whose parameters are shared.
        side: S.
    """

    def __init__(self, original: ResizeConvolution, side: int) -> None:
        super().__init__(original, side + 2)

    def forward(self, x: Tensor) -> Tensor:
        """Double and convolve x: (N, C, S, S)."""
        return super().forward(edge_repeated(x))[:, :, 2:-2, 2:-2]


class BlockedConvolution(nn.Module):
    """WideConvolution to few channels, computed for a block of output pixels at once.

    Args:
        original: whose parameters are shared. H and W of its input must be multiples of BLOCK.
    """

    def __init__(self, original: WideConvolution) -> None:
        super().__init__()
        self.weight, self.bias = original.convolution.weight, original.convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x: (N, C, H, W), to (N, D, H, W)."""
        last = BLOCK - 1
        moved = [F.pad(self.weight, (j, last - j, i, last - i)) for i in range(BLOCK) for j in range(BLOCK)]
        kernel = torch.stack(moved, dim=1).flatten(0, 1)  # (4·D, C, 8, 8), ordered for pixel_shuffle
        margin = self.weight.shape[-1] // 2
        x = F.conv2d(F.pad(x, (margin,) * 4, mode="reflect"), kernel, stride=BLOCK)
        x = F.pixel_shuffle(x, BLOCK)
        return x if self.bias is None else x + self.bias.view(1, -1, 1, 1)


def plain_copy(module: nn.Module) -> nn.Module:
    """A copy of `module` on the CPU: fp32, eager, in eval mode, without gradients."""
    network = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    decelerate(network)
    return network


def rewritten(module: nn.Module, example: Tensor, *conditions: Tensor) -> nn.Module:
    """A plain copy of `module`, rewritten as above.

    Args:
        module: `image -> image`, on any device, accelerated or not; left as it is.
        example: (N, 3, S, S), a picture of the size to rewrite for.
        conditions: what it takes beside the picture.
    """
    network = plain_copy(module)
    inputs = _input_shapes(network, example, *conditions)
    return _replace(network, lambda part: _rewritten(part, inputs.get(id(part))))


def _rewritten(part: nn.Module, shape: torch.Size | None) -> nn.Module | None:
    """What `part` becomes, given the shape of its input; None for what stays."""
    if shape is None:  # never called
        return None
    match part:
        case InstanceNorm():
            return OneNodeInstanceNorm()
        case ResizeConvolution() if shape[2] == shape[3]:
            return (ReflectedPatchResize if part.reflects else PatchResize)(part, shape[2])
        case WideConvolution() if _thin(part) and not any(side % BLOCK for side in shape[2:]):
            return BlockedConvolution(part)
        case Blocks() if len(part) and shape[2] == shape[3] and shape[2] % TILE == 0:
            return WinogradBlocks(part, shape[2])
    return None


def _thin(part: WideConvolution) -> bool:
    return part.convolution.out_channels <= FEW_CHANNELS


def _replace(module: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    """Replace `module` or, where it stays, what it holds."""
    new = replacement(module)
    if new is not None:
        return new
    for name, child in module.named_children():
        setattr(module, name, _replace(child, replacement))
    return module


def _input_shapes(network: nn.Module, *example: Tensor) -> dict[int, torch.Size]:
    """The shape of the first argument of every module that runs, by the module's id."""
    shapes: dict[int, torch.Size] = {}

    def note(part: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        shapes[id(part)] = arguments[0].shape

    hooks = [part.register_forward_pre_hook(note) for part in network.modules()]
    try:
        with torch.inference_mode():
            network(*example)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
