"""The Triton kernels that give the gradients of those in `picture_kernels.py`, whose head explains the names."""

import triton
import triton.language as tl

from anime2real.train.accelerated.kernel_addresses import (
    pixels_of_part,
    reflection_of,
    share_of_program,
    source_of,
    sums_of_parts,
    target_of,
)


@triton.jit
def _arriving(  # type: ignore[no-untyped-def]
    grad_out, grad_plain, n, h, w, c, inside,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    B: tl.constexpr, EDGE: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """The gradient of pixels (h, w): from their own place, from where they are reflected, and what came unpadded."""
    own = target_of(n, h + PAD, w + PAD, C, HP, WP, B)
    grad = tl.load(grad_out + own[:, None] + c[None, :], inside[:, None], 0.0).to(tl.float32)
    if PAD > 0:
        row, rows = reflection_of(h, PAD, H, EDGE)
        column, columns = reflection_of(w, PAD, W, EDGE)
        rows, columns = rows & inside, columns & inside
        above, beside = target_of(n, row, w + PAD, C, HP, WP, B), target_of(n, h + PAD, column, C, HP, WP, B)
        corner = target_of(n, row, column, C, HP, WP, B)
        grad += tl.load(grad_out + above[:, None] + c[None, :], rows[:, None], 0.0).to(tl.float32)
        grad += tl.load(grad_out + beside[:, None] + c[None, :], columns[:, None], 0.0).to(tl.float32)
        grad += tl.load(grad_out + corner[:, None] + c[None, :], (rows & columns)[:, None], 0.0).to(tl.float32)
    if KEEP:
        plain = source_of(n, h, w, C, H, W, 0)
        grad += tl.load(grad_plain + plain[:, None] + c[None, :], inside[:, None], 0.0).to(tl.float32)
    return grad


@triton.jit
def _return(  # type: ignore[no-untyped-def]
    value, grad, mean, rate, gamma, beta, total, product, steady, rising, grad_x, grad_residual, n, h, w, c, inside,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    SLOPE: tl.constexpr, RESIDUAL: tl.constexpr, LAYER: tl.constexpr,
):  # fmt: skip
    """Write the gradients of the residual and of the input at pixels (h, w)."""
    if RESIDUAL:
        kept = grad_residual + source_of(n, h, w, C, H, W, 0)[:, None] + c[None, :]
        tl.store(kept, grad.to(grad_residual.dtype.element_ty), inside[:, None])
    normal = (value.to(tl.float32) - mean[None, :]) * rate[None, :]
    grad = grad.to(tl.float32)
    if SLOPE != 1.0:
        grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
    grad = (grad - (total / (H * W))[None, :] - normal * (product / (H * W))[None, :]) * (rate * gamma)[None, :]
    if LAYER:
        grad += steady[None, :] + rising[None, :] * normal
    source = grad_x + source_of(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :]
    tl.store(source, grad.to(grad_x.dtype.element_ty), inside[:, None])
    if LAYOUT == 2:
        # Each phase has one row and one column that no pixel came from.
        a, b = h % 2, w % 2
        row, column = h // 2 + a, w // 2 + b
        idle_row, idle_column = tl.where(a == 0, H // 2, 0), tl.where(b == 0, W // 2, 0)
        rows = inside & (row == tl.where(a == 0, H // 2 - 1, 1))
        columns = inside & (column == tl.where(b == 0, W // 2 - 1, 1))
        phase = (a * 2 + b) * C
        zero = tl.zeros(grad.shape, grad_x.dtype.element_ty)
        base = n * (H // 2 + 1)
        across, down = (base + idle_row) * (W // 2 + 1) + column, (base + row) * (W // 2 + 1) + idle_column
        corner = (base + idle_row) * (W // 2 + 1) + idle_column
        tl.store(grad_x + (across * 4 * C + phase)[:, None] + c[None, :], zero, rows[:, None])
        tl.store(grad_x + (down * 4 * C + phase)[:, None] + c[None, :], zero, columns[:, None])
        tl.store(grad_x + (corner * 4 * C + phase)[:, None] + c[None, :], zero, (rows & columns)[:, None])


@triton.jit
def _grad_sums(  # type: ignore[no-untyped-def]
    x, grad_out, grad_plain, mean, rate, gamma, beta, n, part, c,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr, EDGE: tl.constexpr,
    SLOPE: tl.constexpr, KEEP: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Sum of the gradients, and of the gradients times the normalised values, over a part of a picture."""
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    total = tl.zeros([ROWS, CHANNELS], tl.float32)
    product = tl.zeros([ROWS, CHANNELS], tl.float32)
    for start in range(0, share, ROWS):
        h, w, inside = pixels_of_part(part, start, H, W, SPLITS, ROWS)
        value = tl.load(x + source_of(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
        normal = (value.to(tl.float32) - mean[None, :]) * rate[None, :]
        grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, EDGE, KEEP)
        if SLOPE != 1.0:
            grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
        total += grad
        product += grad * normal
    return tl.sum(total, 0), tl.sum(product, 0)


@triton.jit
def backward(  # type: ignore[no-untyped-def]
    x, scale, shift, moments, carried, grad_out, grad_plain, grad_x, grad_residual, sums, partial,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr, EDGE: tl.constexpr,
    SLOPE: tl.constexpr, RESIDUAL: tl.constexpr, KEEP: tl.constexpr, AFFINE: tl.constexpr,
    LAYER: tl.constexpr, STAGE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    n, part, c = share_of_program(C, STAGE, SPLITS, CHANNELS)
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    mean = tl.load(moments + n * 2 * C + c)
    rate = tl.load(moments + n * 2 * C + C + c)
    gamma, beta = tl.full([CHANNELS], 1.0, tl.float32), tl.zeros([CHANNELS], tl.float32)
    if AFFINE:
        gamma, beta = tl.load(scale + n * C + c), tl.load(shift + n * C + c)
    if STAGE == 1:
        total, product = _grad_sums(
            x, grad_out, grad_plain, mean, rate, gamma, beta, n, part, c,
            C, H, W, LAYOUT, PAD, HP, WP, B, EDGE, SLOPE, KEEP, SPLITS, ROWS, CHANNELS,
        )  # fmt: skip
        tl.store(partial + (n * SPLITS + part) * 2 * C + c, total)
        tl.store(partial + (n * SPLITS + part) * 2 * C + C + c, product)
    else:
        if STAGE == 0:
            p = tl.arange(0, ROWS)
            inside = p < H * W
            h, w = p // W, p % W
            held = tl.load(x + source_of(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
            grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, EDGE, KEEP)
            arrived = grad.to(grad_out.dtype.element_ty)  # held narrow: registers are what limits this
            normal = (held.to(tl.float32) - mean[None, :]) * rate[None, :]
            if SLOPE != 1.0:
                grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
            total, product = tl.sum(grad, 0), tl.sum(grad * normal, 0)
        else:
            total, product = sums_of_parts(partial, n, c, C, SPLITS)
        steady, rising = total, product
        if LAYER:
            steady = tl.load(carried + n * 2 * C + c)
            rising = tl.load(carried + n * 2 * C + C + c)
        if AFFINE and part == 0:
            tl.store(sums + n * 2 * C + c, product)
            tl.store(sums + n * 2 * C + C + c, total)
        if STAGE == 0:
            _return(
                held, arrived, mean, rate, gamma, beta, total, product, steady, rising, grad_x, grad_residual,
                n, h, w, c, inside, C, H, W, LAYOUT, SLOPE, RESIDUAL, LAYER,
            )  # fmt: skip
        else:
            for start in range(0, share, ROWS):
                h, w, inside = pixels_of_part(part, start, H, W, SPLITS, ROWS)
                value = tl.load(x + source_of(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
                grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, EDGE, KEEP)
                _return(
                    value, grad, mean, rate, gamma, beta, total, product, steady, rising, grad_x, grad_residual,
                    n, h, w, c, inside, C, H, W, LAYOUT, SLOPE, RESIDUAL, LAYER,
                )  # fmt: skip


@triton.jit
def deactivate(  # type: ignore[no-untyped-def]
    x, grad_out, grad_x,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    SLOPE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """The gradient of `activate`."""
    n, part, c = share_of_program(C, 1, SPLITS, CHANNELS)
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    for start in range(0, share, ROWS):
        h, w, inside = pixels_of_part(part, start, H, W, SPLITS, ROWS)
        source = source_of(n, h, w, C, H, W, 0)[:, None] + c[None, :]
        value = tl.load(x + source, inside[:, None], 0.0)
        grad = _arriving(grad_out, grad_out, n, h, w, c, inside, C, H, W, PAD, HP, WP, 1, False, False)
        grad = tl.where(value > 0, grad, grad * SLOPE)
        tl.store(grad_x + source, grad.to(grad_x.dtype.element_ty), inside[:, None])
