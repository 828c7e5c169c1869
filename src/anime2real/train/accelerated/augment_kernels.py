"""The Triton kernels behind `augment.py`: a program sees PIXELS pixels of a picture, three channels each.

Compile-time arguments are in capitals: S pixels a side, REACH of the shift, HALF of the cutout's side. `numbers`,
(N, COLUMNS), are those of `train.augment.augmented`.
"""

import triton
import triton.language as tl


@triton.jit
def _pixels(S: tl.constexpr, PIXELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """A program's picture, and the numbers, rows and columns of its pixels, of which some may lie beyond the last."""
    parts: tl.constexpr = (S * S + PIXELS - 1) // PIXELS
    p = (tl.program_id(0) % parts) * PIXELS + tl.arange(0, PIXELS)
    return tl.program_id(0) // parts, p, p // S, p % S


@triton.jit
def _drawn(numbers, n, S: tl.constexpr, REACH: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Brightness, saturation, contrast, the shift down and to the right, and the middle of the cutout."""
    own = numbers + n * COLUMNS
    dy = REACH - (tl.load(own + 3) * (2 * REACH + 1)).to(tl.int32)
    dx = REACH - (tl.load(own + 4) * (2 * REACH + 1)).to(tl.int32)
    cy, cx = (tl.load(own + 5) * S).to(tl.int32), (tl.load(own + 6) * S).to(tl.int32)
    return tl.load(own) - 0.5, tl.load(own + 1) * 2.0, tl.load(own + 2) + 0.5, dy, dx, cy, cx


@triton.jit
def _seen(h, w, dy, dx, cy, cx, S: tl.constexpr, HALF: tl.constexpr):  # type: ignore[no-untyped-def]
    """Whether pixels (h, w) of the result show the picture: neither cut out nor shifted in."""
    inside = (h >= 0) & (h < S) & (w >= 0) & (w < S)
    shown = (h - dy >= 0) & (h - dy < S) & (w - dx >= 0) & (w - dx < S)
    return inside & shown & ~((tl.abs(h - cy) < HALF) & (tl.abs(w - cx) < HALF))


@triton.jit(do_not_specialize=["picture", "row"])
def augment(  # type: ignore[no-untyped-def]
    image, means, numbers, out, picture, channel, row, column,
    S: tl.constexpr, REACH: tl.constexpr, HALF: tl.constexpr, COLUMNS: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Colours, shift and cutout; the result lies channels last."""
    n, p, h, w = _pixels(S, PIXELS)
    brightness, saturation, contrast, dy, dx, cy, cx = _drawn(numbers, n, S, REACH, COLUMNS)
    seen = _seen(h, w, dy, dx, cy, cx, S, HALF)
    place = image + n * picture + (h - dy) * row + (w - dx) * column
    r = tl.load(place, seen, 0.0).to(tl.float32)
    g = tl.load(place + channel, seen, 0.0).to(tl.float32)
    b = tl.load(place + 2 * channel, seen, 0.0).to(tl.float32)
    own = contrast * saturation
    rest = contrast * (1.0 - saturation) * ((r + g + b) / 3.0) + brightness + (1.0 - contrast) * tl.load(means + n)
    kind = out.dtype.element_ty
    target = out + (n * S * S + p) * 3
    exists = p < S * S
    tl.store(target, tl.where(seen, own * r + rest, 0.0).to(kind), exists)
    tl.store(target + 1, tl.where(seen, own * g + rest, 0.0).to(kind), exists)
    tl.store(target + 2, tl.where(seen, own * b + rest, 0.0).to(kind), exists)


@triton.jit
def seen_sums(  # type: ignore[no-untyped-def]
    grad_out, numbers, partial,
    S: tl.constexpr, REACH: tl.constexpr, HALF: tl.constexpr, COLUMNS: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Sums of the gradients of pixels that show the picture, of all channels, a program each; what comes in lies
    channels last."""
    n, p, h, w = _pixels(S, PIXELS)
    _, _, _, dy, dx, cy, cx = _drawn(numbers, n, S, REACH, COLUMNS)
    seen = _seen(h, w, dy, dx, cy, cx, S, HALF)
    place = grad_out + (n * S * S + p) * 3
    total = tl.load(place, seen, 0.0).to(tl.float32) + tl.load(place + 1, seen, 0.0).to(tl.float32)
    tl.store(partial + tl.program_id(0), tl.sum(total + tl.load(place + 2, seen, 0.0).to(tl.float32), 0))


@triton.jit(do_not_specialize=["picture", "row"])
def augment_back(  # type: ignore[no-untyped-def]
    grad_out, sums, numbers, grad_image, picture, channel, row, column,
    S: tl.constexpr, REACH: tl.constexpr, HALF: tl.constexpr, COLUMNS: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """The gradient of `augment` by the image, laid out as that is."""
    n, p, h, w = _pixels(S, PIXELS)
    _, saturation, contrast, dy, dx, cy, cx = _drawn(numbers, n, S, REACH, COLUMNS)
    exists = p < S * S
    seen = _seen(h + dy, w + dx, dy, dx, cy, cx, S, HALF) & exists
    place = grad_out + (n * S * S + (h + dy) * S + w + dx) * 3
    r = tl.load(place, seen, 0.0).to(tl.float32)
    g = tl.load(place + 1, seen, 0.0).to(tl.float32)
    b = tl.load(place + 2, seen, 0.0).to(tl.float32)
    own = contrast * saturation
    rest = contrast * (1.0 - saturation) * ((r + g + b) / 3.0) + (1.0 - contrast) * tl.load(sums + n) / (3 * S * S)
    kind = grad_image.dtype.element_ty
    target = grad_image + n * picture + h * row + w * column
    tl.store(target, (own * r + rest).to(kind), exists)
    tl.store(target + channel, (own * g + rest).to(kind), exists)
    tl.store(target + 2 * channel, (own * b + rest).to(kind), exists)
