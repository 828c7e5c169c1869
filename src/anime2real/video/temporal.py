"""Results steady over time: each is averaged with those before and after it where their crops are alike.

A network answers to a hundredth of a pixel: lines come and go where the face has not moved. A crop follows its face, so
what stays in it is averaged by (1, 2, 1) / 4, which takes two thirds of such a tremble. Where a crop changes, as at a
blink, each result stays alone, so that no moment shows in another.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

AHEAD_SECONDS: Final = 0.2
"""Results further apart than this are not averaged; so long, frames wait."""

SIDE: Final = 64
"""Pixels a side at which crops are compared."""

ALIKE: Final = (3, 9)
"""Levels, of the colour that differs most, up to which crops are alike, and from which on they are not; grain and
compression make 1 or 2 at this size."""

_ALIKE: Final = [round(255 * min(1.0, max(0.0, (ALIKE[1] - level) / (ALIKE[1] - ALIKE[0])))) for level in range(256)]

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Seen:
    """A result: when it was translated, s; its crop, at `SIDE`; it; and where its crop is like the one before, L, at
    `SIDE`, None if that is long ago."""

    time: float
    crop: Image.Image
    result: Image.Image
    alike: Image.Image | None


@dataclass
class Averages:
    """The results of a clip's faces.

    Attributes:
        seen: of each track, in order of time.
    """

    seen: dict[int, list[_Seen]] = field(default_factory=dict)

    def take(self, track: int, time: float, crop: Pixels, result: Pixels) -> None:
        """Take a face (S, S, 3) and its translation, unless it is the last one still; times rise."""
        of_track = self.seen.setdefault(track, [])
        if not of_track or of_track[-1].time < time:
            small = Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=1.0)
            near = of_track and time - of_track[-1].time <= AHEAD_SECONDS + 1e-3
            alike = _alike(of_track[-1].crop, small) if near else None
            of_track.append(_Seen(time, small, Image.fromarray(result), alike))

    def average(self, track: int, time: float) -> Pixels:
        """The result of a time, averaged with its neighbours where the crops of all are alike."""
        of_track = self.seen[track]
        at = next(i for i, one in enumerate(of_track) if one.time == time)
        here = of_track[at]
        others, masks = [], []
        if here.alike:
            others, masks = [of_track[at - 1].result], [here.alike]
        if at + 1 < len(of_track) and (alike := of_track[at + 1].alike):
            others, masks = [*others, of_track[at + 1].result], [*masks, alike]
        if not others:
            return np.asarray(here.result)
        other, mask = Image.blend(others[0], others[-1], 0.5), ImageChops.darker(masks[0], masks[-1])
        share = mask.point([round(level * len(others) / 4) for level in range(256)])
        whole = share.resize(here.result.size, Image.Resampling.BILINEAR)
        return np.asarray(Image.composite(other, here.result, whole))

    def forget(self, before: float) -> None:
        """Drop what no frame from a time on will ask for."""
        for of_track in self.seen.values():
            while len(of_track) > 1 and of_track[1].time < before - AHEAD_SECONDS - 1e-2:
                del of_track[0]


def _alike(one: Image.Image, two: Image.Image) -> Image.Image:
    """Where two small crops are alike, L: white where neighbours are, too."""
    red, green, blue = ImageChops.difference(one, two).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return most.filter(ImageFilter.MaxFilter(3)).point(_ALIKE)
