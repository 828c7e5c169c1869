"""The Triton kernels behind `depthwise.py`: a filter for each channel, with the ReLU6 before and behind it.

Tensors are channels last. A program sees TH×TW pixels of a picture and CHANNELS of its channels. Compile-time arguments
are in capitals: SIDE×SIDE weights a channel, (SIDE², C) in memory, STRIDE, BEFORE zeros before the first row and
column. C, H×W of the input and HO×WO of the output are not, so that few kernels serve a whole network; nor is a
kernel compiled anew for sides that 16 divides.
"""

import triton
import triton.language as tl


@triton.jit
def _share(C, H, W, TH: tl.constexpr, TW: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """A program's picture, rows and columns of H×W, which of them lie inside, channels, and which of those exist."""
    groups = tl.cdiv(C, CHANNELS)
    place = tl.program_id(0)
    c = (place % groups) * CHANNELS + tl.arange(0, CHANNELS)
    tile = place // groups
    across, down = tl.cdiv(W, TW), tl.cdiv(H, TH)
    p = tl.arange(0, TH * TW)
    h = (tile // across) % down * TH + p // TW
    w = tile % across * TW + p % TW
    return tile // (across * down), h, w, (h < H) & (w < W), c, c < C


@triton.jit(do_not_specialize=["H", "W", "HO", "WO"])
def filtered(  # type: ignore[no-untyped-def]
    x, weight, bias, out, C, H, W, HO, WO,
    SIDE: tl.constexpr, STRIDE: tl.constexpr, BEFORE: tl.constexpr,
    TH: tl.constexpr, TW: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """ReLU6 of the filtered ReLU6 of the input, plus the bias."""
    n, h, w, inside, c, known = _share(C, HO, WO, TH, TW, CHANNELS)
    total = tl.zeros([TH * TW, CHANNELS], tl.float32) + tl.load(bias + c, known, 0.0).to(tl.float32)[None, :]
    for i in range(SIDE):
        for j in tl.static_range(SIDE):
            row, column = h * STRIDE + i - BEFORE, w * STRIDE + j - BEFORE
            there = inside & (row >= 0) & (row < H) & (column >= 0) & (column < W)
            place = x + (((n * H + row) * W + column) * C)[:, None] + c[None, :]
            value = tl.load(place, there[:, None] & known[None, :], 0.0).to(tl.float32)
            factor = tl.load(weight + (i * SIDE + j) * C + c, known, 0.0).to(tl.float32)
            total += tl.minimum(tl.maximum(value, 0.0), 6.0) * factor[None, :]
    total = tl.minimum(tl.maximum(total, 0.0), 6.0)
    place = out + (((n * HO + h) * WO + w) * C)[:, None] + c[None, :]
    tl.store(place, total.to(out.dtype.element_ty), inside[:, None] & known[None, :])


@triton.jit(do_not_specialize=["H", "W", "HO", "WO"])
def returned(  # type: ignore[no-untyped-def]
    x, weight, out, grad_out, grad_x, C, H, W, HO, WO,
    SIDE: tl.constexpr, STRIDE: tl.constexpr, BEFORE: tl.constexpr,
    TH: tl.constexpr, TW: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """The gradient of `filtered` by its input; none passes a ReLU6 where it clips."""
    n, h, w, inside, c, known = _share(C, H, W, TH, TW, CHANNELS)
    total = tl.zeros([TH * TW, CHANNELS], tl.float32)
    for i in range(SIDE):
        for j in tl.static_range(SIDE):
            down, across = h + (BEFORE - i), w + (BEFORE - j)
            row, column = down // STRIDE, across // STRIDE
            there = inside & (down >= 0) & (row < HO) & (across >= 0) & (column < WO)
            if STRIDE > 1:
                there = there & (down % STRIDE == 0) & (across % STRIDE == 0)
            place = (((n * HO + row) * WO + column) * C)[:, None] + c[None, :]
            seen = there[:, None] & known[None, :]
            made = tl.load(out + place, seen, 0.0).to(tl.float32)
            grad = tl.load(grad_out + place, seen, 0.0).to(tl.float32)
            factor = tl.load(weight + (i * SIDE + j) * C + c, known, 0.0).to(tl.float32)
            total += tl.where((made > 0.0) & (made < 6.0), grad, 0.0) * factor[None, :]
    place = (((n * H + h) * W + w) * C)[:, None] + c[None, :]
    seen = inside[:, None] & known[None, :]
    value = tl.load(x + place, seen, 0.0).to(tl.float32)
    total = tl.where((value > 0.0) & (value < 6.0), total, 0.0)
    tl.store(grad_x + place, total.to(grad_x.dtype.element_ty), seen)
