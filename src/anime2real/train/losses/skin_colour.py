"""How far the skin of a result is from that of its input, as each domain shows it.

Drawn skin is lighter and less pink than photographed skin: of 180 drawings and 207 photographs its mean is
(92, 4, 11) and (70, 17, 18) in CIELAB. A tone asked for is the other domain's a little way (`STEP`) towards that, so
that dark skin stays dark, both ways; the paper-white of most drawings stands for skin as usual in photographs. Inside a
tolerance, results are left to the discriminators.
"""

from typing import Final

import torch
from torch import Tensor

from anime2real.domain import Domain
from anime2real.train.face_colours import skin_colour

STEP: Final = (6.0, -3.0, -2.0)
"""From photographed skin to drawn skin, CIELAB."""

USUAL: Final = (72.0, 15.0, 17.0)
"""Photographed skin that a drawing's paper-white stands for, CIELAB."""

PALE: Final = 83.0
"""L* of drawn skin from which on it is paper-white, half …"""

SPREAD: Final = 2.0
"""… with so much L* to either side."""

TOLERANCE: Final = 3.0
"""Distance in CIELAB that costs nothing …"""

PALE_TOLERANCE: Final = 9.0
"""… and that to skin as usual."""


def skin_distance(before: Tensor, after: Tensor, landmarks: Tensor, to: Domain) -> tuple[Tensor, Tensor]:
    """The sum of the distances of the skin's colours beyond the tolerance in CIELAB, and how many count.

    Args:
        before, after: (N, 3, S, S) in [-1, 1].
        landmarks: (N, 5, 2) in [-1, 1], of `before`.
        to: the domain of `after`.

    Returns:
        two scalars, for `joined_mean`. Each picture where skin is found has the same weight.
    """
    with torch.autocast(before.device.type, enabled=False):
        with torch.no_grad():
            own, seen = skin_colour(before, landmarks)
            wanted, tolerance = tone(own, to)
        made, found = skin_colour(after, landmarks)
        distance = ((made - wanted).square().sum(1) + 1e-2).sqrt()
        counts = seen * found
        return ((distance - tolerance).clamp_min(0) * counts).sum(), counts.sum()


def tone(skin: Tensor, to: Domain) -> tuple[Tensor, Tensor]:
    """The tone that skin (N, 3) in CIELAB has in the other domain, (N, 3), and how far from it is near enough, (N,)."""
    step = _row(STEP, skin)
    if to == "anime":
        return skin + step, torch.full_like(skin[:, 0], TOLERANCE)
    pale = torch.sigmoid((skin[:, :1] - PALE) / SPREAD)
    wanted = pale * _row(USUAL, skin) + (1 - pale) * (skin - step)
    return wanted, TOLERANCE + (PALE_TOLERANCE - TOLERANCE) * pale[:, 0]


def _row(values: tuple[float, float, float], like: Tensor) -> Tensor:
    """(1, 3) on the device of another tensor, without one of the host's."""
    return torch.stack([torch.full_like(like[:1, 0], value) for value in values], 1)
