"""Instance norm and everything around it in one Triton kernel each way, for GPUs.

Between two convolutions of a generator stand an instance norm, an activation or an addition, and a padding; as separate
steps they move the picture through memory a dozen times, and the convolutions wait. Here, channels last,

    y = act(γ · (x - mean) / sqrt(variance + ε) + β) + residual

is written once, already padded by reflection, and its gradient comes back the same way. The layouts in which the
folded convolutions of `fast.py` leave and want their pixels are address arithmetic here, no passes of their own:

- `blocked` input: 2×2 pixels lie beside each other as 4·C channels, phase first;
- `doubled` input: the four phases of a resize-convolution, each one shifted by its own place;
- output in blocks of b×b pixels, as b²·C channels, phase first, zeros filling up the last blocks.

Moments and sums are fp32; no atomic additions, so the same input gives the same bits.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
import triton
import triton.language as tl
from torch import Tensor

from anime2real.train.networks.resnet import EPSILON

Layout = Literal["plain", "blocked", "doubled"]
Activation = Literal["none", "relu", "leaky"]

_LAYOUTS: Final[dict[Layout, int]] = {"plain": 0, "blocked": 1, "doubled": 2}
_SLOPES: Final[dict[Activation, float]] = {"none": 1.0, "relu": 0.0, "leaky": 0.2}
_HELD, _SUM, _APPLY = 0, 1, 2
_HELD_PIXELS: Final = 1024
"""Up to so many pixels a program holds some channels of a picture in registers."""


@dataclass(frozen=True)
class Surroundings:
    """What surrounds one norm.

    Attributes:
        height, width: H and W, of the picture that the layout describes.
        layout: of the input.
        activation: after the norm; `leaky` has slope 0.2. Not together with a residual.
        pad: pixels of reflection around the output.
        block: b, the side of the blocks that the output is laid in.
        keep: give the unpadded result too, as the next residual.
    """

    height: int
    width: int
    layout: Layout = "plain"
    activation: Activation = "none"
    pad: int = 0
    block: int = 1
    keep: bool = False

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the output in pixels, whole blocks."""
        b = self.block
        return tuple(-(-(side + 2 * self.pad) // b) * b for side in (self.height, self.width))  # type: ignore[return-value]


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
        scale, shift: (N, C) in fp32, γ and β; 1 and 0 if not given.

    Returns:
        the padded result, (N, b²·C, H'/b, W'/b), and, with `keep`, the unpadded one, (N, C, H, W).
    """
    if around.height <= 2 * around.pad + 1 or around.width <= 2 * around.pad + 1:
        raise ValueError(f"{around.height}×{around.width} pixels are too few to reflect {around.pad} of them")
    if residual is not None and around.activation != "none":
        raise ValueError("an activation cannot stand before a residual here")
    out, plain = _FusedNorm.apply(x, residual, scale, shift, around)  # type: ignore[no-untyped-call]
    return out, plain if around.keep else None


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
def _reflection(place, PAD: tl.constexpr, SIDE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where a row or column is reflected to in the padding, and whether it is at all."""
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
    B: tl.constexpr, SLOPE: tl.constexpr, RESIDUAL: tl.constexpr, KEEP: tl.constexpr,
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
        row, rows = _reflection(h, PAD, H)
        column, columns = _reflection(w, PAD, W)
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
def _forward(  # type: ignore[no-untyped-def]
    x, residual, scale, shift, out, plain, moments, partial,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr,
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
        elif STAGE == 2:
            total, squares = _moments(partial, n, c, C, SPLITS)
        else:
            total, squares = _sums(x, n, part, c, C, H, W, LAYOUT, SPLITS, ROWS, CHANNELS)
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
                C, H, W, PAD, HP, WP, B, SLOPE, RESIDUAL, KEEP,
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
                    C, H, W, PAD, HP, WP, B, SLOPE, RESIDUAL, KEEP,
                )  # fmt: skip


@triton.jit
def _arriving(  # type: ignore[no-untyped-def]
    grad_out, grad_plain, n, h, w, c, inside,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr,
    B: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """The gradient of pixels (h, w): from their own place, from where they are reflected, and what came unpadded."""
    own = _target(n, h + PAD, w + PAD, C, HP, WP, B)
    grad = tl.load(grad_out + own[:, None] + c[None, :], inside[:, None], 0.0).to(tl.float32)
    if PAD > 0:
        row, rows = _reflection(h, PAD, H)
        column, columns = _reflection(w, PAD, W)
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
    value, grad, mean, rate, gamma, beta, total, product, grad_x, grad_residual, n, h, w, c, inside,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    SLOPE: tl.constexpr, RESIDUAL: tl.constexpr,
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
    PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr,
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
        grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, KEEP)
        if SLOPE != 1.0:
            grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
        total += grad
        product += grad * normal
    return tl.sum(total, 0), tl.sum(product, 0)


@triton.jit
def _backward(  # type: ignore[no-untyped-def]
    x, scale, shift, moments, grad_out, grad_plain, grad_x, grad_residual, sums, partial,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr,
    PAD: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr,
    SLOPE: tl.constexpr, RESIDUAL: tl.constexpr, KEEP: tl.constexpr, AFFINE: tl.constexpr,
    STAGE: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
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
            C, H, W, LAYOUT, PAD, HP, WP, B, SLOPE, KEEP, SPLITS, ROWS, CHANNELS,
        )  # fmt: skip
        tl.store(partial + (n * SPLITS + part) * 2 * C + c, total)
        tl.store(partial + (n * SPLITS + part) * 2 * C + C + c, product)
    else:
        if STAGE == 0:
            p = tl.arange(0, ROWS)
            inside = p < H * W
            h, w = p // W, p % W
            held = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
            grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, KEEP)
            arrived = grad.to(grad_out.dtype.element_ty)  # held narrow: registers are what limits this
            normal = (held.to(tl.float32) - mean[None, :]) * rate[None, :]
            if SLOPE != 1.0:
                grad = tl.where(normal * gamma[None, :] + beta[None, :] > 0, grad, grad * SLOPE)
            total, product = tl.sum(grad, 0), tl.sum(grad * normal, 0)
        elif STAGE == 2:
            total, product = _moments(partial, n, c, C, SPLITS)
        else:
            total, product = _grad_sums(
                x, grad_out, grad_plain, mean, rate, gamma, beta, n, part, c,
                C, H, W, LAYOUT, PAD, HP, WP, B, SLOPE, KEEP, SPLITS, ROWS, CHANNELS,
            )  # fmt: skip
        if AFFINE and part == 0:
            tl.store(sums + n * 2 * C + c, product)
            tl.store(sums + n * 2 * C + C + c, total)
        if STAGE == 0:
            _return(
                held, arrived, mean, rate, gamma, beta, total, product, grad_x, grad_residual, n, h, w, c, inside,
                C, H, W, LAYOUT, SLOPE, RESIDUAL,
            )  # fmt: skip
        else:
            for start in range(0, share, ROWS):
                place = start + tl.arange(0, ROWS)
                p = part * share + place
                inside = (place < share) & (p < H * W)
                h, w = p // W, p % W
                value = tl.load(x + _source(n, h, w, C, H, W, LAYOUT)[:, None] + c[None, :], inside[:, None], 0.0)
                grad = _arriving(grad_out, grad_plain, n, h, w, c, inside, C, H, W, PAD, HP, WP, B, KEEP)
                _return(
                    value, grad, mean, rate, gamma, beta, total, product, grad_x, grad_residual, n, h, w, c, inside,
                    C, H, W, LAYOUT, SLOPE, RESIDUAL,
                )  # fmt: skip


@dataclass(frozen=True)
class Tiling:
    """How the work is cut: parts of a picture a program each, pixels and channels at a time, warps a program."""

    splits: int
    rows: int
    channels: int
    warps: int


def tiling_of(pixels: int, channels: int, backward: bool) -> Tiling:
    """The tiling for pictures of so many pixels and channels.

    A small picture's channels are held in registers between the two looks that a norm takes, a large picture's
    are read twice, in two stages, by many programs.
    """
    import json, os
    if os.path.exists("/tmp/tiling.json"):
        chosen = json.load(open("/tmp/tiling.json"))
        key = {1024: "relu", 4096: "up1", 16384: "up2"}.get(pixels)
        found = chosen.get(f"{key}-{backward}")
        if found and channels % found["channels"] == 0:
            return Tiling(**found)
    if pixels <= _HELD_PIXELS:
        rows, width = max(16, triton.next_power_of_2(pixels)), _divisor(channels, 32)
        a_thread = 64 if backward else 128  # numbers held; backward holds two pictures
        return Tiling(1, rows, width, min(16, max(1, rows * width // (32 * a_thread))))
    width = _divisor(channels, 64)
    return Tiling(min(32, triton.next_power_of_2(pixels // 256)), max(16, 4096 // width), width, 4)


def _divisor(number: int, limit: int) -> int:
    return min(number & -number, limit)


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
        x = _last(x)
        residual = None if residual is None else _last(residual)
        n, channels = x.shape[0], x.shape[1] // (1 if around.layout == "plain" else 4)
        out = _new(x, around.block**2 * channels, *(side // around.block for side in around.padded))
        plain = _new(x, channels, around.height, around.width) if around.keep else None
        moments = x.new_empty((n, 2, channels), dtype=torch.float32)
        arguments = (x, residual, scale, shift, out, plain, moments)
        tensors = [x if tensor is None else tensor for tensor in arguments]  # an address that is not looked at
        options = _constants(around, channels) | {
            "EPS": EPSILON, "RESIDUAL": residual is not None, "AFFINE": scale is not None
        }  # fmt: skip
        _clear_rest(out, around)
        _run(_forward, tensors, x, tiling_of(around.height * around.width, channels, backward=False), options)
        ctx.save_for_backward(x, scale, shift, moments)
        ctx.around, ctx.residual = around, residual is not None
        ctx.set_materialize_grads(False)
        return out, plain

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor, grad_plain: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, scale, shift, moments = ctx.saved_tensors
        around: Surroundings = ctx.around
        n, channels = moments.shape[0], moments.shape[2]
        grad_out = _last(grad_out)
        grad_plain = None if grad_plain is None else _last(grad_plain)
        grad_x = torch.empty_like(x)
        grad_residual = _new(x, channels, around.height, around.width) if ctx.residual else None
        sums = torch.empty_like(moments)
        arguments = (x, scale, shift, moments, grad_out, grad_plain, grad_x, grad_residual, sums)
        tensors = [x if tensor is None else tensor for tensor in arguments]
        options = _constants(around, channels) | {
            "RESIDUAL": ctx.residual, "AFFINE": scale is not None, "KEEP": grad_plain is not None
        }  # fmt: skip
        _run(_backward, tensors, x, tiling_of(around.height * around.width, channels, backward=True), options)
        affine = (None, None) if scale is None else (sums[:, 0], sums[:, 1])
        return grad_x, grad_residual, *affine, None


def _constants(around: Surroundings, channels: int) -> dict[str, Any]:
    height, width = around.padded
    return {
        "C": channels, "H": around.height, "W": around.width, "LAYOUT": _LAYOUTS[around.layout], "PAD": around.pad,
        "HP": height, "WP": width, "B": around.block, "SLOPE": _SLOPES[around.activation], "KEEP": around.keep,
    }  # fmt: skip


def _run(kernel: Any, tensors: list[Tensor], x: Tensor, tiling: Tiling, options: dict[str, Any]) -> None:
    """Launch a kernel's one stage or two."""
    n, channels = len(x), options["C"]
    splits = abs(tiling.splits)
    partial = x.new_empty((n, splits, 2, channels), dtype=torch.float32) if splits > 1 else x
    for stage in (_HELD,) if tiling.splits == 1 else (3,) if tiling.splits == -1 else (_SUM, _APPLY):
        kernel[(n * splits * (channels // tiling.channels),)](
            *tensors, partial, **options, STAGE=stage, SPLITS=splits, ROWS=tiling.rows,
            CHANNELS=tiling.channels, num_warps=tiling.warps,
        )  # fmt: skip


def _clear_rest(out: Tensor, around: Surroundings) -> None:
    """Zero the pixels that fill up the last blocks of an output."""
    b = around.block
    pixels = out.permute(0, 2, 3, 1).unflatten(3, (b, b, -1))  # (N, H'/b, W'/b, row in the block, column, C)
    rows, columns = (
        padded - side - 2 * around.pad for padded, side in zip(around.padded, (around.height, around.width), strict=True)
    )
    if rows:
        pixels[:, -1, :, b - rows :].zero_()
    if columns:
        pixels[:, :, -1, :, b - columns :].zero_()


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _new(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """An empty (N, channels, height, width), channels last."""
    return like.new_empty((len(like), height, width, channels)).permute(0, 3, 1, 2)
