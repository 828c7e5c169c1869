"""Spectral norm: a kernel divided by its largest singular value.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, algorithm 1: one power iteration a
call. torch's parametrization computes under autocast in half precision, where the iteration wanders; this one never.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def spectrally_normed(weight: Tensor, left: Tensor, training: bool, precision: torch.dtype) -> Tensor:
    """The weight over its largest singular value.

    Args:
        weight: (D, …), a matrix of D rows to the norm, in fp32.
        left: (D,), the left singular vector as known by now; moved in place by one power iteration while training.
        training: whether to move it.
        precision: of the result; what is rounded to it is the result alone.
    """
    with torch.autocast(weight.device.type, enabled=False):
        with torch.no_grad():
            matrix = weight.flatten(1)
            right = F.normalize(matrix.T @ left, dim=0)
            image = matrix @ right
            largest, newer = image.norm(), F.normalize(image, dim=0)
            if training:
                left.copy_(newer)
        return divided(weight, newer, right, largest, precision)


def divided(weight: Tensor, u: Tensor, v: Tensor, sigma: Tensor, precision: torch.dtype) -> Tensor:
    """The weight over σ = uᵀWv, in a precision; u (D,) and v are constants to the gradient."""
    normed: Tensor = _Divided.apply(weight, u, v, sigma, precision)  # type: ignore[no-untyped-call]
    return normed


class _Divided(torch.autograd.Function):
    """W / σ with σ = uᵀWv, u and v being constants. The gradient is (G - (G·W / σ) uvᵀ) / σ; G·W sums over all entries.

    Written out because torch's own steps take twice as many passes over W; two domains' kernels are half a gigabyte.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, sigma: Tensor, precision: torch.dtype) -> Tensor:
        ctx.save_for_backward(weight, u, v, sigma)
        return torch.mul(weight, sigma.reciprocal(), out=torch.empty_like(weight, dtype=precision))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, u, v, sigma = ctx.saved_tensors
        inverse = sigma.reciprocal()
        rows = grad.to(weight.dtype).flatten(1)
        along = rows.flatten().dot(weight.flatten()) * inverse
        return rows.addcmul((u * -along)[:, None], v[None]).mul_(inverse).view_as(weight), None, None, None, None
