"""A face in the template's place, painted in known colours."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from anime2real.face.geometry import TEMPLATE

SIDE: Final = 128
POINTS: Final = TEMPLATE * SIDE
SKIN, DARK, TAN, BLUE, RED, HAIR = (
    (236, 205, 185),
    (110, 70, 50),
    (200, 150, 120),
    (60, 90, 170),
    (150, 40, 50),
    (20,) * 3,
)


def face(
    skin: tuple[int, ...] = SKIN, iris: tuple[int, ...] = BLUE, gaze: float = 0.0, points: NDArray[np.float64] = POINTS
) -> NDArray[np.uint8]:
    """(SIDE, SIDE, 3): irises with a pupil and a highlight in white eyeballs; `gaze` and `points` in px."""
    picture = Image.new("RGB", (SIDE, SIDE), skin)
    draw = ImageDraw.Draw(picture)
    for x, y in points[:2]:
        draw.ellipse((x - 9, y - 5, x + 9, y + 5), (250, 250, 250))
        x += gaze
        draw.ellipse((x - 4, y - 5, x + 4, y + 5), iris)
        draw.ellipse((x - 1, y - 1, x + 1, y + 1), (0, 0, 0))
        draw.point((x - 2, y - 3), (255, 255, 255))
    return np.asarray(picture)


def batch(*pictures: NDArray[np.uint8]) -> torch.Tensor:
    """(N, 3, SIDE, SIDE) in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def landmarks(count: int) -> torch.Tensor:
    """(N, 5, 2) in [-1, 1]."""
    return torch.tensor(TEMPLATE * 2 - 1, dtype=torch.float32).expand(count, 5, 2)
