"""The frame of a face: where pixels lie in it, what a picture shows there, and where results have eyes, nose and mouth.

Its origin is the middle between the eyes and its unit their distance; x runs along the eyes, y down across them.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.domain import Domain

APART: Final[dict[Domain, float]] = {"real": 0.74, "anime": 1.28}
"""Eye distance of a result over that of its input: drawn eyes lie further apart (119 and 186 results of `galatea`) …"""

BELOW: Final[dict[Domain, float]] = {"real": -0.05, "anime": 0.04}
"""… how far its eyes lie below, in eye distances of the input …"""

NOSE_BELOW: Final[dict[Domain, float]] = {"real": 0.11, "anime": -0.07}
"""… and its nose …"""

MOUTH_WIDER: Final[dict[Domain, float]] = {"real": 1.97, "anime": 0.61}
"""… and how much wider its mouth is, whose middle stays."""


def result_landmarks(landmarks: Tensor, to: Domain) -> Tensor:
    """Where results of pictures with such landmarks, (N, 5, 2), usually have theirs."""
    middle, along, across = axes(landmarks)
    middle = middle + BELOW[to] * across
    eyes = [middle - APART[to] / 2 * along, middle + APART[to] / 2 * along]
    nose, left, right = landmarks[:, 2:].float().unbind(1)
    half, mouth = MOUTH_WIDER[to] / 2 * (right - left), (left + right) / 2
    return torch.stack([*eyes, nose + NOSE_BELOW[to] * across, mouth - half, mouth + half], 1)


def places_of(landmarks: Tensor, side: int) -> Tensor:
    """Where the pixels of pictures of `side` px lie in their faces' frames: (N, 2, side, side), in eye distances."""
    middle, along, across = axes(landmarks)
    steps = (2 * torch.arange(side, device=landmarks.device, dtype=torch.float32) + 1) / side - 1
    x, y = steps[None, None, :] - middle[:, 0, None, None], steps[None, :, None] - middle[:, 1, None, None]
    length = along.square().sum(1).clamp_min(1e-8)[:, None, None]
    return torch.stack(
        [(x * axis[:, 0, None, None] + y * axis[:, 1, None, None]) / length for axis in (along, across)], 1
    )


def picture_at(image: Tensor, landmarks: Tensor, places: Tensor) -> Tensor:
    """What pictures (N, C, S, S) show at places (N or 1, H, W, 2) of their faces' frames: (N, C, H, W)."""
    middle, along, across = axes(landmarks)
    grid = middle[:, None, None] + places[..., :1] * along[:, None, None] + places[..., 1:] * across[:, None, None]
    return F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def axes(landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The middle between the eyes and the axes, as long as the eyes are apart: (N, 2) each."""
    landmarks = landmarks.float()
    along = landmarks[:, 1] - landmarks[:, 0]
    across = torch.stack([-along[:, 1], along[:, 0]], 1)
    return (landmarks[:, 0] + landmarks[:, 1]) / 2, along, across
