"""The Triton kernels behind `norms.py` that see pictures: norms and activations, forward.

Their gradients are in `gradient_kernels.py`; kernels that see moments alone are in `moment_kernels.py`.

Pictures are channels last, so every address is that of a pixel plus a channel. Stages: 0 holds a picture's channels in
registers between the two looks that a norm takes; 1 leaves sums of parts of a picture, which 2 adds up and applies.
Compile-time arguments are in capitals: C channels, H×W pixels in LAYOUT (see `source_of`), PAD pixels of reflection
(EDGE: one pixel of the edge once more) in HP×WP output pixels, laid in blocks of B×B; SLOPE of the activation below
zero; EPS; RESIDUAL, KEEP, AFFINE and LAYER say what there is; SPLITS parts of a picture, ROWS pixels and CHANNELS
channels at a time.
"""

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
def _put(  # type: ignore[no-untyped-def]
    value, factor, offset, residual, out, plain, n, h, w, c, inside,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    B: tl.constexpr, EDGE: tl.constexpr, SLOPE: tl.constexpr, RESIDUAL: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Normalise pixels (h, w), activate, add, and write them wherever they are seen."""
    y = value.to(tl.float32) * factor[None, :] + offset[None, :]
    if SLOPE != 1.0:
        y = tl.where(y > 0, y, y * SLOPE)
    own = source_of(n, h, w, C, H, W, 0)[:, None] + c[None, :]
    if RESIDUAL:
        y += tl.load(residual + own, inside[:, None], 0.0).to(tl.float32)
    y = y.to(out.dtype.element_ty)
    tl.store(out + target_of(n, h + PAD, w + PAD, C, HP, WP, B)[:, None] + c[None, :], y, inside[:, None])
    if PAD > 0:
        row, rows = reflection_of(h, PAD, H, EDGE)
        column, columns = reflection_of(w, PAD, W, EDGE)
        rows, columns = rows & inside, columns & inside
        tl.store(out + target_of(n, row, w + PAD, C, HP, WP, B)[:, None] + c[None, :], y, rows[:, None])
        tl.store(out + target_of(n, h + PAD, column, C, HP, WP, B)[:, None] + c[None, :], y, columns[:, None])
        tl.store(out + target_of(n, row, column, C, HP, WP, B)[:, None] + c[None, :], y, (rows & columns)[:, None])
    if KEEP:
        tl.store(plain + own, y, inside[:, None])


@triton.jit
def _sums(  # type: ignore[no-untyped-def]
    x, n, part, c,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Sum and sum of squares over a part of a picture."""
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    total = tl.zeros([ROWS, CHANNELS], tl.float32)
    squares = tl.zeros([ROWS, CHANNELS], tl.float32)
    for start in range(0, share, ROWS):
        h, w, inside = pixels_of_part(part, start, H, W, SPLITS, ROWS)
        source = source_of(n, h, w, C, H, W, LAYOUT)
        value = tl.load(x + source[:, None] + c[None, :], inside[:, None], 0.0).to(tl.float32)
        total += value
        squares += value * value
    return tl.sum(total, 0), tl.sum(squares, 0)


@triton.jit
def forward(  # type: ignore[no-untyped-def]
    x, residual, scale, shift, out, plain, moments, partial,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr, EDGE: tl.constexpr,
    SLOPE: tl.constexpr, EPS: tl.constexpr, RESIDUAL: tl.constexpr, KEEP: tl.constexpr, AFFINE: tl.constexpr,
    STAGE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    n, part, c = share_of_program(C, STAGE, SPLITS, CHANNELS)
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    if STAGE == 1:
        total, squares = _sums(x, n, part, c, C, H, W, LAYOUT, SPLITS, ROWS, CHANNELS)
        tl.store(partial + (n * SPLITS + part) * 2 * C + c, total)
        tl.store(partial + (n * SPLITS + part) * 2 * C + C + c, squares)
    else:
        if STAGE == 0:
            p = tl.arange(0, ROWS)
            inside = p < H * W
            h, w = p // W, p % W
            held = tl.load(x + source_of(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
            wide = held.to(tl.float32)
            total, squares = tl.sum(wide, 0), tl.sum(wide * wide, 0)
        else:
            total, squares = sums_of_parts(partial, n, c, C, SPLITS)
        mean = total / (H * W)
        variance = tl.maximum(squares / (H * W) - mean * mean, 0.0)
        rate = 1.0 / tl.sqrt(variance + EPS)
        if part == 0:
            tl.store(moments + n * 2 * C + c, mean)
            tl.store(moments + n * 2 * C + C + c, rate)
        factor, offset = rate, -mean * rate
        if AFFINE:
            gamma = tl.load(scale + n * C + c)
            factor, offset = factor * gamma, offset * gamma + tl.load(shift + n * C + c)
        if STAGE == 0:
            _put(
                held, factor, offset, residual, out, plain, n, h, w, c, inside,
                C, H, W, PAD, HP, WP, B, EDGE, SLOPE, RESIDUAL, KEEP,
            )  # fmt: skip
        else:
            for start in range(0, share, ROWS):
                h, w, inside = pixels_of_part(part, start, H, W, SPLITS, ROWS)
                value = tl.load(x + source_of(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
                _put(
                    value, factor, offset, residual, out, plain, n, h, w, c, inside,
                    C, H, W, PAD, HP, WP, B, EDGE, SLOPE, RESIDUAL, KEEP,
                )  # fmt: skip


@triton.jit
def activate(  # type: ignore[no-untyped-def]
    x, out,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    SLOPE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Activate, and pad by reflection."""
    n, part, c = share_of_program(C, 1, SPLITS, CHANNELS)
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    factor, offset = tl.full([CHANNELS], 1.0, tl.float32), tl.zeros([CHANNELS], tl.float32)
    for start in range(0, share, ROWS):
        h, w, inside = pixels_of_part(part, start, H, W, SPLITS, ROWS)
        value = tl.load(x + source_of(n, h, w, C, H, W, 0)[:, None] + c[None, :], inside[:, None], 0.0)
        _put(
            value, factor, offset, x, out, out, n, h, w, c, inside,
            C, H, W, PAD, HP, WP, 1, False, SLOPE, False, False,
        )  # fmt: skip
