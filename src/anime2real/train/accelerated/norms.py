"""Instance norm and everything around it in one Triton kernel each way, for GPUs.

Between two convolutions of a generator stand an instance norm, an activation or an addition, and a padding; as separate
steps they move the picture through memory a dozen times, and the convolutions wait. Here, channels last,

    y = act(γ · (x - mean) / sqrt(variance + ε) + β) + residual

is written once, already padded by reflection, and its gradient comes back the same way. The layouts in which
`convolutions.py` leaves and wants pixels are address arithmetic here, no passes of their own:

- `blocked` input: 2×2 pixels lie beside each other as 4·C channels, phase first;
- `doubled` input: the four phases of a resize-convolution, each one shifted by its own place;
- output in blocks of b×b pixels, as b²·C channels, phase first, zeros filling up the last blocks.

`fused_layer_norm` is AdaLIN (`ugatit.layer_instance_norm`) in their place. With standard deviations s_I and s_L and
means m_I and m_L of channel and layer it is an instance norm under the scale γ · (ρ + (1 - ρ) · s_I / s_L) and the
shift β + γ · (1 - ρ) · (m_I - m_L) / s_L, all (N, C). Between the two passes over the picture a small kernel computes
both, and in the backward pass another computes what the moments hand on. `activated` activates and pads alone.

Moments and sums are fp32; no atomic additions, so the same input gives the same bits.
"""

from typing import Any

import torch
from torch import Tensor

from anime2real.train.accelerated import gradient_kernels, moment_kernels, picture_kernels
from anime2real.train.accelerated.launches import (
    APPLY,
    SUM,
    Activation,
    Surroundings,
    channels_last,
    check,
    clear_rest,
    launch,
    new_channels_last,
    partial_sums,
    picture_constants,
    run_stages,
    sums_constants,
    sweep,
    tiling_in_parts,
    tiling_of,
)
from anime2real.train.networks.resnet import EPSILON


