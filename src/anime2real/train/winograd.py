"""Convolutions with fewer multiplications, for the exported file only.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016: a tile of outputs is

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A,

with g the kernel, d the inputs that the tile sees, and ⊙ a sum over input channels. Multiplications per
output pixel and channel pair:

| convolution | directly | here | algorithm |
|---|---|---|---|
| 3×3 | 9 | 2.25 | F(4×4, 3×3): a tile of 4×4 outputs sees 6×6 inputs |
| doubling, then 3×3 | 9 | 2.25 | an input pixel's 2×2 outputs see it and its 8 neighbours, see `DOUBLED` |

Direct convolution in ONNX Runtime runs near the processor's peak, so fewer multiplications are the one large
gain left. ONNX Runtime has no such kernel; here it is spelled in Gather and MatMul, in a layout that makes
every step one large MatMul or one pass over contiguous memory:

- A picture is (N, pixels, C). In the output of a tiled convolution the pixels are ordered (place in the tile,
  tile): the next Gather, the instance norm and the addition do not care.
- One Gather brings the inputs of every tile, padding included.
- kron(M, M) acts on both axes at once: one MatMul for each of A, B and G.
- G g Gᵀ is computed in the graph from g. ONNX Runtime folds it when it loads the file, so the file holds nine
  numbers where the running session holds 36.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.networks.resnet import EPSILON, ResidualBlock, ResizeConvolution

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Algorithm:
    """A one-dimensional algorithm; both axes use it.

    Attributes:
        step: input pixels from one tile to the next.
        a: Aᵀ, (outputs of a tile, products).
        b: Bᵀ, (products, inputs that a tile sees); the first of them lies one before the tile.
        g: G, (products, 3).
    """

    step: int
    a: Matrix
    b: Matrix
    g: Matrix

    @property
    def seen(self) -> int:
        """Inputs that a tile sees, on one axis."""
        return len(self.b[0])


TILED: Final = Algorithm(
    step=4,
    a=(
        (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
        (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
        (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
        (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
    ),
    b=(
        (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
        (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
        (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
        (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
        (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
        (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
    ),
    g=(
        (1 / 4, 0.0, 0.0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0.0, 0.0, 1.0),
    ),
)
"""F(4, 3), the paper's appendix."""

DOUBLED: Final = Algorithm(
    step=1,
    a=((1.0, 1.0, 0.0), (0.0, 1.0, 1.0)),
    b=((1.0, -1.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 1.0)),
    g=((1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0)),
)
"""Nearest-neighbour doubling, then three taps. Pixel x between l and r becomes g₀·l + (g₁ + g₂)·x and
(g₀ + g₁)·x + g₂·r. With s = g₀ + g₁ + g₂ these are s·x + g₀·(l - x) and s·x + g₂·(r - x): three products,
not four."""


def both_axes(matrix: Matrix) -> Tensor:
    """kron(M, M) in fp32: M applied to the rows and the columns of a flattened tile."""
    exact = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(exact, exact).float()


def raster(side: int) -> Tensor:
    """(side, side) int64: the place of pixel (y, x) among the rows of (N, side², C), in reading order."""
    return torch.arange(side**2).view(side, side)


def tiled(side: int, tile: int) -> Tensor:
    """(side, side) int64: as `raster`, pixels ordered (y mod tile, x mod tile, y div tile, x div tile)."""
    tiles = side // tile
    order = raster(side).view(tiles, tile, tiles, tile).permute(1, 3, 0, 2).flatten()
    return torch.argsort(order).view(side, side)


def reflected(places: Tensor) -> Tensor:
    """Places with one more on every side, reflected: (S, S) to (S + 2, S + 2)."""
    side = len(places)
    index = torch.arange(-1, side + 1)
    index = (side - 1) - (index.abs() - (side - 1)).abs()
    return places[index][:, index]


def tile_inputs(padded: Tensor, algorithm: Algorithm) -> Tensor:
    """Which pixels each tile sees.

    Args:
        padded: (S + 2, S + 2), the places of a square with its padding, S a multiple of the algorithm's step.

    Returns:
        (seen²·tiles²,) int64, ordered (row, column inside the tile, tile row, tile column).
    """
    windows = padded.unfold(0, algorithm.seen, algorithm.step).unfold(1, algorithm.seen, algorithm.step)
    return windows.permute(2, 3, 0, 1).flatten()


