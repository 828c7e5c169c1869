"""How far the hair of a picture is from the hair of another, by colour and place.

A discriminator that sees single pictures accepts brown hair for any drawing, and a cycle is content with a colour that
is hidden somewhere. So the colour is asked for: cell by cell, where the input shows hair, the result has its CIELAB
colour in the mean. A fringe asked for is a fringe drawn. Strands and light inside a cell are left to others.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.train.accelerated import functions_are_fused
from anime2real.train.hair_recolouring import MIN_SHARE, rgb_to_lab

CELL: Final = 1 / 16
"""Side of a cell, in sides of the picture."""

LIGHTNESS: Final = 0.7
"""Weight of L* beside a* and b*, as in `data.hair_colour`: light and shadow are a photograph's, not a drawing's."""


def cell_differences(before: Tensor, after: Tensor, mask: Tensor, side: int) -> Tensor:
    """Differences in CIELAB, before less after, in the mean over cells: (N, 3, S/side, S/side).

    Args:
        before, after: (N, 3, S, S) in [-1, 1].
        mask: (N, 1, S, S) in [0, 1], how far a pixel counts.
        side: of a cell, in pixels.
    """
    if functions_are_fused():
        from anime2real.train.accelerated import colours as fused  # imports Triton

        if fused.has_cells(before, side):
            return fused.cell_differences(before, after, mask, side)
    colours = [F.avg_pool2d(rgb_to_lab(picture) * mask, side) for picture in (before, after)]
    return colours[0] - colours[1]


def hair_distance(before: Tensor, after: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of the distances of the hair's colours in CIELAB, 2 is just seen, and how many count.

    Args:
        before, after: (N, 3, S, S) in [-1, 1], S a multiple of 16.
        mask: (N, 1, S, S) in [0, 1], where `before` shows hair; pictures with less than `MIN_SHARE` of it do not count.

    Returns:
        two scalars, for `joined_mean`. Each picture that counts has the same weight.
    """
    with torch.autocast(before.device.type, enabled=False):
        mask = mask.float()
        side = round(CELL * before.shape[-1])
        share = F.avg_pool2d(mask, side)
        apart = cell_differences(before, after, mask, side) / share.clamp_min(1e-3)
        light, a, b = apart.unbind(1)
        # Under the root nothing is ever 0, where its slope is endless.
        distance = ((LIGHTNESS * light).square() + a.square() + b.square() + 1e-2).sqrt()
        weight = share[:, 0]
        own = (distance * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-3)
        counts = (mask.mean((1, 2, 3)) >= MIN_SHARE).float()
        return (own * counts).sum(), counts.sum()
