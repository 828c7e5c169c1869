"""`train.augment.augmented` for GPUs: two kernels forward and three back, where torch takes 43 and 29."""

from typing import Any, Final

import torch
from torch import Tensor

from anime2real.train.accelerated import augment_kernels

PIXELS: Final = 512
"""Of a program."""


def augmented(image: Tensor, numbers: Tensor, shift: float, cutout: float) -> Tensor:
    """Augment pictures, each by its own numbers.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        numbers: (N, AUGMENTATION) in [0, 1), see `random_numbers.py`.
        shift, cutout: `SHIFT` and `CUTOUT` of `train.augment`.
    """
    shares = shift, cutout
    changed: Tensor = _Augmented.apply(image, numbers.contiguous(), shares)  # type: ignore[no-untyped-call]
    return changed


class _Augmented(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, numbers: Tensor, shares: tuple[float, float]) -> Tensor:
        n, _, size, _ = image.shape
        out = image.new_empty((n, size, size, 3)).permute(0, 3, 1, 2)
        means = image.mean((1, 2, 3), dtype=torch.float32)
        programs, constants = _cut(n, size, numbers, shares)
        augment_kernels.augment[programs](image, means, numbers, out, *image.stride(), **constants)
        ctx.save_for_backward(numbers)
        ctx.shape, ctx.strides, ctx.shares = image.shape, image.stride(), shares
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (numbers,) = ctx.saved_tensors
        n, _, size, _ = ctx.shape
        grad = grad.contiguous(memory_format=torch.channels_last)
        programs, constants = _cut(n, size, numbers, ctx.shares)
        partial = grad.new_empty((n, programs[0] // n), dtype=torch.float32)
        augment_kernels.seen_sums[programs](grad, numbers, partial, **constants)
        grad_image = torch.empty_strided(ctx.shape, ctx.strides, dtype=grad.dtype, device=grad.device)
        augment_kernels.augment_back[programs](
            grad, partial.sum(1), numbers, grad_image, *grad_image.stride(), **constants
        )
        return grad_image, None, None


def _cut(n: int, size: int, numbers: Tensor, shares: tuple[float, float]) -> tuple[tuple[int], dict[str, int]]:
    """The programs, and the kernels' compile-time arguments: among them reach and half the cutout."""
    constants = {
        "S": size,
        "REACH": round(shares[0] * size),
        "HALF": round(shares[1] * size / 2),
        "COLUMNS": numbers.shape[1],
    }
    return (n * -(-size * size // PIXELS),), constants | {"PIXELS": PIXELS}
