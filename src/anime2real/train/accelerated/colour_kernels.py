"""The Triton kernels behind `colours.py`: a program sees a cell of a picture. Compile-time arguments are in capitals:
SIDE pixels a side of a cell; EPSILON and KAPPA of CIELAB; M0 to M8, row by row, lead from linear sRGB to XYZ of
white 1.
"""

import triton
import triton.language as tl


@triton.jit
def _power(base, exponent):  # type: ignore[no-untyped-def]
    return tl.exp2(tl.log2(base) * exponent)


@triton.jit
def _pixels(S, SIDE: tl.constexpr):  # type: ignore[no-untyped-def]
    """A program's picture, cell, and rows and columns of its pixels."""
    cells = S // SIDE
    place = tl.program_id(0)
    p = tl.arange(0, SIDE * SIDE)
    h = (place // cells) % cells * SIDE + p // SIDE
    w = place % cells * SIDE + p % SIDE
    return place // (cells * cells), place % (cells * cells), h, w


@triton.jit
def _linear(value):  # type: ignore[no-untyped-def]
    """Linear sRGB of a number in [-1, 1], and its slope."""
    encoded = (value + 1.0) / 2.0
    within = (encoded >= 0.0) & (encoded <= 1.0)
    encoded = tl.minimum(tl.maximum(encoded, 0.0), 1.0)
    low = encoded <= 0.04045
    base = (encoded + 0.055) / 1.055
    slope = tl.where(low, 1.0 / 12.92, 2.4 / 1.055 * _power(base, 1.4))
    return tl.where(low, encoded / 12.92, _power(base, 2.4)), tl.where(within, slope / 2.0, 0.0)


@triton.jit
def _compressed(share, EPSILON: tl.constexpr, KAPPA: tl.constexpr):  # type: ignore[no-untyped-def]
    """CIELAB's cube root, and its slope."""
    high = share > EPSILON
    root = _power(tl.maximum(share, EPSILON), 1.0 / 3.0)
    return tl.where(high, root, (KAPPA * share + 16.0) / 116.0), tl.where(
        high, 1.0 / (3.0 * root * root), KAPPA / 116.0
    )


@triton.jit
def _lab(  # type: ignore[no-untyped-def]
    image, place, channel, EPSILON: tl.constexpr, KAPPA: tl.constexpr,
    M0: tl.constexpr, M1: tl.constexpr, M2: tl.constexpr, M3: tl.constexpr, M4: tl.constexpr, M5: tl.constexpr,
    M6: tl.constexpr, M7: tl.constexpr, M8: tl.constexpr,
):  # fmt: skip
    """L*, a*, b* of pixels; the slopes of the three numbers that are compressed, and of the three that are decoded."""
    r, dr = _linear(tl.load(image + place).to(tl.float32))
    g, dg = _linear(tl.load(image + place + channel).to(tl.float32))
    b, db = _linear(tl.load(image + place + 2 * channel).to(tl.float32))
    x = M0 * r + M1 * g + M2 * b
    y = M3 * r + M4 * g + M5 * b
    z = M6 * r + M7 * g + M8 * b
    x, dx = _compressed(x, EPSILON, KAPPA)
    y, dy = _compressed(y, EPSILON, KAPPA)
    z, dz = _compressed(z, EPSILON, KAPPA)
    return 116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z), dx, dy, dz, dr, dg, db


@triton.jit
def differences(  # type: ignore[no-untyped-def]
    before, after, mask, out, S, b_picture, b_channel, b_row, b_column, a_picture, a_channel, a_row, a_column,
    SIDE: tl.constexpr, EPSILON: tl.constexpr, KAPPA: tl.constexpr,
    M0: tl.constexpr, M1: tl.constexpr, M2: tl.constexpr, M3: tl.constexpr, M4: tl.constexpr, M5: tl.constexpr,
    M6: tl.constexpr, M7: tl.constexpr, M8: tl.constexpr,
):  # fmt: skip
    """Means over cells of mask · (CIELAB before - CIELAB after)."""
    n, cell, h, w = _pixels(S, SIDE)
    of_before = n * b_picture + h * b_row + w * b_column
    of_after = n * a_picture + h * a_row + w * a_column
    l1, a1, b1, _, _, _, _, _, _ = _lab(
        before, of_before, b_channel, EPSILON, KAPPA, M0, M1, M2, M3, M4, M5, M6, M7, M8
    )  # fmt: skip
    l2, a2, b2, _, _, _, _, _, _ = _lab(
        after, of_after, a_channel, EPSILON, KAPPA, M0, M1, M2, M3, M4, M5, M6, M7, M8
    )  # fmt: skip
    covered = tl.load(mask + (n * S + h) * S + w) / (SIDE * SIDE)
    cells = (S // SIDE) * (S // SIDE)
    place = out + n * 3 * cells + cell
    tl.store(place, tl.sum(covered * (l1 - l2), 0))
    tl.store(place + cells, tl.sum(covered * (a1 - a2), 0))
    tl.store(place + 2 * cells, tl.sum(covered * (b1 - b2), 0))


@triton.jit
def differences_back(  # type: ignore[no-untyped-def]
    after, mask, grad_out, grad_after, S, a_picture, a_channel, a_row, a_column,
    SIDE: tl.constexpr, EPSILON: tl.constexpr, KAPPA: tl.constexpr,
    M0: tl.constexpr, M1: tl.constexpr, M2: tl.constexpr, M3: tl.constexpr, M4: tl.constexpr, M5: tl.constexpr,
    M6: tl.constexpr, M7: tl.constexpr, M8: tl.constexpr,
):  # fmt: skip
    """The gradient of `differences` by the picture after, laid out as that is."""
    n, cell, h, w = _pixels(S, SIDE)
    place = n * a_picture + h * a_row + w * a_column
    _, _, _, dx, dy, dz, dr, dg, db = _lab(
        after, place, a_channel, EPSILON, KAPPA, M0, M1, M2, M3, M4, M5, M6, M7, M8
    )  # fmt: skip
    covered = tl.load(mask + (n * S + h) * S + w) / (SIDE * SIDE)
    cells = (S // SIDE) * (S // SIDE)
    given = grad_out + n * 3 * cells + cell
    by_l, by_a, by_b = tl.load(given), tl.load(given + cells), tl.load(given + 2 * cells)
    x = -covered * 500.0 * by_a * dx
    y = -covered * (116.0 * by_l - 500.0 * by_a + 200.0 * by_b) * dy
    z = covered * 200.0 * by_b * dz
    kind = grad_after.dtype.element_ty
    r = (M0 * x + M3 * y + M6 * z) * dr
    g = (M1 * x + M4 * y + M7 * z) * dg
    b = (M2 * x + M5 * y + M8 * z) * db
    tl.store(grad_after + place, r.to(kind))
    tl.store(grad_after + place + a_channel, g.to(kind))
    tl.store(grad_after + place + 2 * a_channel, b.to(kind))
