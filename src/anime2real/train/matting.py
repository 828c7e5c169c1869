"""Where hair ends: how much of each pixel is hair, and which colour that hair has.

A mask of hair is unsure by some pixels along a fringe, and there hair and skin share pixels. What is recoloured by the
mask alone gets a bright rim, on skin and on hair that is half skin. Here the mask says what is surely hair and what
surely is not. Between the two each pixel is a mixture of the hair and of the ground nearby (Levin et al., "A
Closed-Form Solution to Natural Image Matting", 2008, equation 1); the hair's colour in it is estimated as in Forte,
"Approximate Fast Foreground Colour Estimation", 2021. Without gradients, a batch at a time, without a look by the host.
"""

from typing import Final

import torch.nn.functional as F
from torch import Tensor

BAND: Final = 6 / 256
"""How far on both sides of a mask's border nothing is sure, in sides of the picture."""

APART: Final = 0.3
"""Distance between the colours of hair and ground, in [-1, 1], at which half of a pixel's share is theirs to say, and
half the mask's."""

REDUCTIONS: Final = (16, 4, 2)
"""Sides of the squares of pixels, from wide to near, whose mean colours are what is nearby."""

FEW: Final = 0.02
"""Share of sure pixels nearby below which those of a wider neighbourhood say more."""


def matte(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """How much of each pixel is hair, and the colour of that hair.

    Args:
        image: (N, 3, S, S) in [-1, 1], float32, S a multiple of 16.
        mask: (N, 1, S, S) in [0, 1], roughly 1 where there is hair.

    Returns:
        shares (N, 1, S, S) in [0, 1], 0 wherever the mask is; colours (N, 3, S, S) in [-1, 1].
    """
    reach = max(1, round(BAND * image.shape[-1]))
    core = -F.max_pool2d(-mask * (mask > 0.5), 2 * reach + 1, 1, reach)
    outside = 1 - F.max_pool2d(mask, 2 * reach + 1, 1, reach)
    hair, ground = _spread(image, core, mask), _spread(image, outside, 1 - mask)
    way = hair - ground
    length = way.square().sum(1, keepdim=True)
    mixed = (((image - ground) * way).sum(1, keepdim=True) / (length + 1e-3)).clamp(0, 1)
    told_apart = length / (length + APART**2)
    band = (1 - core - outside).clamp(0, 1)
    share = core + band * (told_apart * mixed * _near(mask) + (1 - told_apart) * mask)
    share = share.clamp(0, 1) * (mask > 0)
    colour = hair + share * (image - share * hair - (1 - share) * ground)
    return share, colour.clamp(-1, 1)


def _near(mask: Tensor) -> Tensor:
    """1 at a mask, falling to 0 within some pixels of it."""
    grown = F.max_pool2d(mask, 5, 1, 2)
    return F.avg_pool2d(grown, 7, 1, 3, count_include_pad=False)


def _spread(image: Tensor, weight: Tensor, otherwise: Tensor) -> Tensor:
    """The mean colour nearby of those pixels that have a weight, at every pixel: (N, 3, S, S).

    Where a picture has none, `otherwise` weighs.
    """
    side = image.shape[-2:]
    weight = weight + 1e-4 * otherwise
    value = (image * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp_min(1e-6)
    for reduction in REDUCTIONS:
        summed = _blurred(F.avg_pool2d(image * weight, reduction))
        count = _blurred(F.avg_pool2d(weight, reduction))
        wider = F.interpolate(value, size=summed.shape[-2:], mode="bilinear", align_corners=False)
        value = (summed + FEW * wider) / (count + FEW)
    return F.interpolate(value, size=side, mode="bilinear", align_corners=False)


def _blurred(values: Tensor) -> Tensor:
    return F.avg_pool2d(values, 5, 1, 2)
