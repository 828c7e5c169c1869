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

_SHARES: Final = [round(255 * min(1.0, max(0.0, (ALIKE[1] - level) / (ALIKE[1] - ALIKE[0])))) for level in range(256)]

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Seen:
    """A result, and its crop: when it was translated, s; the crop at `SIDE`; the result."""

    time: float
    crop: Image.Image
    result: Image.Image


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
            of_track.append(_Seen(time, small, Image.fromarray(result)))

    def average(self, track: int, time: float) -> Pixels:
        """The result of a time, averaged with its neighbours."""
        of_track = self.seen[track]
        at = next(i for i, one in enumerate(of_track) if one.time == time)
        here = of_track[at]
        before, after = (self._near(here, of_track[i : i + 1] if i >= 0 else []) for i in (at - 1, at + 1))
        # (before + here) / 2 and (here + after) / 2, and of these the mean.
        one, two = (Image.blend(here.result, other, 0.5) for other in (before, after))
        return np.asarray(Image.blend(one, two, 0.5))

    def _near(self, here: _Seen, others: list[_Seen]) -> Image.Image:
        """A neighbour's result where its crop is like that of `here`, whose result it is elsewhere."""
        for other in others:
            if abs(other.time - here.time) <= AHEAD_SECONDS + 1e-3:
                apart = ImageChops.difference(here.crop, other.crop).split()
                most = ImageChops.lighter(ImageChops.lighter(apart[0], apart[1]), apart[2])
                alike = most.filter(ImageFilter.MaxFilter(3)).point(_SHARES)
                mask = alike.resize(here.result.size, Image.Resampling.BILINEAR)
                return Image.composite(other.result, here.result, mask)
        return here.result

    def forget(self, before: float) -> None:
        """Drop what no frame from a time on will ask for."""
        for of_track in self.seen.values():
            while len(of_track) > 1 and of_track[1].time < before - AHEAD_SECONDS - 1e-2:
                del of_track[0]
