"""Covered inputs: pictures of which a part is hidden from whoever translates them, but not from its teacher.

Of two kinds, since people have both. A picture cut close around the face ends at its cheeks and brows, and all beyond
is filled (`face/fill.py`, here on a batch); hair that hangs over an eye leaves one. What was hidden is known here, so
that a student can be taught what is there, where a generator alone must guess.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.face.fill import CELLS, FADE, LEAST
from anime2real.face.geometry import TEMPLATE
from anime2real.train.face_frame import picture_at, places_of

EYES: Final = float(TEMPLATE[1, 0] - TEMPLATE[0, 0])
"""The distance of the eyes in an aligned crop, in shares of its side."""

SIDES: Final = (0.8, 1.5)
"""How far a cut lies beside the middle of the face, in eye distances, at least and at most."""

ABOVE: Final = (0.4, 1.2)
"""The same above the eyes."""

BELOW: Final = (0.35, 0.95)
"""The same below the mouth."""

TURN: Final = 0.35
"""Radians by which a cut is turned against the eyes, at most."""

HAIR: Final = (-1.15, -0.8)
"""Where the hair lies that is drawn out over an eye, in eye distances below it."""

REACH: Final = (0.3, 1.2)
"""How far below the eye it then hangs."""

BREADTH: Final = (0.35, 0.75)
"""Half its breadth where it begins."""

LEAN: Final = 0.25
"""How far it hangs aside at its end, at most."""

OUTLINE: Final = 0.03
"""Breadth of the dark line around it."""


def cut_close(image: Tensor, landmarks: Tensor, share: float, numbers: Tensor) -> Tensor:
    """Some pictures as if their files ended close around the face.

    Args:
        image: (N, 3, S, S) in [-1, 1], S a multiple of `CELLS`.
        landmarks: (N, 5, 2) in [-1, 1] of the same pictures.
        share: of the pictures, from 0 to 1.
        numbers: (N, CUT) in [0, 1), see `random_numbers.py`: whether, the four sides, and the turn.
    """
    chosen, left, right, above, below, turn = numbers.unbind(1)
    angle = TURN * (2 * turn - 1)
    places = _turned(places_of(landmarks, image.shape[-1]), angle)
    # Of the cut: its middle and half its sides, to the right and down, in eye distances.
    left, right = -_between(SIDES, left), _between(SIDES, right)
    mouth = (TEMPLATE[3, 1] - TEMPLATE[0, 1]) / EYES
    top, bottom = -_between(ABOVE, above), mouth + _between(BELOW, below)
    middle = torch.stack([left + right, top + bottom], 1)[:, :, None, None] / 2
    half = torch.stack([right - left, bottom - top], 1)[:, :, None, None] / 2
    from_middle = places - middle
    over = from_middle.abs() - half
    mirrored = middle + torch.where(over > 0, from_middle.sign() * (half - over), from_middle)
    continued = picture_at(image, landmarks, _turned(mirrored, -angle).permute(0, 2, 3, 1))
    eyes = torch.linalg.vector_norm(landmarks[:, 1] - landmarks[:, 0], dim=1)[:, None, None, None] / 2
    filled = _filled(continued, over.amax(1, keepdim=True) * eyes)
    cut: Tensor = torch.where((chosen < share)[:, None, None, None], filled.to(image.dtype), image)
    return cut


def hair_over_an_eye(image: Tensor, hair: Tensor, landmarks: Tensor, share: float, numbers: Tensor) -> Tensor:
    """Some pictures with their fringe drawn out over one eye, where there is hair above it.

    Args:
        image: (N, 3, S, S) in [-1, 1].
        hair: (N, 1, S, S) in [0, 1], where they show hair.
        landmarks, share: as of `cut_close`.
        numbers: (N, STRAND) in [0, 1), see `random_numbers.py`: whether, which eye, how far down, how broad, and
            how it leans.
    """
    chosen, side, reach, breadth, lean = (column[:, None, None, None] for column in numbers.unbind(1))
    x, y = places_of(landmarks, image.shape[-1]).split(1, 1)
    eye = torch.where(side < 0.5, -0.5, 0.5)
    end, half = _between(REACH, reach), _between(BREADTH, breadth)
    down = ((y - HAIR[0]) / (end - HAIR[0])).clamp(0, 1)
    leaned = LEAN * (2 * lean - 1) * down
    within = half * (1 - down).sqrt() - (x - eye - leaned).abs()
    # The strand's colours are those of the hair above, drawn out.
    above = torch.cat([x - leaned, HAIR[0] + (HAIR[1] - HAIR[0]) * down], 1)
    drawn = picture_at(torch.cat([image, hair.to(image.dtype)], 1), landmarks, above.permute(0, 2, 3, 1))
    is_hair = (drawn[:, 3:] > 0.5) & (y > HAIR[0]) & (y < end) & (within > 0)
    strand = (drawn[:, :3] + 1) * torch.where(within < OUTLINE, 0.4, 1.0) - 1
    return torch.where(is_hair & (chosen < share), strand.to(image.dtype), image)


def _between(ends: tuple[float, float], number: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * number


def _turned(places: Tensor, angle: Tensor) -> Tensor:
    """Places (N, 2, S, S) by axes that are turned by (N,) radians, clockwise on screen."""
    x, y = places.split(1, 1)
    cos, sin = angle.cos()[:, None, None, None], angle.sin()[:, None, None, None]
    return torch.cat([cos * x + sin * y, cos * y - sin * x], 1)


def _filled(image: Tensor, beyond: Tensor) -> Tensor:
    """Pictures whose mirrored surroundings fade into soft colours, as `face.fill.fill_quietly` makes them.

    Args:
        image: (N, 3, S, S), continued by its mirror image.
        beyond: (N, 1, S, S), how far each pixel lies beyond the picture, in shares of the side; 0 or less inside.
    """
    factor = image.shape[-1] // CELLS
    known = torch.where(F.avg_pool2d(beyond, factor) <= 0, 1.0, LEAST)
    colours = _pull_push(F.avg_pool2d(image, factor), known)
    soft = F.interpolate(colours, scale_factor=factor, mode="bicubic", align_corners=False).clamp(-1, 1)
    share = 1 - (beyond / FADE).clamp(0, 1)
    return share * image + (1 - share) * soft


def _pull_push(colours: Tensor, known: Tensor) -> Tensor:
    """As `face.fill.pull_push`: colours (N, 3, n, n), n a power of two, where known (N, 1, n, n) is 1."""
    if colours.shape[-1] == 1:
        return colours
    weights = 4 * F.avg_pool2d(known, 2)
    coarser = _pull_push(4 * F.avg_pool2d(colours * known, 2) / weights, weights.clamp_max(1))
    spread = F.interpolate(coarser, scale_factor=2, mode="bilinear", align_corners=False)
    return known * colours + (1 - known) * spread
