"""The Triton kernels behind `norms.py` that see pictures; those that see moments alone are in `moment_kernels.py`.

Pictures are channels last, so every address is that of a pixel plus a channel. Stages: 0 holds a picture's channels in
registers between the two looks that a norm takes; 1 leaves sums of parts of a picture, which 2 adds up and applies.
Compile-time arguments are in capitals: C channels, H×W pixels in LAYOUT (see `_source`), PAD pixels of reflection
(EDGE: one pixel of the edge once more) in HP×WP output pixels, laid in blocks of B×B; SLOPE of the activation below
zero; EPS; RESIDUAL, KEEP, AFFINE and LAYER say what there is; SPLITS parts of a picture, ROWS pixels and CHANNELS
channels at a time.
"""

import triton
import triton.language as tl


@triton.jit
def _source(n, h, w, C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where channel 0 of pixel (h, w) lies in the input."""
    if LAYOUT == 0:
        return ((n * H + h) * W + w) * C
    phase = (h % 2) * 2 + w % 2
    if LAYOUT == 1:
        return ((n * (H // 2) + h // 2) * (W // 2) + w // 2) * (4 * C) + phase * C
    row, column = h // 2 + h % 2, w // 2 + w % 2
    return ((n * (H // 2 + 1) + row) * (W // 2 + 1) + column) * (4 * C) + phase * C


@triton.jit
def _target(n, h, w, C: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where channel 0 of padded pixel (h, w) lies in the output."""
    return ((n * (HP // B) + h // B) * (WP // B) + w // B) * (B * B * C) + ((h % B) * B + w % B) * C


@triton.jit
def _reflection(place, PAD: tl.constexpr, SIDE: tl.constexpr, EDGE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where a row or column is seen again in the padding, and whether it is at all."""
    if EDGE:
        return tl.where(place == 0, 0, SIDE + 1), (place == 0) | (place == SIDE - 1)
    before = (place >= 1) & (place <= PAD)
    after = (place >= SIDE - 1 - PAD) & (place <= SIDE - 2)
    return tl.where(before, PAD - place, PAD + 2 * (SIDE - 1) - place), before | after


@triton.jit
def _moments(partial, n, c, C: tl.constexpr, SPLITS: tl.constexpr):  # type: ignore[no-untyped-def]
    """The two sums that the programs of the first stage left."""
    s = tl.arange(0, SPLITS)
    places = partial + ((n * SPLITS + s) * 2 * C)[:, None] + c[None, :]
    return tl.sum(tl.load(places), 0), tl.sum(tl.load(places + C), 0)


@triton.jit
def _program(C: tl.constexpr, STAGE: tl.constexpr, SPLITS: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """The picture, the part of it and the channels that are a program's; channels beside each other run together.

    The second stage starts where the first one ended: what that read last still lies in the cache.
    """
    groups: tl.constexpr = C // CHANNELS
    place = tl.program_id(0)
    if STAGE == 2:
        place = tl.num_programs(0) - 1 - place
    rest = place // groups
    return rest // SPLITS, rest % SPLITS, (place % groups) * CHANNELS + tl.arange(0, CHANNELS)


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
    own = _source(n, h, w, C, H, W, 0)[:, None] + c[None, :]
    if RESIDUAL:
        y += tl.load(residual + own, inside[:, None], 0.0).to(tl.float32)
    y = y.to(out.dtype.element_ty)
    tl.store(out + _target(n, h + PAD, w + PAD, C, HP, WP, B)[:, None] + c[None, :], y, inside[:, None])
    if PAD > 0:
        row, rows = _reflection(h, PAD, H, EDGE)
        column, columns = _reflection(w, PAD, W, EDGE)
        rows, columns = rows & inside, columns & inside
        tl.store(out + _target(n, row, w + PAD, C, HP, WP, B)[:, None] + c[None, :], y, rows[:, None])
        tl.store(out + _target(n, h + PAD, column, C, HP, WP, B)[:, None] + c[None, :], y, columns[:, None])
        tl.store(out + _target(n, row, column, C, HP, WP, B)[:, None] + c[None, :], y, (rows & columns)[:, None])
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
        place = start + tl.arange(0, ROWS)
        p = part * share + place
        inside = (place < share) & (p < H * W)
        source = _source(n, p // W, p % W, C, H, W, LAYOUT)
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
    n, part, c = _program(C, STAGE, SPLITS, CHANNELS)
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
            held = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
            wide = held.to(tl.float32)
            total, squares = tl.sum(wide, 0), tl.sum(wide * wide, 0)
        else:
            total, squares = _moments(partial, n, c, C, SPLITS)
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
                place = start + tl.arange(0, ROWS)
                p = part * share + place
                inside = (place < share) & (p < H * W)
                h, w = p // W, p % W
                value = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
                _put(
                    value, factor, offset, residual, out, plain, n, h, w, c, inside,
                    C, H, W, PAD, HP, WP, B, EDGE, SLOPE, RESIDUAL, KEEP,
                )  # fmt: skip


@triton.jit
def _arriving(  # type: ignore[no-untyped-def]
    grad_out, grad_plain, n, h, w, c, inside,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    B: tl.constexpr, EDGE: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """The gradient of pixels (h, w): from their own place, from where they are reflected, and what came unpadded."""
    own = _target(n, h + PAD, w + PAD, C, HP, WP, B)
    grad = tl.load(grad_out + own[:, None] + c[None, :], inside[:, None], 0.0).to(tl.float32)
    if PAD > 0:
        row, rows = _reflection(h, PAD, H, EDGE)
        column, columns = _reflection(w, PAD, W, EDGE)
        rows, columns = rows & inside, columns & inside
        above, beside = _target(n, row, w + PAD, C, HP, WP, B), _target(n, h + PAD, column, C, HP, WP, B)
        corner = _target(n, row, column, C, HP, WP, B)
        grad += tl.load(grad_out + above[:, None] + c[None, :], rows[:, None], 0.0).to(tl.float32)
        grad += tl.load(grad_out + beside[:, None] + c[None, :], columns[:, None], 0.0).to(tl.float32)
        grad += tl.load(grad_out + corner[:, None] + c[None, :], (rows & columns)[:, None], 0.0).to(tl.float32)
    if KEEP:
        plain = _source(n, h, w, C, H, W, 0)
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
        kept = grad_residual + _source(n, h, w, C, H, W, 0)[:, None] + c[None, :]
        tl.store(kept, grad.to(grad_residual.dtype.element_ty), inside[:, None])
    normal = (value.to(tl.float32) - mean[None, :]) * rate[None, :]
    grad = grad.to(tl.float32)
    if SLOPE != 1.0:
        grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
    grad = (grad - (total / (H * W))[None, :] - normal * (product / (H * W))[None, :]) * (rate * gamma)[None, :]
    if LAYER:
        grad += steady[None, :] + rising[None, :] * normal
    source = grad_x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :]
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
        place = start + tl.arange(0, ROWS)
        p = part * share + place
        inside = (place < share) & (p < H * W)
        h, w = p // W, p % W
        value = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
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
    n, part, c = _program(C, STAGE, SPLITS, CHANNELS)
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
            held = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
            grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, EDGE, KEEP)
            arrived = grad.to(grad_out.dtype.element_ty)  # held narrow: registers are what limits this
            normal = (held.to(tl.float32) - mean[None, :]) * rate[None, :]
            if SLOPE != 1.0:
                grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
            total, product = tl.sum(grad, 0), tl.sum(grad * normal, 0)
        else:
            total, product = _moments(partial, n, c, C, SPLITS)
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
                place = start + tl.arange(0, ROWS)
                p = part * share + place
                inside = (place < share) & (p < H * W)
                h, w = p // W, p % W
                value = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
                grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, EDGE, KEEP)
                _return(
                    value, grad, mean, rate, gamma, beta, total, product, steady, rising, grad_x, grad_residual,
                    n, h, w, c, inside, C, H, W, LAYOUT, SLOPE, RESIDUAL, LAYER,
                )  # fmt: skip


@triton.jit
def activate(  # type: ignore[no-untyped-def]
    x, out,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    SLOPE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Activate, and pad by reflection."""
    n, part, c = _program(C, 1, SPLITS, CHANNELS)
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    factor, offset = tl.full([CHANNELS], 1.0, tl.float32), tl.zeros([CHANNELS], tl.float32)
    for start in range(0, share, ROWS):
        place = start + tl.arange(0, ROWS)
        p = part * share + place
        inside = (place < share) & (p < H * W)
        h, w = p // W, p % W
        value = tl.load(x + _source(n, h, w, C, H, W, 0)[:, None] + c[None, :], inside[:, None], 0.0)
        _put(
            value, factor, offset, x, out, out, n, h, w, c, inside,
            C, H, W, PAD, HP, WP, 1, False, SLOPE, False, False,
        )  # fmt: skip


@triton.jit
def deactivate(  # type: ignore[no-untyped-def]
    x, grad_out, grad_x,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    SLOPE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """The gradient of `activate`."""
    n, part, c = _program(C, 1, SPLITS, CHANNELS)
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    for start in range(0, share, ROWS):
        place = start + tl.arange(0, ROWS)
        p = part * share + place
        inside = (place < share) & (p < H * W)
        h, w = p // W, p % W
        source = _source(n, h, w, C, H, W, 0)[:, None] + c[None, :]
        value = tl.load(x + source, inside[:, None], 0.0)
        grad = _arriving(grad_out, grad_out, n, h, w, c, inside, C, H, W, PAD, HP, WP, 1, False, False)
        grad = tl.where(value > 0, grad, grad * SLOPE)
        tl.store(grad_x + source, grad.to(grad_x.dtype.element_ty), inside[:, None])
