"""The hair's loss for GPUs: CIELAB of two pictures, their difference and its cells' means, one Triton kernel each way.

As separate steps torch moves both pictures through memory a hundred times in fp32.
"""

from typing import Any, Final

import torch
from torch import Tensor

from anime2real.image.cielab import EPSILON, KAPPA, WHITE, XYZ
from anime2real.train.accelerated import colour_kernels

_CONSTANTS: Final = {
    "EPSILON": EPSILON,
    "KAPPA": KAPPA,
    **{f"M{place}": float(share) for place, share in enumerate((XYZ / WHITE[:, None]).flat)},
}
_SIDES: Final = (8, 16, 32)
"""Of cells that a program holds."""


def cell_differences(before: Tensor, after: Tensor, mask: Tensor, side: int) -> Tensor:
    """`losses.hair_colour.cell_differences`: (N, 3, S/side, S/side), differentiable by the picture after.

    Args:
        before, after: (N, 3, S, S) in [-1, 1].
        mask: (N, 1, S, S), fp32.
        side: of a cell.
    """
    from anime2real.train.losses import hair_colour

    if side not in _SIDES or before.requires_grad or before.shape[-1] != before.shape[-2]:
        return hair_colour.cell_differences(before, after, mask, side)
    found: Tensor = _CellDifferences.apply(before, after, mask.contiguous(), side)  # type: ignore[no-untyped-call]
    return found


class _CellDifferences(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, before: Tensor, after: Tensor, mask: Tensor, side: int) -> Tensor:
        n, _, size, _ = after.shape
        out = after.new_empty((n, 3, size // side, size // side), dtype=torch.float32)
        colour_kernels.differences[(n * (size // side) ** 2,)](
            before, after, mask, out, size, *before.stride(), *after.stride(), SIDE=side, **_CONSTANTS
        )
        ctx.save_for_backward(after, mask)
        ctx.side = side
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None, None]:
        after, mask = ctx.saved_tensors
        n, _, size, _ = after.shape
        grad_after = torch.empty_strided(after.shape, after.stride(), dtype=after.dtype, device=after.device)
        colour_kernels.differences_back[(n * (size // ctx.side) ** 2,)](
            after, mask, grad.contiguous(), grad_after, size, *after.stride(), SIDE=ctx.side, **_CONSTANTS
        )
        return None, grad_after, None, None
