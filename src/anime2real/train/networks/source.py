"""What a generator of pairs sees: a picture as it is, or a label map as one channel for each class."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Source(nn.Module):
    """(N, 3, S, S) in [-1, 1] to (N, C, S, S): the picture itself, or, of a label map, 1 in the channel of its class.

    A label map is a picture whose three channels are the class of each pixel, 0 to 255, so that the bundle of such a
    network takes what every bundle takes. Values that are no class have 0 in all channels.

    Attributes:
        channels: C.

    Args:
        classes: of label maps; 0 for pictures.
        boundaries: whether another channel is 1 at the boundaries of the classes.
    """

    def __init__(self, classes: int = 0, boundaries: bool = False) -> None:
        super().__init__()
        self.classes, self.boundaries = classes, boundaries
        self.channels = classes + boundaries if classes else 3
        self.register_buffer("numbers", torch.arange(float(classes)).view(1, -1, 1, 1), persistent=False)
        self.numbers: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """The channels of image: (N, 3, S, S)."""
        if not self.classes:
            return image
        values = (image[:, :1].float() + 1.0) * 127.5
        channels = (1.5 - 2 * _apart(values, self.numbers)).clamp(0.0, 1.0)  # 1 within 0.25 of the class
        return torch.cat([channels, boundary(values)], dim=1) if self.boundaries else channels


def boundary(values: Tensor) -> Tensor:
    """1 where a pixel's class differs from that of one of its four neighbours, else 0: (N, 1, H, W) to the same.

    Wang et al., 2018, section 3.3, whose maps tell instances of a class apart. A face has one of each class, so these
    are the instances' boundaries.
    """
    across = (2 * _apart(values[..., 1:], values[..., :-1]) - 0.5).clamp(0.0, 1.0)
    down = (2 * _apart(values[..., 1:, :], values[..., :-1, :]) - 0.5).clamp(0.0, 1.0)
    sides = F.pad(across, (1, 0)) + F.pad(across, (0, 1)) + F.pad(down, (0, 0, 1, 0)) + F.pad(down, (0, 0, 0, 1))
    return sides.clamp(0.0, 1.0)


def _apart(one: Tensor, two: Tensor) -> Tensor:
    """How far numbers are apart, of operators that a bundle may have: it may not compare, nor round."""
    return F.relu(one - two) + F.relu(two - one)
