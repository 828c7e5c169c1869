"""The residual blocks as Winograd convolutions, for the exported file only.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, F(4×4, 3×3): a tile of 4×4 outputs
takes 36 multiplications a channel pair, not 144,

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A,

with g the kernel, d the 6×6 inputs that the tile sees, and ⊙ a sum over input channels. Direct convolution
in ONNX Runtime runs near the processor's peak, so fewer multiplications are the one large gain left. ONNX
Runtime has no such kernel; here it is spelled in Gather and MatMul, in a layout that makes every step one large
MatMul or one pass over contiguous memory:

- Between the blocks a picture is (N, S², C), its pixels ordered (place in the tile, tile). Instance norm and
  addition do not care about the order.
- One Gather brings the 36 inputs of every tile, reflection padding included.
- kron(M, M) acts on both axes at once: one MatMul for each of A, B and G.
- G g Gᵀ is computed in the graph from g. ONNX Runtime folds it when it loads the file, so the file holds nine
  numbers where the running session holds 36.
"""

from typing import Final

import torch
from torch import Tensor, nn

from anime2real.train.networks.resnet import EPSILON, Blocks, ModulatedBlock, ResidualBlock

Matrix = tuple[tuple[float, ...], ...]

TILE: Final = 4
SEEN: Final = TILE + 2

A_TRANSPOSED: Final[Matrix] = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
B_TRANSPOSED: Final[Matrix] = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
G: Final[Matrix] = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)


def both_axes(matrix: Matrix) -> Tensor:
    """kron(M, M) in fp32: M applied to the rows and the columns of a flattened tile."""
    exact = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(exact, exact).float()


def tiled(side: int, tile: int = TILE) -> Tensor:
    """Where each pixel lies among rows ordered (y mod tile, x mod tile, y div tile, x div tile).

    Args:
        side: S, a multiple of `tile`.

    Returns:
        (S, S) int64, at (y, x).
    """
    tiles = side // tile
    order = torch.arange(side**2).view(tiles, tile, tiles, tile).permute(1, 3, 0, 2).flatten()
    return torch.argsort(order).view(side, side)


def reflected_places(places: Tensor) -> Tensor:
    """Places with one more on every side, reflected: (S, S) to (S + 2, S + 2)."""
    side = len(places)
    index = torch.arange(-1, side + 1)
    index = (side - 1) - (index.abs() - (side - 1)).abs()
    return places[index][:, index]


def window_places(padded: Tensor, side: int, step: int) -> Tensor:
    """Which pixels each window sees.

    Args:
        padded: (P, P), the places of a square with its padding.
        side: W, of a window.
        step: from one window to the next.

    Returns:
        (W², windows²) int64, ordered (row, column inside the window), (window row, window column).
    """
    cut = padded.unfold(0, side, step).unfold(1, side, step)
    return cut.permute(2, 3, 0, 1).reshape(side**2, -1)


class WinogradBlocks(nn.Module):
    """Residual blocks at one resolution: the same function as running them one after another.

    Rounding differs, about 1e-5 of the values' size a convolution: F(4×4, 3×3) takes small differences of
    numbers tens of times larger.

    Args:
        blocks: what to run, all of the same number of channels, all modulated or none. Biases of the convolutions are
            dropped: the instance norm subtracts them.
        side: S, the side of the squares that come in, a multiple of 4.
    """

    def __init__(self, blocks: Blocks, side: int) -> None:
        super().__init__()
        if side % TILE:
            raise ValueError(f"the side must be a multiple of {TILE}, not {side}")
        self.side = side
        places = tiled(side)
        self.register_buffer("enter", torch.argsort(places.flatten()), persistent=False)
        self.register_buffer("gather", window_places(reflected_places(places), SEEN, TILE).flatten(), persistent=False)
        self.register_buffer("leave", places.flatten(), persistent=False)
        self.register_buffer("a", both_axes(A_TRANSPOSED), persistent=False)
        self.register_buffer("b", both_axes(B_TRANSPOSED), persistent=False)
        self.register_buffer("g", both_axes(G), persistent=False)
        # The mean over pixels as a MatMul: ONNX Runtime's ReduceMean takes ten times as long on this axis.
        self.register_buffer("average", torch.full((1, side**2), 1 / side**2), persistent=False)
        self.enter: Tensor
        self.gather: Tensor
        self.leave: Tensor
        self.a: Tensor
        self.b: Tensor
        self.g: Tensor
        self.average: Tensor
        self.kernels = nn.ParameterList(
            # (D, C, 3, 3) to (9, C, D)
            convolution.weight.detach().permute(2, 3, 1, 0).flatten(0, 1).clone()
            for block in blocks.children()
            if isinstance(block, ResidualBlock)
            for convolution in (block.first, block.second)
        )
        self.modulate = nn.ModuleList(
            block.modulate for block in blocks.children() if isinstance(block, ModulatedBlock)
        )

    def convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Reflection-padded convolution of x: (N, S², C) with kernel: (9, C, D), to (N, S², D)."""
        channels, outputs = kernel.shape[1:]
        tiles = (self.side // TILE) ** 2
        u = (self.g @ kernel.flatten(1)).view(SEEN**2, channels, outputs)
        d = x.index_select(1, self.gather).view(-1, SEEN**2, tiles * channels)
        v = (self.b @ d).view(-1, SEEN**2, tiles, channels)
        m = torch.matmul(v, u).view(-1, SEEN**2, tiles * outputs)
        return (self.a @ m).view(-1, self.side**2, outputs)

    def normalise(self, x: Tensor) -> Tensor:
        """Instance norm of x: (N, S², C)."""
        centred = x - self.average @ x
        return centred * torch.rsqrt(self.average @ (centred * centred) + EPSILON)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """(N, C, S, S), and (N, code) for modulated blocks, to (N, C, S, S)."""
        channels = x.shape[1]
        x = x.flatten(2).transpose(1, 2).index_select(1, self.enter)
        kernels = list(self.kernels)
        for place, (first, second) in enumerate(zip(kernels[::2], kernels[1::2], strict=True)):
            affine = () if code is None else self.modulate[place](code)[:, None].chunk(4, dim=2)
            y = torch.relu(_modulated(self.normalise(self.convolve(x, first)), *affine[:2]))
            x = x + _modulated(self.normalise(self.convolve(y, second)), *affine[2:])
        return x.index_select(1, self.leave).transpose(1, 2).reshape(-1, channels, self.side, self.side)


def _modulated(y: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    return y if scale is None or shift is None else y * (1 + scale) + shift
