"""Hard inputs: pictures as people have them, for generators to learn from: soft, grey, tinted, faded.

Colours change in the picture itself, so that what is compared with it later (its hair, the picture that comes back)
follows; softness is of the input alone, so that what comes back is held to the sharp one.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

TINT: Final = 0.25
"""How far gain and offset of a channel go from 1 and 0."""


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
