"""The colours of a face's skin and irises, by its landmarks, for a batch at a time: `face/skin.py` and `face/irises.py`
in torch.

Where a colour is taken from is decided without gradients; the colour has them. Everything runs on the device, in fp32,
without a look by the host.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from anime2real.domain import Domain
from anime2real.face.irises import GRID, IRIS, MIN_IRIS, SIGHT
from anime2real.face.skin import MIN_DISTANCE, PATCH, PATCHES, SKIN_DISTANCE, SKIN_GRID
from anime2real.train.face_frame import picture_at
from anime2real.train.hair_recolouring import rgb_to_lab

EYES: Final = (-0.5, 0.5)
"""Where the eyes' landmarks lie in the face's frame, along x."""

MIN_SKIN: Final = 0.25
"""Share of the patches that is near their median, below which skin is not found."""


@dataclass(frozen=True)
class Irises:
    """What is known of a batch's irises, the left one and the right one.

    Attributes:
        colour: (N, 2, 3), CIELAB.
        middle: (N, 2), x in the face's frame.
        seen: (N, 2), 1 where an iris shows, else 0.
    """

    colour: Tensor
    middle: Tensor
    seen: Tensor


def frontal(landmarks: Tensor) -> Tensor:
    """(N,), 1 for faces that are neither small nor in profile, else 0; of landmarks (N, 5, 2) in [-1, 1]."""
    apart: Tensor = torch.linalg.vector_norm(landmarks[:, 1].float() - landmarks[:, 0].float(), dim=1)
    return (apart >= 2 * MIN_DISTANCE).float()


def colours_at(image: Tensor, landmarks: Tensor, places: Tensor) -> Tensor:
    """CIELAB (N, 3, H, W) of pictures (N, 3, S, S) at places (N or 1, H, W, 2) of their faces' frames."""
    return rgb_to_lab(picture_at(image, landmarks, places))


def skin_colour(image: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """The skin's colour, the mean of what is near the median of cheeks and nose.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        landmarks: (N, 5, 2) in [-1, 1].

    Returns:
        CIELAB (N, 3); (N,), 1 where skin was found, else 0.
    """
    steps = _steps(SKIN_GRID, image) * PATCH
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    places = torch.cat([torch.stack([x + dx, y + dy], -1) for dx, dy in PATCHES])
    lab = colours_at(image, landmarks, places[None]).flatten(2)
    count = lab.shape[2]
    with torch.no_grad():
        ordered = lab.sort(2).values
        median = (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2
        near = torch.exp(-((lab - median[..., None]) / SKIN_DISTANCE).square().sum(1, keepdim=True))
        found = frontal(landmarks) * (near.mean((1, 2)) >= MIN_SKIN)
    return (lab * near).sum(2) / near.sum(2).clamp_min(1e-6), found


def iris_colours(image: Tensor, landmarks: Tensor, domain: Domain) -> Irises:
    """The colours of both irises, which differ where one is in shadow or under hair.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        landmarks: (N, 5, 2) in [-1, 1].
        domain: of the pictures, whose irises have sizes of their own.
    """
    with torch.no_grad():
        skin, found = skin_colour(image, landmarks)
    width, height = IRIS[domain]
    y, x = torch.meshgrid(_steps(GRID, image), _steps(GRID, image), indexing="ij")
    inside = (x.square() + y.square() <= 1).float()
    colours, middles, seen = [], [], []
    for eye in EYES:
        with torch.no_grad():  # an iris's middle is that of what is dark
            wide = torch.stack([eye + (width + SIGHT) * x, height * y], -1)[None]
            dark = (skin[:, 0, None, None] - colours_at(image, landmarks, wide)[:, 0]).clamp_min(0) + 1.0
            dark = dark.square()
            middle = (dark * wide[..., 0]).sum((1, 2)) / dark.sum((1, 2))
            middle = middle.clamp(eye - SIGHT, eye + SIGHT)
        across = middle[:, None, None] + width * x
        lab = colours_at(image, landmarks, torch.stack([across, (height * y).expand_as(across)], -1))
        with torch.no_grad():
            weight = iris_weight(lab, skin) * inside
            shown = weight.sum((1, 2, 3)) / inside.sum() >= MIN_IRIS
        colours.append((lab * weight).sum((2, 3)) / weight.sum((2, 3)).clamp_min(1e-6))
        middles.append(middle)
        seen.append(found * shown)
    return Irises(torch.stack(colours, 1), torch.stack(middles, 1), torch.stack(seen, 1))


def iris_weight(lab: Tensor, skin: Tensor) -> Tensor:
    """How much each colour of (N, 3, H, W) may be an iris's, (N, 1, H, W): not skin, not white, less so if black."""
    apart = ((lab - skin[:, :, None, None]) / SKIN_DISTANCE).square().sum(1, keepdim=True)
    light = lab[:, :1]
    chroma = lab[:, 1:].square().sum(1, keepdim=True).sqrt()
    white = torch.sigmoid((light - 65) / 4) * torch.sigmoid((15 - chroma) / 3)
    black = torch.sigmoid((16 - light) / 3) * torch.sigmoid((12 - chroma) / 3)
    return apart / (apart + 1) * (1 - white) * (1 - 0.8 * black)


def _steps(count: int, image: Tensor) -> Tensor:
    """So many places from -1 to 1."""
    return 2 * torch.arange(count, device=image.device, dtype=torch.float32) / (count - 1) - 1
