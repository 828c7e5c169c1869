"""The Triton kernels behind `norms.py` that turn a picture's moments into AdaLIN, and its gradients into theirs.

A program sees one picture. Compile-time arguments are in capitals: C channels, H×W pixels, EPS; SPLITS parts of the
picture that left sums; BLOCK, the power of 2 that holds C.
"""

import triton
import triton.language as tl


@triton.jit
def _layer(partial, n, c, C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, EPS: tl.constexpr, SPLITS: tl.constexpr):  # type: ignore[no-untyped-def]
    """A picture's moments: mean, mean square and rate of its channels, mean and rate of all of it."""
    total = tl.zeros(c.shape, tl.float32)
    squares = tl.zeros(c.shape, tl.float32)
    for s in range(SPLITS):
        place = partial + (n * SPLITS + s) * 2 * C + c
        total += tl.load(place, c < C, 0.0)
        squares += tl.load(place + C, c < C, 0.0)
    mean, square = total / (H * W), squares / (H * W)
    rate = 1.0 / tl.sqrt(tl.maximum(square - mean * mean, 0.0) + EPS)
    whole = tl.sum(mean, 0) / C
    spread = tl.maximum(tl.sum(square, 0) / C - whole * whole, 0.0)
    return mean, rate, whole, 1.0 / tl.sqrt(spread + EPS)


@triton.jit
def layer_affine(  # type: ignore[no-untyped-def]
    partial, rho, gamma, beta, scale, shift, layer,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, EPS: tl.constexpr, SPLITS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """AdaLIN as an instance norm's scale and shift, of a picture a program; from the sums of its parts."""
    n = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    mean, rate, whole, layer_rate = _layer(partial, n, c, C, H, W, EPS, SPLITS)
    share = tl.load(rho + c, c < C, 0.0)
    g, b = tl.load(gamma + n * C + c, c < C, 0.0), tl.load(beta + n * C + c, c < C, 0.0)
    rest = (1.0 - share) * layer_rate
    tl.store(scale + n * C + c, g * (share + rest / rate), c < C)
    tl.store(shift + n * C + c, b + g * rest * (mean - whole), c < C)
    tl.store(layer + n * 2, whole)
    tl.store(layer + n * 2 + 1, layer_rate)


@triton.jit
def layer_gradient(  # type: ignore[no-untyped-def]
    partial, rho, gamma, moments, layer, carried, grad_rho, grad_gamma, grad_beta,
    C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, EPS: tl.constexpr, SPLITS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of rho, gamma and beta, of a picture a program, from those of the scale and the shift; and what the
    moments hand on to every pixel, `carried`: a number a channel, and one times the normalised value."""
    n = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    known = c < C
    by_shift = tl.zeros([BLOCK], tl.float32)
    by_scale = tl.zeros([BLOCK], tl.float32)
    for s in range(SPLITS):
        place = partial + (n * SPLITS + s) * 2 * C + c
        by_shift += tl.load(place, known, 0.0)
        by_scale += tl.load(place + C, known, 0.0)
    mean = tl.load(moments + n * 2 * C + c, known, 0.0)
    rate = tl.load(moments + n * 2 * C + C + c, known, 1.0)
    whole, layer_rate = tl.load(layer + n * 2), tl.load(layer + n * 2 + 1)
    share = tl.load(rho + c, known, 0.0)
    g = tl.load(gamma + n * C + c, known, 0.0)
    apart = mean - whole
    instance_less_layer = by_scale * (1.0 - layer_rate / rate) - by_shift * layer_rate * apart
    tl.store(grad_rho + n * C + c, g * instance_less_layer, known)
    rest = (1.0 - share) * layer_rate
    tl.store(grad_gamma + n * C + c, by_scale * (share + rest / rate) + by_shift * rest * apart, known)
    tl.store(grad_beta + n * C + c, by_shift, known)
    # To the layer's rate, and by it to the layer's mean and mean square; nothing where the variance is clamped.
    by_rate = tl.sum(g * (1.0 - share) * (by_scale / rate + by_shift * apart), 0)
    clamped = layer_rate * layer_rate * EPS >= 1.0
    by_variance = tl.where(clamped, 0.0, -0.5 * layer_rate * layer_rate * layer_rate * by_rate)
    own = g * rest * by_shift
    by_mean = own - (tl.sum(own, 0) + 2.0 * whole * by_variance) / C
    by_square = by_variance / C
    steady = by_mean + 2.0 * by_square * mean
    rising = g * rest * by_scale + 2.0 * by_square / rate
    tl.store(carried + n * 2 * C + c, steady / (H * W), known)
    tl.store(carried + n * 2 * C + C + c, rising / (H * W), known)
