"""Networks conditioned on the tilt of a face: by the founding paper's fourth channel, and by what works.

The paper appends the scaled angle as a constant fourth channel. Reflection padding and convolution leave a constant
channel constant, and the instance norm behind them subtracts it: nothing of it arrives (a test shows it). So the tilt
must vary over the picture (`coordinates`, `landmarks`), enter behind the norms (`film`), or act on the picture
(`upright`). Whichever way, it is an argument beside the picture, the same for both generators and the discriminators,
and no generator paints it.
"""

import math
from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.face.geometry import SWAPPED
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.networks.tilt_ways import CHANNELS, Tilt

PLANE_SCALE: Final = 4 / math.pi
"""The constant plane is the tilt times this: 45° is 1."""

SPOT: Final = 0.06
"""Standard deviation of a landmark's spot, in halves of the side."""


def condition_of(way: Tilt, landmarks: Tensor) -> Tensor:
    """The condition for faces with landmarks (N, 5, 2) in [-1, 1]: these, or their tilts (N,) in radians."""
    return landmarks if way == "landmarks" else tilts(landmarks)


def tilts(landmarks: Tensor) -> Tensor:
    """The eye lines' angles (N,), radians, positive clockwise on screen, of landmarks (N, 5, 2)."""
    across = landmarks[:, 1] - landmarks[:, 0]
    return torch.atan2(across[:, 1], across[:, 0])


def mirrored(landmarks: Tensor) -> Tensor:
    """Landmarks (N, 5, 2) in [-1, 1] of the mirrored picture: left and right exchanged, so that the tilt is negated."""
    swapped = torch.stack([landmarks[:, i] for i in SWAPPED], dim=1)  # a list as an index would come from the host
    return torch.stack([-swapped[..., 0], swapped[..., 1]], dim=-1)


def planes(way: Tilt, condition: Tensor, side: int) -> Tensor:
    """The channels (N, `CHANNELS`, side, side) that a way appends to pictures.

    `plane`: the tilt, everywhere the same, as in the founding paper. `coordinates`: x and y in [-1, 1] turned by the
    tilt, so that they lie along the face's own axes. `landmarks`: a spot for each of the five.

    Args:
        way: one that has channels.
        condition: see `condition_of`.
        side: S.
    """
    if way == "plane":
        return (condition * PLANE_SCALE)[:, None, None, None].expand(-1, 1, side, side)
    places = (torch.arange(side, device=condition.device, dtype=condition.dtype) + 0.5) * (2 / side) - 1
    x, y = places[None, None, :], places[None, :, None]
    if way == "coordinates":
        cos, sin = torch.cos(condition)[:, None, None], torch.sin(condition)[:, None, None]
        return torch.stack([x * cos + y * sin, y * cos - x * sin], dim=1)
    across = (x - condition[:, :, 0, None]) ** 2
    down = (y.transpose(1, 2) - condition[:, :, 1, None]) ** 2
    return torch.exp(-(down[:, :, :, None] + across[:, :, None, :]) / (2 * SPOT**2))


def rotated(image: Tensor, angle: Tensor) -> Tensor:
    """Pictures (N, C, S, S) turned clockwise on screen by angles (N,) in radians; corners are filled by reflection."""
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    theta = torch.stack([torch.stack([cos, sin, zero], 1), torch.stack([-sin, cos, zero], 1)], 1)
    # In bf16 a place would be half a pixel off.
    with torch.autocast(image.device.type, enabled=False):
        grid = F.affine_grid(theta.float(), list(image.shape), align_corners=False)
        sampled = F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return sampled.to(image.dtype)


class TiltedGenerator(nn.Module):
    """A ResNet generator conditioned on the tilt.

    Args:
        way: how.
        width, blocks: of the network.
        maps: frozen translators, whose pictures are appended to the input: the founding paper's outlook.
    """

    def __init__(self, way: Tilt, width: int, blocks: int, maps: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.way: Tilt = way
        self.maps = nn.ModuleList(maps).requires_grad_(False).eval()
        channels = 3 + CHANNELS[way] + 3 * len(maps)
        self.network = ResNetGenerator(width, blocks, channels, code=2 if way == "film" else 0)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Translate image (N, 3, S, S) in [-1, 1] under a condition, see `condition_of`; `none` needs none."""
        if self.way == "none" or condition is None:
            return self._translate(image)
        if self.way == "upright":
            return rotated(self._translate(rotated(image, -condition)), condition)
        if self.way == "film":
            return self._translate(image, code=torch.stack([torch.sin(condition), torch.cos(condition) - 1], dim=1))
        return self._translate(image, _planes_for(self.way, image, condition))

    def _translate(self, image: Tensor, more: Tensor | None = None, code: Tensor | None = None) -> Tensor:
        parts = [image, *(picture(image).to(image.dtype) for picture in self.maps)]
        output: Tensor = self.network(torch.cat(parts if more is None else [*parts, more], dim=1), code)
        return output


class TiltedDiscriminator(nn.Module):
    """A patch discriminator conditioned on the tilt; for `film`, which appends no channel, by coordinates.

    Args:
        way: how.
        width: of the network.
    """

    def __init__(self, way: Tilt, width: int) -> None:
        super().__init__()
        self.way: Tilt = "coordinates" if way == "film" else way
        self.network = PatchDiscriminator(width, in_channels=3 + CHANNELS[self.way])

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Score image (N, 3, S, S) in [-1, 1] under a condition, see `condition_of`."""
        if self.way == "upright":
            image = rotated(image, -condition)
        elif CHANNELS[self.way]:
            image = torch.cat([image, _planes_for(self.way, image, condition)], dim=1)
        scores: Tensor = self.network(image)
        return scores


class Conditioned(nn.Module):
    """A generator whose second argument is named as a bundle names it.

    Args:
        generator: to export.
    """

    def __init__(self, generator: TiltedGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """As `TiltedGenerator`; landmarks come in shares of the side, as bundles give them."""
        if self.generator.way == "landmarks":
            condition = condition * 2 - 1
        translated: Tensor = self.generator(image, condition)
        return translated


def _planes_for(way: Tilt, image: Tensor, condition: Tensor) -> Tensor:
    return planes(way, condition, image.shape[3]).to(image.dtype)