def fused_norm(
    x: Tensor,
    around: Surroundings,
    residual: Tensor | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Normalise, and do what surrounds it.

    Args:
        x: channels last in memory; (N, C, H, W) `plain`, (N, 4C, H/2, W/2) `blocked`, (N, 4C, H/2 + 1, W/2 + 1)
            `doubled`. C must be a multiple of 8.
        around: what to do.
        residual: (N, C, H, W), channels last, added at the end.
        scale, shift: (N, C), contiguous, in fp32, γ and β; 1 and 0 if not given.

    Returns:
        the padded result, (N, b²·C, H'/b, W'/b), and, with `keep`, the unpadded one, (N, C, H, W).

    Raises:
        ValueError: too few pixels for the padding, too many numbers, or an activation with a residual.
    """
    check(x, around, residual)
    out, plain = _FusedNorm.apply(x, residual, scale, shift, around)  # type: ignore[no-untyped-call]
    return out, plain if around.keep else None


def fused_layer_norm(
    x: Tensor, around: Surroundings, rho: Tensor, gamma: Tensor, beta: Tensor, residual: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Normalise by AdaLIN, and do what surrounds it.

    Args:
        x, around, residual: as of `fused_norm`, as is what is returned and raised.
        rho: (C,) in [0, 1], the share of instance norm.
        gamma, beta: (N, C) or (1, C).
    """
    check(x, around, residual)
    gamma, beta = (t.float().expand(len(x), -1).contiguous() for t in (gamma, beta))
    out, plain = _FusedLayerNorm.apply(x, residual, rho.float(), gamma, beta, around)  # type: ignore[no-untyped-call]
    return out, plain if around.keep else None


def activated(x: Tensor, pad: int, activation: Activation = "leaky") -> Tensor:
    """Activate (N, C, H, W), channels last, C a multiple of 8, and pad it by reflection.

    Raises:
        ValueError: too few pixels for the padding, or too many numbers.
    """
    around = Surroundings(x.shape[2], x.shape[3], activation=activation, pad=pad)
    check(x, around, None)
    out: Tensor = _Activated.apply(x, around)  # type: ignore[no-untyped-call]
    return out


class _FusedNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        residual: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
        around: Surroundings,
    ) -> tuple[Tensor, Tensor | None]:
        x = channels_last(x)
        residual = None if residual is None else channels_last(residual)
        n, channels = x.shape[0], x.shape[1] // (1 if around.layout == "plain" else 4)
        out = new_channels_last(x, around.block**2 * channels, *(side // around.block for side in around.padded))
        plain = new_channels_last(x, channels, around.height, around.width) if around.keep else None
        moments = x.new_empty((n, 2, channels), dtype=torch.float32)
        arguments = (x, residual, scale, shift, out, plain, moments)
        tensors = [x if tensor is None else tensor for tensor in arguments]  # an address that is not looked at
        options = picture_constants(around, channels) | {
            "EPS": EPSILON, "RESIDUAL": residual is not None, "AFFINE": scale is not None
        }  # fmt: skip
        clear_rest(out, around)
        run_stages(
            picture_kernels.forward,
            tensors,
            x,
            tiling_of(around.height * around.width, channels, backward=False),
            options,
        )
        ctx.save_for_backward(x, scale, shift, moments)
        ctx.around, ctx.residual = around, residual is not None
        ctx.set_materialize_grads(False)
        return out, plain

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor, grad_plain: Tensor | None) -> tuple[Tensor | None, ...]:
        x, scale, shift, moments = ctx.saved_tensors
        around: Surroundings = ctx.around
        channels = moments.shape[2]
        grad_out = channels_last(grad_out)
        grad_plain = None if grad_plain is None else channels_last(grad_plain)
        grad_x = torch.empty_like(x)
        grad_residual = new_channels_last(x, channels, around.height, around.width) if ctx.residual else None
        sums = torch.empty_like(moments)
        arguments = (x, scale, shift, moments, None, grad_out, grad_plain, grad_x, grad_residual, sums)
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = picture_constants(around, channels) | {
            "RESIDUAL": ctx.residual, "AFFINE": scale is not None, "KEEP": grad_plain is not None, "LAYER": False
        }  # fmt: skip
        run_stages(
            gradient_kernels.backward,
            tensors,
            x,
            tiling_of(around.height * around.width, channels, backward=True),
            options,
        )
        affine = (None, None) if scale is None else (sums[:, 0], sums[:, 1])
        return grad_x, grad_residual, *affine, None


class _FusedLayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        residual: Tensor | None,
        rho: Tensor,
        gamma: Tensor,
        beta: Tensor,
        around: Surroundings,
    ) -> tuple[Tensor, Tensor | None]:
        x = channels_last(x)
        residual = None if residual is None else channels_last(residual)
        n, channels = gamma.shape
        out = new_channels_last(x, around.block**2 * channels, *(side // around.block for side in around.padded))
        plain = new_channels_last(x, channels, around.height, around.width) if around.keep else None
        moments = x.new_empty((n, 2, channels), dtype=torch.float32)
        scale, shift = torch.empty_like(gamma), torch.empty_like(beta)
        layer = gamma.new_empty((n, 2))
        tiling = tiling_in_parts(around.height * around.width, channels)
        partial = partial_sums(x, tiling, channels)
        arguments = (x, residual, scale, shift, out, plain, moments, partial)
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = picture_constants(around, channels) | {
            "EPS": EPSILON,
            "RESIDUAL": residual is not None,
            "AFFINE": True,
        }
        clear_rest(out, around)
        launch(picture_kernels.forward, tensors, x, tiling, options, SUM)
        moment_kernels.layer_affine[(n,)](
            partial, rho, gamma, beta, scale, shift, layer, **sums_constants(around, channels, tiling)
        )
        launch(picture_kernels.forward, tensors, x, tiling, options, APPLY)
        ctx.save_for_backward(x, rho, gamma, scale, shift, moments, layer)
        ctx.around, ctx.residual = around, residual is not None
        ctx.set_materialize_grads(False)
        return out, plain

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor, grad_plain: Tensor | None) -> tuple[Tensor | None, ...]:
        x, rho, gamma, scale, shift, moments, layer = ctx.saved_tensors
        around: Surroundings = ctx.around
        n, channels = gamma.shape
        grad_out = channels_last(grad_out)
        grad_plain = None if grad_plain is None else channels_last(grad_plain)
        grad_x = torch.empty_like(x)
        grad_residual = new_channels_last(x, channels, around.height, around.width) if ctx.residual else None
        carried, sums = torch.empty_like(moments), torch.empty_like(moments)
        grad_rho, grad_gamma, grad_beta = (torch.empty_like(gamma) for _ in range(3))
        tiling = tiling_in_parts(around.height * around.width, channels)
        partial = partial_sums(x, tiling, channels)
        arguments = (
            x, scale, shift, moments, carried, grad_out, grad_plain, grad_x, grad_residual, sums, partial
        )  # fmt: skip
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = picture_constants(around, channels) | {
            "RESIDUAL": ctx.residual, "AFFINE": True, "KEEP": grad_plain is not None, "LAYER": True
        }  # fmt: skip
        launch(gradient_kernels.backward, tensors, x, tiling, options, SUM)
        moment_kernels.layer_gradient[(n,)](
            partial, rho, gamma, moments, layer, carried, grad_rho, grad_gamma, grad_beta,
            **sums_constants(around, channels, tiling),
        )  # fmt: skip
        launch(gradient_kernels.backward, tensors, x, tiling, options, APPLY)
        return grad_x, grad_residual, grad_rho.sum(0), grad_gamma, grad_beta, None


class _Activated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, around: Surroundings) -> Tensor:
        x = channels_last(x)
        out = new_channels_last(x, x.shape[1], *around.padded)
        sweep(picture_kernels.activate, [x, out], x, around)
        ctx.save_for_backward(x)
        ctx.around = around
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        grad_x = torch.empty_like(x)
        sweep(gradient_kernels.deactivate, [x, channels_last(grad_out), grad_x], x, ctx.around)
        return grad_x, None
