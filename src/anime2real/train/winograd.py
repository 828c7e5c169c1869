"""The residual blocks as Winograd convolutions, for the exported file only.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, F(4×4, 3×3): a tile of 4×4 outputs costs 36
multiplications a channel pair instead of 144,

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A,

with d the 6×6 inputs that the tile sees. Direct convolution in ONNX Runtime runs near the processor's peak already, so
fewer multiplications are the only large gain left. ONNX Runtime has no such kernel; here it is spelled in MatMul and
Gather, in a layout that makes every step one large MatMul or one contiguous pass:

- Between the blocks a picture is (N, S², C), its pixels ordered (y mod 4, x mod 4, y div 4, x div 4): the 16 pixels of
  a tile form the outer axis. Instance norm and addition do not care about the order.
- One Gather brings the 36 inputs of every tile, reflection padding included.
- kron(B, B), kron(A, A) and kron(G, G) act on both axes at once: one MatMul each.
- G g Gᵀ is computed in the graph from the 3×3 kernel. ONNX Runtime folds it when it loads the file, so the file holds
  nine numbers where the running session holds 36.
"""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

from anime2real.train.networks.resnet import EPSILON, ResidualBlock

TILE: Final = 4
SEEN: Final = TILE + 2

B_TRANSPOSED: Final = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
G: Final = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
A_TRANSPOSED: Final = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)


def both_axes(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """kron(M, M) in fp32: M applied to the rows and the columns of a flattened tile."""
    exact = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(exact, exact).float()


def tile_inputs(side: int) -> Tensor:
    """Which pixel, in tile order, is input (i, j) of each tile, with reflection at the borders.

    Args:
        side: S, a multiple of 4.

    Returns:
        (36·(S/4)²,) int64, ordered (i, j, tile row, tile column), values in [0, S²).
    """
    tiles = side // TILE
    # Input i of tile t is row 4t + i - 1; row -1 reflects to 1 and row S to S - 2.
    row = TILE * torch.arange(tiles) + torch.arange(SEEN).unsqueeze(1) - 1
    row = (side - 1) - (row.abs() - (side - 1)).abs()
    inner, outer = row % TILE, row // TILE
    phase = TILE * inner[:, None, :, None] + inner[None, :, None, :]
    place = tiles * outer[:, None, :, None] + outer[None, :, None, :]
    return (phase * tiles**2 + place).flatten()


class WinogradBlocks(nn.Module):
    """Residual blocks at one resolution: the same function as running them one after another.

    Rounding differs: about 1e-5 of the values' size a convolution, since F(4×4, 3×3) adds numbers up to 64 times
    larger than its result.

    Args:
        blocks: what to run, all of the same number of channels. Biases before the instance norm are dropped: it
            subtracts them.
        side: S, the side of the squares that come in, a multiple of 4.
    """

    def __init__(self, blocks: Iterable[ResidualBlock], side: int) -> None:
        super().__init__()
        if side % TILE:
            raise ValueError(f"the side must be a multiple of {TILE}, not {side}")
        self.side = side
        self.register_buffer("gather", tile_inputs(side), persistent=False)
        self.register_buffer("b", both_axes(B_TRANSPOSED), persistent=False)
        self.register_buffer("g", both_axes(G), persistent=False)
        self.register_buffer("a", both_axes(A_TRANSPOSED), persistent=False)
        # A mean over the pixels as a MatMul: ONNX Runtime's ReduceMean takes ten times as long along this axis.
        self.register_buffer("average", torch.full((1, side**2), 1 / side**2), persistent=False)
        self.gather: Tensor
        self.b: Tensor
        self.g: Tensor
        self.a: Tensor
        self.average: Tensor
        self.kernels = nn.ParameterList(
            convolution.weight.detach().permute(2, 3, 1, 0).flatten(0, 1).clone()  # (9, C, C), input channels first
            for block in blocks
            for convolution in (block.first, block.second)
        )

    def convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Reflection-padded 3×3 convolution of x: (N, S², C) in tile order, kernel: (9, C, D), to (N, S², D)."""
        channels, outputs = kernel.shape[1:]
        tiles = (self.side // TILE) ** 2
        u = (self.g @ kernel.flatten(1)).view(SEEN**2, channels, outputs)
        d = x.index_select(1, self.gather).view(-1, SEEN**2, tiles * channels)
        v = (self.b @ d).view(-1, SEEN**2, tiles, channels)
        products = torch.matmul(v, u).view(-1, SEEN**2, tiles * outputs)
        return (self.a @ products).view(-1, self.side**2, outputs)

    def normalise(self, x: Tensor) -> Tensor:
        """Instance norm of x: (N, S², C)."""
        centred = x - self.average @ x
        return centred * torch.rsqrt(self.average @ centred.square() + EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, S, S) to the same."""
        channels, tiles = x.shape[1], self.side // TILE
        x = x.view(-1, channels, tiles, TILE, tiles, TILE).permute(0, 3, 5, 2, 4, 1)
        x = x.reshape(-1, self.side**2, channels)
        kernels = list(self.kernels)
        for first, second in zip(kernels[::2], kernels[1::2], strict=True):
            y = torch.relu(self.normalise(self.convolve(x, first)))
            x = x + self.normalise(self.convolve(y, second))
        x = x.view(-1, TILE, TILE, tiles, tiles, channels).permute(0, 5, 3, 1, 4, 2)
        return x.reshape(-1, channels, self.side, self.side)
