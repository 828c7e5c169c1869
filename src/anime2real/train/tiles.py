"""Runs an enlarging network on pictures of any size, in memory that does not grow with them.

What is larger than a tile is cut into tiles that overlap. Of each overlap either tile gives the half that lies further
from its own edge, where the network saw zeros in place of the picture.
"""

import itertools
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anime2real.train.networks.esrgan import SCALE, RRDBNet

TILE: Final = 192
"""Pixels a side; smaller pictures, which enlarging is for, are computed whole."""

MARGIN: Final = 32
"""Pixels of context on each side of what a tile gives. The networks see further and hardly mind: a drawing of
192 px in tiles of 128 px differed from the whole by at most 4 of 255, by 0.006 on average; with margins of 20 px by 23
and 0.05."""

TILES_AT_ONCE: Final = {"cuda": 8}
"""Full tiles in one pass, or as many pixels of smaller pictures; 1 on other devices. On a CPU the program
takes 0.7 GB for a tile, most of it at the network's end, where 64 channels lie at four times the resolution."""


def windows(length: int, tile: int = TILE, margin: int = MARGIN) -> list[tuple[int, int, int]]:
    """How tiles lie along one side.

    Args:
        length: of the side, px.
        tile: of a tile, px; more than twice the margin.
        margin: px by which what a tile gives stays away from the tile's edges, but for the picture's own.

    Returns:
        for each tile, where it starts, and from where to where it gives the result; these parts fill the side.
    """
    if length <= tile:
        return [(0, 0, length)]
    steps = -(-(length - tile) // (tile - 2 * margin))
    starts = [i * (length - tile) // steps for i in range(steps + 1)]
    cuts = [0, *((one + tile + two) // 2 for one, two in itertools.pairwise(starts)), length]
    return list(zip(starts, cuts[:-1], cuts[1:], strict=True))


class Enlarger:
    """Enlarges pictures by four.

    Args:
        network: moved to the device.
        device: on CUDA it computes in bf16.
        tile, margin: as `windows`.
    """

    def __init__(self, network: RRDBNet, device: torch.device, *, tile: int = TILE, margin: int = MARGIN) -> None:
        self.device, self.tile, self.margin = device, tile, margin
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batch_size(self, height: int, width: int) -> int:
        """How many pictures of this size to enlarge at once, 1 or more."""
        pixels = TILES_AT_ONCE.get(self.device.type, 1) * self.tile**2
        return max(1, pixels // (height * width))

    @torch.inference_mode()
    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Enlarge pictures of one size.

        Args:
            pictures: (N, H, W, 3), RGB.

        Returns:
            (N, 4H, 4W, 3).
        """
        count, height, width, _ = pictures.shape
        enlarged = np.empty((count, SCALE * height, SCALE * width, 3), np.uint8)
        for top, from_row, to_row in windows(height, self.tile, self.margin):
            for left, from_column, to_column in windows(width, self.tile, self.margin):
                tiles = self._run(pictures[:, top : top + self.tile, left : left + self.tile])
                rows = slice(SCALE * from_row, SCALE * to_row)
                columns = slice(SCALE * from_column, SCALE * to_column)
                enlarged[:, rows, columns] = tiles[
                    :,
                    rows.start - SCALE * top : rows.stop - SCALE * top,
                    columns.start - SCALE * left : columns.stop - SCALE * left,
                ]
        return enlarged

    def _run(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) to (N, 4H, 4W, 3), at once."""
        image = torch.from_numpy(np.ascontiguousarray(pictures)).to(self.device)
        # Pillow's order is channels last in memory already.
        image = image.permute(0, 3, 1, 2).float().div(255)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            result: Tensor = self.network(image)
        rounded = result.float().clamp(0, 1).mul(255).add(0.5).byte()
        numbers: NDArray[np.uint8] = rounded.permute(0, 2, 3, 1).cpu().numpy()
        return numbers
