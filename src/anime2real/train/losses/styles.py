"""Styles: what makes one drawing several people.

A generator that is told a few random numbers ignores them: the cycle asks for one result. So the usual style, all
zeros, alone has to bring a picture back, and other styles are pushed away from it and from each other: results that
pretrained features cannot tell apart cost something (Yang et al., "Diversity-Sensitive Conditional Generative
Adversarial Networks", 2019, equation 4, with features in place of pixels, so that another tint is no other person).
"""

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.train.joined_batch import places, world_size
from anime2real.train.networks.efficientnet import LiteFeatures

FAR: Final = 0.4
"""The distance from which on two results are different enough."""


def styles(numbers: Tensor) -> Tensor:
    """Styles (N, STYLE) from N(0, 1), less its ends, out of as many uniform numbers in [0, 1)."""
    return math.sqrt(2) * torch.erfinv((2 * numbers.float() - 1).clamp(-0.999, 0.999))


def half_usual(styles: Tensor) -> Tensor:
    """The same, those of the first half of the batch made the usual one."""
    usual = places(len(styles), styles.device) < (len(styles) * world_size() + 1) // 2
    return styles.masked_fill(usual[:, None], 0.0)


def style_likeness(features: LiteFeatures, usual: Tensor, one: Tensor, two: Tensor) -> Tensor:
    """How alike results (N, 3, S, S) of three styles are: 1 if they are the same, 0 from `FAR` on, in the mean.

    The distance is that of features at strides 8 and 16, of unit length at each place (Zhang et al., 2018), of each two
    of the three: told apart from the usual one alone, all others become one. The gradient moves the later of two.
    """
    with torch.no_grad():
        wanted = features(usual)[1:3]
    moved = [maps.chunk(2) for maps in features(torch.cat([one, two]))[1:3]]
    distances = [
        torch.stack([_apart(still, other[i]) for still, other in zip(wanted, moved, strict=True)]).mean(0)
        for i in (0, 1)
    ]
    distances.append(torch.stack([_apart(other[0].detach(), other[1]) for other in moved]).mean(0))
    return F.relu(1 - torch.stack(distances) / FAR).mean()


def _apart(one: Tensor, two: Tensor) -> Tensor:
    """(N,), the mean squared distance of maps (N, C, H, W), of unit length at each place."""
    return (F.normalize(one.float(), dim=1) - F.normalize(two.float(), dim=1)).square().sum(1).mean((1, 2))
