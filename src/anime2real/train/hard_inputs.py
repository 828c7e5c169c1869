"""Hard inputs: pictures as people have them, for generators to learn from: soft, flat, grey, tinted, faded.

Colours change in the picture itself, so that what is compared with it later (its hair, the picture that comes back)
follows; softness and flatness are of the input alone, so that what comes back is held to the picture as it was.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

TINT: Final = 0.25
"""How far gain and offset of a channel go from 1 and 0."""

LINE: Final = 0.2
"""By how much a line is darker than its surroundings, of 2; lines stay."""


def recoloured(image: Tensor, share: float, numbers: Tensor) -> Tensor:
    """Some pictures, half of them grey, the rest with channels of another gain and offset.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        share: of the pictures, from 0 to 1.
        numbers: (N, HARDNESS) in [0, 1), see `random_numbers.py`.
    """
    _, _, chosen, grey, *tint = (column[:, None, None, None].to(image.dtype) for column in numbers.unbind(1))
    weights = torch.full((3,), 1 / 3, device=image.device, dtype=image.dtype)
    lightness = (image * weights[:, None, None]).sum(1, keepdim=True).expand_as(image)
    change = 2 * torch.cat(tint, 1) - 1  # one number a channel: brighter channels are stronger as well
    tinted = (image * (1 + TINT * change) + TINT / 2 * change).clamp(-1, 1)
    return torch.where(chosen < share, torch.where(grey < 0.5, lightness, tinted), image)


def soft(image: Tensor, share: float, numbers: Tensor) -> Tensor:
    """Some pictures reduced to a half or a quarter and enlarged again.

    Args:
        image, share, numbers: as of `recoloured`; S a multiple of 4.
    """
    chosen, quarter = (numbers[:, place, None, None, None] for place in (0, 1))
    halved, quartered = (
        F.interpolate(F.avg_pool2d(image, factor), scale_factor=factor, mode="bilinear", align_corners=False)
        for factor in (2, 4)
    )
    return torch.where(chosen < share, torch.where(quarter < 0.4, quartered, halved), image)


def flat(image: Tensor, share: float, numbers: Tensor) -> Tensor:
    """Some drawings in flat colours between their lines, as vector programs and old cartoons have them.

    Args:
        image: (N, 3, S, S) in [-1, 1], S at least 64.
        share: of the pictures, from 0 to 1.
        numbers: (N, FLATNESS) in [0, 1), see `random_numbers.py`: whether, and whether once or twice.
    """
    chosen, twice = (column[:, None, None, None] for column in numbers.unbind(1))
    side = 2 * (image.shape[-1] // 128) + 1
    once = _kuwahara(image, side)
    smooth = torch.where(twice < 0.5, _kuwahara(once, side), once)
    around = F.avg_pool2d(image.mean(1, keepdim=True), 2 * side + 1, 1, side, count_include_pad=False)
    lines = image.mean(1, keepdim=True) < around - LINE
    return torch.where((chosen < share) & ~lines, smooth, image)


def _kuwahara(image: Tensor, side: int) -> Tensor:
    """Kuwahara et al., 1976: each pixel becomes the mean of the evenest of the four squares that it is a corner of."""
    reach = side // 2
    grey = image.mean(1, keepdim=True)
    padded = F.pad(torch.cat([image, grey.square()], 1), (2 * reach,) * 4, mode="reflect")
    mean = F.avg_pool2d(padded, side, 1)
    squares = [
        mean[..., y : y + image.shape[2], x : x + image.shape[3]] for y in (0, 2 * reach) for x in (0, 2 * reach)
    ]
    best, spread = squares[0][:, :3], _spread(squares[0])
    for square in squares[1:]:
        own = _spread(square)
        best, spread = torch.where(own < spread, square[:, :3], best), torch.minimum(own, spread)
    return best


def _spread(square: Tensor) -> Tensor:
    """The variance of grey, (N, 1, H, W), from the mean colour and the mean square of grey, (N, 4, H, W)."""
    return square[:, 3:] - square[:, :3].mean(1, keepdim=True).square()
