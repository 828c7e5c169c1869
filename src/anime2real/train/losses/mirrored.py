"""What is mirrored is to become the mirror image: a face has no side that a generator may prefer."""

import torch
from torch import Tensor, nn

from anime2real.train.losses.adversarial import absolute


def mirrored(generator: nn.Module, image: Tensor, result: Tensor, told: Tensor | None) -> Tensor:
    """How far the results of some mirrored pictures are from the mirrored results.

    Args:
        generator: image, told -> result.
        image: (N, 3, S, S), of which the first quarter is taken.
        result: (N, 3, S, S), of these.
        told: (M, …), the first N of them of these pictures; None where the generator is told nothing.
    """
    some = slice(max(1, len(image) // 4))
    layout = torch.channels_last if image.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    turned = image[some].flip(3).contiguous(memory_format=layout)
    return absolute(generator(turned, None if told is None else told[some]), result[some].flip(3))
