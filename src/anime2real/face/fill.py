"""What a crop shows beyond the edge of its picture: the picture goes on for a little, then only its soft colours do.

A mirror image there would show a second face, and a translator would draw it. So the mirror image fades, over `FADE` of
the crop's side, into colours without any feature: those of the picture, spread outwards by pull-push filling (Gortler
et al., "The Lumigraph", 1996, section 3.3.3). docs/try/fill.js does the same, number by number.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FADE: Final = 0.03
"""Shares of the crop's side over which the mirror image fades."""

CELLS: Final = 32
"""Cells a side of the grid on which colours spread; a power of two. Nothing finer than a cell is left of a picture."""

LEAST: Final = 1e-6
"""Weight of a cell that lies beyond the picture: if no cell lies inside, the colours of the mirror image are left."""


def fill_quietly(crop: Image.Image, beyond: Callable[[int], NDArray[np.float32]]) -> Image.Image:
    """A crop whose surroundings are quiet; what lies inside the picture stays bit for bit.

    Args:
        crop: RGB, square, continued by the mirror image of its picture.
        beyond: gives, for n pixels a side, how far the middle of each lies beyond the picture, (n, n), in shares of the
            crop's side; 0 or less inside.
    """
    cells = np.asarray(crop.resize((CELLS, CELLS), Image.Resampling.BOX), np.float32)
    known = np.where(beyond(CELLS) <= 0, 1.0, LEAST).astype(np.float32)[..., None]
    colours = Image.fromarray((pull_push(cells, known) + 0.5).astype(np.uint8)).resize(
        crop.size, Image.Resampling.BICUBIC
    )
    share = 1 - np.clip(beyond(crop.width) / FADE, 0, 1)
    return Image.composite(crop, colours, Image.fromarray((share * 255 + 0.5).astype(np.uint8)))


def pull_push(colours: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (n, n, 3), n a power of two, where known (n, n, 1) is 1; where it is less, those of coarser grids show.

    Pull: a cell of the next grid has the mean of its four, weighted by how well they are known, and is known as well as
    all of them together, at most 1. Push: what is missing of a cell comes from the next grid, between its cells.
    """
    if len(colours) == 1:
        return colours
    weights = _sums_of_four(known)
    coarser = pull_push(_sums_of_four(colours * known) / weights, np.minimum(weights, 1))
    return known * colours + (1 - known) * _doubled(_doubled(coarser).swapaxes(0, 1)).swapaxes(0, 1)


def _sums_of_four(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    return cells[::2, ::2] + cells[::2, 1::2] + cells[1::2, ::2] + cells[1::2, 1::2]


def _doubled(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Twice as many rows, each between two: three quarters of the nearer one, a quarter of the other."""
    padded = np.concatenate([cells[:1], cells, cells[-1:]])
    result = np.empty((2 * len(cells), *cells.shape[1:]), np.float32)
    result[::2] = 0.75 * cells + 0.25 * padded[:-2]
    result[1::2] = 0.75 * cells + 0.25 * padded[2:]
    return result
