"""What faces are cut out of and pasted into: a picture of Pillow's, or a frame of a film as it is coded."""

from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, px."""

Light = NDArray[np.int16]
"""(H, W), the sum of the three channels of each pixel, from 0 to 765."""


class Picture(Protocol):
    """The part of Pillow's pictures that cropping and pasting use; RGB."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""

    def crop(self, box: Box, /) -> Image.Image:
        """The part of a box."""

    def copy(self) -> Self:
        """The same once more, to be pasted into."""

    def paste(self, part: Image.Image, at: tuple[int, int], mask: Image.Image, /) -> None:
        """Put a part where its left and top are to be, as far as its mask, L, covers what is there."""


@runtime_checkable
class Lit(Protocol):
    """A picture whose light lies there apart from its colours."""

    def light(self, box: Box, /) -> Light:
        """Of the part of a box, as if it were grey."""


def light(picture: Picture, box: Box) -> Light:
    """The light of the part of a box, of a picture that is RGB or RGBA."""
    if isinstance(picture, Lit):
        return picture.light(box)
    part = picture.crop(box)
    four = np.frombuffer(part.tobytes("raw", part.mode.ljust(4, "X")), np.uint8).reshape(part.height, part.width, 4)
    total = four[..., 0].astype(np.int16)
    total += four[..., 1]
    total += four[..., 2]
    return total


def some_pixels(size: tuple[int, int]) -> int:
    """Of a picture, every so many pixels of each side tell its light: to look at all takes five times as long."""
    width, height = size
    return max(1, min(width // 320, height // 180))
