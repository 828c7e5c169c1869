"""The networks that see faces: landmarks in a rough crop, and faces in a whole picture.

Small enough for one processor core: plain 3×3 convolutions on few channels, batch norm (folded into them at export).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LANDMARK_SIDE = 64
"""Pixels a side of the crop that the landmark network takes."""

WAIST = 4
"""Places a side at the landmark network's waist."""

DETECTOR_STRIDE = 8
"""Pixels between two places that the detector answers for."""


def _layer(in_channels: int, out_channels: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class _Block(nn.Module):
    """Two convolutions added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _layer(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class LandmarkNetwork(nn.Module):
    """An hourglass: five heat maps at half the crop's resolution, and a score and a domain from its waist.

    A landmark is the mean of its heat map taken as a distribution (Sun et al., "Integral Human Pose Regression", 2018):
    finer than a cell, and differentiable.
    """

    def __init__(self) -> None:
        super().__init__()
        c = (24, 48, 96, 128)
        self.stem = nn.Sequential(_layer(3, c[0], 2), _Block(c[0]))  # 32
        self.down = nn.ModuleList(
            [
                nn.Sequential(_layer(c[0], c[1], 2), _Block(c[1]), _Block(c[1])),  # 16
                nn.Sequential(_layer(c[1], c[2], 2), _Block(c[2]), _Block(c[2])),  # 8
                nn.Sequential(_layer(c[2], c[3], 2), _Block(c[3])),  # 4
            ]
        )
        self.lateral = nn.ModuleList(_layer(c[i + 1], c[i], size=1) for i in range(3))
        self.up = nn.ModuleList(_layer(c[i], c[i]) for i in range(3))
        self.maps = nn.Conv2d(c[0], 5, 3, padding=1)
        self.verdict = nn.Linear(c[3] * WAIST**2, 2)  # of each place: an eye is one beside another

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Look at image: (N, 3, 64, 64) in [-1, 1].

        Returns:
            points (N, 5, 2), shares of the side; verdict (N, 2), logits of being a face and of being real;
            maps (N, 5, 32 * 32), log-probabilities, for training.
        """
        levels = [self.stem(image)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels[-1]
        verdict = self.verdict(x.flatten(1))
        for i in (2, 1, 0):
            x = F.interpolate(self.lateral[i](x), scale_factor=2.0, mode="nearest") + levels[i]
            x = self.up[i](x)
        maps = F.log_softmax(self.maps(x).flatten(2), dim=2)
        side = image.shape[2] // 2
        places = (torch.arange(side, device=image.device, dtype=torch.float32) + 0.5) / side
        weights = maps.exp().unflatten(2, (side, side))
        points = torch.stack([(weights.sum(2) * places).sum(2), (weights.sum(3) * places).sum(2)], dim=2)
        return points, verdict, maps


class DetectorNetwork(nn.Module):
    """For every 8×8 px: is the centre of a face here, of which domain, how large, and where exactly.

    Zhou et al., "Objects as Points", 2019, without its transposed convolutions. Fully convolutional: any picture whose
    sides are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_layer(3, 16, 2), _layer(16, 32, 2), _Block(32))  # 1/4
        self.down = nn.ModuleList(
            [
                nn.Sequential(_layer(32, 64, 2), _Block(64)),  # 1/8
                nn.Sequential(_layer(64, 96, 2), _Block(96)),  # 1/16
                nn.Sequential(_layer(96, 96, 2), _Block(96), _Block(96)),  # 1/32
            ]
        )
        self.lateral = nn.ModuleList([_layer(96, 64, size=1), _layer(96, 96, size=1)])
        self.up = nn.ModuleList([_layer(64, 64), _layer(96, 96)])
        self.head = nn.Sequential(_layer(64, 64), nn.Conv2d(64, 5, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Look at image: (N, 3, H, W) in [-1, 1], H and W multiples of 32.

        Returns:
            (N, 5, H/8, W/8): the logit of a face's centre, the logit of its being real, the logarithm (base 2) of its
            side in units of 32 px, and the centre's offset from the middle of the cell in x and y, in cells.
        """
        x = self.stem(image)
        levels = []
        for down in self.down:
            x = down(x)
            levels.append(x)
        for i in (1, 0):
            x = F.interpolate(self.lateral[i](x), scale_factor=2.0, mode="nearest") + levels[i]
            x = self.up[i](x)
        output: Tensor = self.head(x)
        return output
