"""A sheet of what was chosen and what was dropped, to be looked at: drawings beside all their results."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from anime2real.measure.distances import Vectors

PX: Final = 128
"""A picture's side."""

MOST: Final = 60
"""Drawings of those that stay, and of those that are dropped, that are shown: spread evenly over all, best first."""

_WIDE: Final = 1600
_TEXT: Final = 16
_GAP: Final = 6
_PAPER, _INK, _CHOSEN, _DROPPED = (255, 255, 255), (30, 30, 30), (0, 150, 70), (200, 60, 40)

Shown = Callable[[int], Sequence[NDArray[np.uint8]]]
"""A drawing and its results, (S, S, 3) each, of a place."""


def choice_sheet(shown: Shown, scored: Vectors, best: NDArray[np.int64], kept: NDArray[np.int64]) -> Image.Image:
    """The sheet: first the drawings that stay, then those that are dropped, each by the score of its best result.

    Args:
        shown: gives the pictures of a drawing.
        scored: (N, C), scores of the results.
        best: (N,), places of the best results, which get a frame.
        kept: places of the drawings that stay.
    """
    order = np.argsort(-scored.max(1), kind="stable")
    stays = np.isin(order, kept)
    parts = [
        _part(f"kept: {len(kept)} of {len(order)}", order[stays], shown, scored, best, _CHOSEN),
        _part(f"dropped: {len(order) - len(kept)} of {len(order)}", order[~stays], shown, scored, best, _DROPPED),
    ]
    sheet = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), _PAPER)
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _part(
    title: str,
    places: NDArray[np.int64],
    shown: Shown,
    scored: Vectors,
    best: NDArray[np.int64],
    colour: tuple[int, int, int],
) -> Image.Image:
    """Tiles of some drawings below a title: the drawing, then its results with their scores, the best one framed."""
    if len(places) > MOST:
        places = places[np.linspace(0, len(places) - 1, MOST).round().astype(int)]
        title += f", {MOST} of them shown"
    width, height = (1 + scored.shape[1]) * PX + _GAP, PX + _TEXT + _GAP
    columns = max(1, _WIDE // width)
    rows = -(-len(places) // columns)
    part = Image.new("RGB", (columns * width, 2 * _TEXT + rows * height), _PAPER)
    draw, font = ImageDraw.Draw(part), ImageFont.load_default(12)
    draw.rectangle((0, 0, part.width, 2 * _TEXT - 6), colour)
    draw.text((6, 5), title, _PAPER, font)
    for number, place in enumerate(places.tolist()):
        left, top = number % columns * width, 2 * _TEXT + number // columns * height
        for at, picture in enumerate(shown(place)):
            x = left + at * PX
            part.paste(Image.fromarray(picture).resize((PX, PX), Image.Resampling.LANCZOS), (x, top))
            if at:
                draw.text((x + 4, top + PX), f"{scored[place, at - 1]:.2f}", _INK, font)
            if at == best[place] + 1:
                draw.rectangle((x, top, x + PX - 1, top + PX - 1), outline=colour, width=3)
    return part
