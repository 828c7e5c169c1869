"""How far the irises of a result are from those of its input, by colour.

As with hair, no discriminator of single pictures and no cycle asks for it. The lightness counts little: a drawn iris is
lit as its draughtsman likes. Closed eyes, eyes behind glasses, and faces in profile do not count.
"""

from typing import Final

import torch
from torch import Tensor

from anime2real.domain import Domain
from anime2real.train.face_colours import iris_colours
from anime2real.train.face_frame import result_landmarks

LIGHTNESS: Final = 0.4
"""Weight of L* beside a* and b*."""

EYES_OPEN, GLASSES = 4, 5
"""Columns of labels with an expression (`losses/who.py`)."""


def eye_distance(
    before: Tensor, after: Tensor, landmarks: Tensor, who: Tensor | None, to: Domain
) -> tuple[Tensor, Tensor]:
    """The sum of the distances of the irises' colours in CIELAB, and how many count.

    Args:
        before, after: (N, 3, S, S) in [-1, 1].
        landmarks: (N, 5, 2) in [-1, 1], of `before`; a result's eyes lie closer together or further apart, as usual.
        who: (N, 6), labels of `before`, with its expression; eyes count as open where there are none.
        to: the domain of `after`.

    Returns:
        two scalars, for `joined_mean`. Each iris that counts has the same weight.
    """
    with torch.autocast(before.device.type, enabled=False):
        source: Domain = "anime" if to == "real" else "real"
        with torch.no_grad():
            wanted = iris_colours(before, landmarks, source)
        found = iris_colours(after, result_landmarks(landmarks, to), to)
        light, a, b = (wanted.colour - found.colour).unbind(2)
        # Under the root nothing is ever 0, where its slope is endless.
        distance = ((LIGHTNESS * light).square() + a.square() + b.square() + 1e-2).sqrt()
        counts = wanted.seen * found.seen * open_eyes(who, before)[:, None]
        return (distance * counts).sum(), counts.sum()


def open_eyes(who: Tensor | None, image: Tensor) -> Tensor:
    """(N,), 1 for pictures (N, 3, S, S) whose labels (N, 6) say that eyes are open and without glasses, else 0.

    All are where labels do not tell.
    """
    if who is None or who.shape[1] <= GLASSES:
        return image.new_ones(len(image), dtype=torch.float32)
    return ((who[:, EYES_OPEN] > 0) & (who[:, GLASSES] < 0)).float()
