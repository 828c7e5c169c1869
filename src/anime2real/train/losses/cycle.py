"""The cycle loss, of pictures that were translated and translated back.

Many photographs are drawn alike. Of all pictures that one drawing may come back to, the mean has the least distance
pixel by pixel, and the mean of photographs is fog. Compared cell by cell, colours and shapes are held, and details are
left to the discriminators.
"""

import torch.nn.functional as F
from torch import Tensor

from anime2real.train.losses.adversarial import absolute


def cycle_distance(before: Tensor, returned: Tensor, cell: int = 1) -> Tensor:
    """Mean absolute distance of the cells' mean colours: a scalar.

    Args:
        before, returned: (N, 3, S, S) in [-1, 1].
        cell: side of a cell in pixels, a divisor of S; 1 compares every pixel, as CycleGAN does.
    """
    if cell == 1:
        return absolute(before, returned)
    return absolute(F.avg_pool2d(before.float(), cell), F.avg_pool2d(returned.float(), cell))