class _Convolution(nn.Module):
    """What every convolution of one algorithm at one size shares.

    Args:
        algorithm: how.
        padded: (S + 2, S + 2), places of the inputs.
    """

    def __init__(self, algorithm: Algorithm, padded: Tensor) -> None:
        super().__init__()
        self.register_buffer("gather", tile_inputs(padded, algorithm), persistent=False)
        self.register_buffer("a", both_axes(algorithm.a), persistent=False)
        self.register_buffer("b", both_axes(algorithm.b), persistent=False)
        self.register_buffer("g", both_axes(algorithm.g), persistent=False)
        self.gather: Tensor
        self.a: Tensor
        self.b: Tensor
        self.g: Tensor
        self.tiles = ((len(padded) - 2) // algorithm.step) ** 2

    def forward(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Convolve x: (N, pixels, C) with kernel: (9, C, D), to (N, outputs of a tile · tiles, D)."""
        channels, outputs = kernel.shape[1:]
        (made, products), seen = self.a.shape, self.b.shape[1]
        u = (self.g @ kernel.flatten(1)).view(products, channels, outputs)
        d = x.index_select(1, self.gather).view(-1, seen, self.tiles * channels)
        v = (self.b @ d).view(-1, products, self.tiles, channels)
        m = torch.matmul(v, u).view(-1, products, self.tiles * outputs)
        return (self.a @ m).view(-1, made * self.tiles, outputs)


def _pixels_first(weight: Tensor) -> Tensor:
    """A trained kernel (D, C, 3, 3) as (9, C, D)."""
    return weight.detach().permute(2, 3, 1, 0).flatten(0, 1).clone()


class WinogradBlocks(nn.Module):
    """Residual blocks at one resolution: the same function as running them one after another.

    Rounding differs, about 1e-5 of the values' size a convolution: F(4×4, 3×3) takes small differences of
    numbers tens of times larger.

    Args:
        blocks: what to run, all of the same number of channels. Biases of the convolutions are dropped: the
            instance norm subtracts them.
        side: S, the side of the squares that come in, a multiple of 4.
    """

    def __init__(self, blocks: Iterable[ResidualBlock], side: int) -> None:
        super().__init__()
        if side % TILED.step:
            raise ValueError(f"the side must be a multiple of {TILED.step}, not {side}")
        self.side = side
        places = tiled(side, TILED.step)
        self.convolution = _Convolution(TILED, reflected(places))
        self.register_buffer("enter", torch.argsort(places.flatten()), persistent=False)
        self.register_buffer("leave", places.flatten(), persistent=False)
        # The mean over pixels as a MatMul: ONNX Runtime's ReduceMean takes ten times as long on this axis.
        self.register_buffer("average", torch.full((1, side**2), 1 / side**2), persistent=False)
        self.enter: Tensor
        self.leave: Tensor
        self.average: Tensor
        self.kernels = nn.ParameterList(
            _pixels_first(convolution.weight)
            for block in blocks
            for convolution in (block.first, block.second)
        )

    def normalise(self, x: Tensor) -> Tensor:
        """Instance norm of x: (N, S², C)."""
        centred = x - self.average @ x
        return centred * torch.rsqrt(self.average @ (centred * centred) + EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, S, S) to the same."""
        channels = x.shape[1]
        x = x.flatten(2).transpose(1, 2).index_select(1, self.enter)
        kernels = list(self.kernels)
        for first, second in zip(kernels[::2], kernels[1::2], strict=True):
            y = torch.relu(self.normalise(self.convolution(x, first)))
            x = x + self.normalise(self.convolution(y, second))
        return x.index_select(1, self.leave).transpose(1, 2).reshape(-1, channels, self.side, self.side)


class WinogradResize(nn.Module):
    """ResizeConvolution with half the multiplications of its folded form: (N, C, S, S) to (N, D, 2S, 2S).

    Args:
        original: what to compute.
        side: S.
    """

    def __init__(self, original: ResizeConvolution, side: int) -> None:
        super().__init__()
        self.side = side
        zero = side**2  # the place of the row of zeros that is appended
        self.convolution = _Convolution(DOUBLED, F.pad(raster(side), (1, 1, 1, 1), value=zero))
        self.register_buffer("leave", tiled(2 * side, 2).flatten(), persistent=False)
        self.leave: Tensor
        self.kernel = nn.Parameter(_pixels_first(original.convolution.weight))
        self.bias = original.convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """Double and convolve x: (N, C, S, S)."""
        pixels = F.pad(x.flatten(2).transpose(1, 2), (0, 0, 0, 1))
        y: Tensor = self.convolution(pixels, self.kernel).index_select(1, self.leave).transpose(1, 2)
        y = y.reshape(-1, self.kernel.shape[2], 2 * self.side, 2 * self.side)
        if self.bias is not None:
            y = y + self.bias.view(1, -1, 1, 1)
        return y
