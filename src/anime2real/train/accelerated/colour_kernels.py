"""The Triton kernels behind `colours.py`: a program sees a cell of a picture, or PIXELS of its pixels.

Compile-time arguments are in capitals: SIDE pixels a side of a cell; EPSILON and KAPPA of CIELAB; M0 to M8, row by row,
lead from linear sRGB to XYZ of white 1.
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
    within = (encoded > 0.0) & (encoded < 1.0)
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


@triton.jit(do_not_specialize=["S", "b_picture", "b_row", "a_picture", "a_row"])
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


@triton.jit(do_not_specialize=["S", "a_picture", "a_row"])
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


@triton.jit
def _of_part(H, W, PIXELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """A program's picture, and its pixels: their number, row and column, and which of them exist."""
    parts = tl.cdiv(H * W, PIXELS)
    p = (tl.program_id(0) % parts) * PIXELS + tl.arange(0, PIXELS)
    exists = p < H * W
    p = tl.where(exists, p, 0)
    return tl.program_id(0) // parts, p, p // W, p % W, exists


@triton.jit(do_not_specialize=["H", "W", "picture", "row"])
def to_lab(  # type: ignore[no-untyped-def]
    image, out, H, W, picture, channel, row, column, PIXELS: tl.constexpr, EPSILON: tl.constexpr, KAPPA: tl.constexpr,
    M0: tl.constexpr, M1: tl.constexpr, M2: tl.constexpr, M3: tl.constexpr, M4: tl.constexpr, M5: tl.constexpr,
    M6: tl.constexpr, M7: tl.constexpr, M8: tl.constexpr,
):  # fmt: skip
    """CIELAB of sRGB; the result is contiguous."""
    n, p, h, w, exists = _of_part(H, W, PIXELS)
    place = n * picture + h * row + w * column
    light, a, b, _, _, _, _, _, _ = _lab(
        image, place, channel, EPSILON, KAPPA, M0, M1, M2, M3, M4, M5, M6, M7, M8
    )  # fmt: skip
    target = out + n * 3 * H * W + p
    tl.store(target, light, exists)
    tl.store(target + H * W, a, exists)
    tl.store(target + 2 * H * W, b, exists)


@triton.jit(do_not_specialize=["H", "W", "picture", "row"])
def to_lab_back(  # type: ignore[no-untyped-def]
    image, grad_out, grad_image, H, W, picture, channel, row, column,
    PIXELS: tl.constexpr, EPSILON: tl.constexpr, KAPPA: tl.constexpr,
    M0: tl.constexpr, M1: tl.constexpr, M2: tl.constexpr, M3: tl.constexpr, M4: tl.constexpr, M5: tl.constexpr,
    M6: tl.constexpr, M7: tl.constexpr, M8: tl.constexpr,
):  # fmt: skip
    """The gradient of `to_lab`, laid out as the image is."""
    n, p, h, w, exists = _of_part(H, W, PIXELS)
    place = n * picture + h * row + w * column
    _, _, _, dx, dy, dz, dr, dg, db = _lab(
        image, place, channel, EPSILON, KAPPA, M0, M1, M2, M3, M4, M5, M6, M7, M8
    )  # fmt: skip
    given = grad_out + n * 3 * H * W + p
    by_l, by_a, by_b = tl.load(given), tl.load(given + H * W), tl.load(given + 2 * H * W)
    x, z = 500.0 * by_a * dx, -200.0 * by_b * dz
    y = (116.0 * by_l - 500.0 * by_a + 200.0 * by_b) * dy
    kind = grad_image.dtype.element_ty
    tl.store(grad_image + place, ((M0 * x + M3 * y + M6 * z) * dr).to(kind), exists)
    tl.store(grad_image + place + channel, ((M1 * x + M4 * y + M7 * z) * dg).to(kind), exists)
    tl.store(grad_image + place + 2 * channel, ((M2 * x + M5 * y + M8 * z) * db).to(kind), exists)


@triton.jit
def _expanded(f, EPSILON: tl.constexpr, KAPPA: tl.constexpr):  # type: ignore[no-untyped-def]
    """What `_compressed` compresses."""
    return tl.where(f * f * f > EPSILON, f * f * f, (116.0 * f - 16.0) / KAPPA)


@triton.jit
def _far(away, grey):  # type: ignore[no-untyped-def]
    """How far a channel goes, in shares of its way from grey to 0 or 1."""
    return tl.abs(away) / tl.maximum(tl.where(away > 0.0, 1.0 - grey, grey), 1e-6)


@triton.jit
def _encoded(linear):  # type: ignore[no-untyped-def]
    """A number in [-1, 1] of linear sRGB, brought into [0, 1]."""
    linear = tl.minimum(tl.maximum(linear, 0.0), 1.0)
    high = 1.055 * _power(tl.maximum(linear, 1e-9), 1.0 / 2.4) - 0.055
    encoded = 2.0 * tl.where(linear <= 0.0031308, 12.92 * linear, high) - 1.0
    return tl.minimum(tl.maximum(encoded, -1.0), 1.0)


@triton.jit(do_not_specialize=["H", "W", "picture", "row"])
def to_rgb(  # type: ignore[no-untyped-def]
    lab, out, H, W, picture, channel, row, column, PIXELS: tl.constexpr, EPSILON: tl.constexpr, KAPPA: tl.constexpr,
    KNEE: tl.constexpr, Y0: tl.constexpr, Y1: tl.constexpr, Y2: tl.constexpr,
    M0: tl.constexpr, M1: tl.constexpr, M2: tl.constexpr, M3: tl.constexpr, M4: tl.constexpr, M5: tl.constexpr,
    M6: tl.constexpr, M7: tl.constexpr, M8: tl.constexpr,
):  # fmt: skip
    """sRGB of CIELAB, drawn towards grey beyond KNEE; here M0 to M8 lead back, and Y0 to Y2 to the luminance."""
    n, p, h, w, exists = _of_part(H, W, PIXELS)
    place = lab + n * picture + h * row + w * column
    fy = (tl.load(place) + 16.0) / 116.0
    x = _expanded(fy + tl.load(place + channel) / 500.0, EPSILON, KAPPA)
    y = _expanded(fy, EPSILON, KAPPA)
    z = _expanded(fy - tl.load(place + 2 * channel) / 200.0, EPSILON, KAPPA)
    r, g, b = M0 * x + M1 * y + M2 * z, M3 * x + M4 * y + M5 * z, M6 * x + M7 * y + M8 * z
    grey = tl.minimum(tl.maximum(Y0 * r + Y1 * g + Y2 * b, 0.0), 1.0)
    r, g, b = r - grey, g - grey, b - grey
    far = tl.maximum(tl.maximum(_far(r, grey), _far(g, grey)), _far(b, grey))
    over = tl.maximum(far, KNEE)
    pressed = 1.0 - (1.0 - KNEE) * tl.exp(-(over - KNEE) / (1.0 - KNEE))
    nearer = tl.where(far > KNEE, pressed / over, 1.0)
    target = out + n * 3 * H * W + p
    tl.store(target, _encoded(grey + r * nearer), exists)
    tl.store(target + H * W, _encoded(grey + g * nearer), exists)
    tl.store(target + 2 * H * W, _encoded(grey + b * nearer), exists)
