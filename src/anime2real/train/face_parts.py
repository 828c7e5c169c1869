"""What a discriminator sees from near: the band of the eyes and the mouth, cut out by the landmarks.

A discriminator of the whole face spends little on twenty pixels of an eye. In crops along the eye line and the line of
the mouth they fill the picture, wherever the face lies and however it leans.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

HEIGHT: Final = 32
WIDTH: Final = 64

DETAILS: Final = {"eyes": (0, 1, 2.0), "mouth": (3, 4, 1.4)}
"""The landmarks in whose middle each lies and along whose line it is turned, and its width in eye distances."""


def detail(name: str, image: Tensor, landmarks: Tensor) -> Tensor:
    """Cut a detail out of each picture; what lies beyond the picture is its mirror image.

    Args:
        name: of `DETAILS`.
        image: (N, C, S, S).
        landmarks: (N, 5, 2) in [-1, 1] of the same pictures.

    Returns:
        (N, C, `HEIGHT`, `WIDTH`), differentiable by the image, in its precision.
    """
    left, right, reach = DETAILS[name]
    landmarks = landmarks.float()
    eyes = (landmarks[:, 1] - landmarks[:, 0]).norm(dim=1)
    along = landmarks[:, right] - landmarks[:, left]
    along = along / along.norm(dim=1, keepdim=True).clamp_min(1e-6)
    middle = (landmarks[:, left] + landmarks[:, right]) / 2
    x = along * (reach / 2 * eyes)[:, None]
    down = torch.stack([-x[:, 1], x[:, 0]], dim=1) * (HEIGHT / WIDTH)
    theta = torch.stack([x, down, middle], dim=2)
    # In bf16 a place would be half a pixel off.
    with torch.autocast(image.device.type, enabled=False):
        grid = F.affine_grid(theta, [len(image), image.shape[1], HEIGHT, WIDTH], align_corners=False)
        cut = F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return cut.to(image.dtype)
