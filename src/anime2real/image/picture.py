"""What faces are cut out of and pasted into: a picture of Pillow's, or a frame of a film as it is coded."""

from typing import Protocol, Self

from PIL import Image


class Picture(Protocol):
    """The part of Pillow's pictures that cropping and pasting use; RGB."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """The part between left, top, right and bottom, px."""

    def copy(self) -> Self:
        """The same once more, to be pasted into."""

    def paste(self, part: Image.Image, at: tuple[int, int], mask: Image.Image, /) -> None:
        """Put a part where its left and top are to be, as far as its mask, L, covers what is there."""


def some_pixels(size: tuple[int, int]) -> int:
    """Of a picture, every so many pixels of each side tell its light: to look at all takes five times as long."""
    width, height = size
    return max(1, min(width // 320, height // 180))
