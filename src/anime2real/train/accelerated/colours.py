"""Colours for GPUs: CIELAB of pictures and back, and the hair's loss, one Triton kernel each way.

As separate steps torch takes 55 kernels to CIELAB and 82 for the gradient; fifty times a step colours are looked at so,
most of so few pixels that a kernel's start is what takes the time.
"""

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from anime2real.image.cielab import EPSILON, KAPPA, WHITE, XYZ
from anime2real.train.accelerated import colour_kernels

_CONSTANTS: Final = {
    "EPSILON": EPSILON,
    "KAPPA": KAPPA,
    **{f"M{place}": float(share) for place, share in enumerate((XYZ / WHITE[:, None]).flat)},
}
_BACK: Final = {
    "EPSILON": EPSILON,
    "KAPPA": KAPPA,
    **{f"Y{place}": float(share) for place, share in enumerate(XYZ[1])},
    **{f"M{place}": float(share) for place, share in enumerate((np.linalg.inv(XYZ) * WHITE).flat)},
}
_PIXELS: Final = 512
"""Of a program that sees no cells."""
_SIDES: Final = (8, 16, 32)
"""Of cells that a program holds."""


def rgb_to_lab(image: Tensor) -> Tensor:
    """`hair_recolouring.rgb_to_lab`: CIELAB (N, 3, H, W) of sRGB in [-1, 1]."""
    lab: Tensor = _Lab.apply(image)  # type: ignore[no-untyped-call]
    return lab


def lab_to_rgb(lab: Tensor, knee: float) -> Tensor:
    """`hair_recolouring.lab_to_rgb`, without gradients: sRGB in [-1, 1] of CIELAB (N, 3, H, W) in fp32."""
    lab = lab.detach()
    out = lab.new_empty(lab.shape)
    colour_kernels.to_rgb[_programs(lab)](
        lab, out, *lab.shape[2:], *lab.stride(), PIXELS=_PIXELS, KNEE=knee, **_BACK
    )  # fmt: skip
    return out


def _programs(image: Tensor) -> tuple[int]:
    n, _, height, width = image.shape
    return (n * -(-height * width // _PIXELS),)


class _Lab(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        out = image.new_empty(image.shape, dtype=torch.float32)
        colour_kernels.to_lab[_programs(image)](
            image, out, *image.shape[2:], *image.stride(), PIXELS=_PIXELS, **_CONSTANTS
        )
        ctx.save_for_backward(image)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        grad_image = torch.empty_like(image)  # dense, whatever the image is
        image = image if image.stride() == grad_image.stride() else image.clone()
        colour_kernels.to_lab_back[_programs(image)](
            image, grad.contiguous(), grad_image, *image.shape[2:], *image.stride(), PIXELS=_PIXELS, **_CONSTANTS
        )
        return grad_image


def has_cells(before: Tensor, side: int) -> bool:
    """Whether `cell_differences` takes pictures (N, 3, H, W) and cells of so many pixels a side."""
    return side in _SIDES and before.shape[-1] == before.shape[-2] and not before.requires_grad


def cell_differences(before: Tensor, after: Tensor, mask: Tensor, side: int) -> Tensor:
    """`losses.hair_colour.cell_differences`: (N, 3, S/side, S/side), differentiable by the picture after.

    Args:
        before, after: (N, 3, S, S) in [-1, 1].
        mask: (N, 1, S, S), fp32.
        side: of a cell.
    """
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
