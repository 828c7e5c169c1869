"""A frame of a film as it is coded: a plane of light, and two of colour in a quarter of its pixels.

What is looked at becomes RGB, and only what is pasted comes back: what lies outside of the heads is encoded as it was
decoded, and most pixels are never touched.
"""

from threading import local
from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from anime2real.image.picture import Box, Light, some_pixels

FORMAT: Final = "yuv420p"

SIDES: Final = 64
"""Parts are converted at sizes that are whole multiples of so many px: FFmpeg prepares itself anew for each size, and
leaves the last columns of some wrong."""

SIZES: Final = 32
"""Of parts, for which a thread keeps FFmpeg prepared."""

WHOLE_WIDTHS: Final = 16
"""Of frames whose width is a whole multiple of so many px, none is wrong."""

BLACK: Final = 16
WHITE: Final = 235
"""The light of films is between these (ITU-R BT.709)."""

_GREY: Final = [min(255.0, max(0.0, (level - BLACK) * 255 / (WHITE - BLACK))) for level in range(256)]
_LEVELS: Final = list(map(round, _GREY))
_LIGHT: Final = np.rint(3 * np.array(_GREY)).astype(np.int16)

Plane = NDArray[np.uint8]


class _Converters(local):
    """FFmpeg's, of each thread, for each format and size: to prepare one takes longer than to use it."""

    def __init__(self) -> None:
        self._ready: dict[tuple[str, int, int], VideoReformatter] = {}

    def reformat(self, frame: av.VideoFrame, to: str, **spaces: Any) -> Any:
        """A frame in another format; arguments as of `VideoReformatter.reformat`."""
        wanted = to, frame.width, frame.height
        if wanted not in self._ready:
            if len(self._ready) >= SIZES:
                self._ready.clear()
            self._ready[wanted] = VideoReformatter()
        return self._ready[wanted].reformat(frame, format=to, **spaces)


_CONVERTERS: Final = _Converters()


class Coded:
    """A frame of `FORMAT` with even sides, as a picture that is cut and pasted into (`image.picture`).

    Args:
        frame: as it was decoded; it is not changed.
        space: its colour space.
        own: whether nobody else has it, so that it may be changed.
    """

    def __init__(self, frame: av.VideoFrame, space: Colorspace, *, own: bool = False) -> None:
        self._frame, self._space, self._own = frame, space, own

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self._frame.width, self._frame.height

    @property
    def whole(self) -> Image.Image:
        """All of it, RGB."""
        aligned = self._frame.width % WHOLE_WIDTHS == 0
        return self._rgb(self._frame) if aligned else self.crop((0, 0, *self.size))

    def grey(self, size: tuple[int, int]) -> Image.Image:
        """Its light at a smaller size, L."""
        every = some_pixels(self.size)
        light = Image.fromarray(_planes(self._frame, (0, 0, *self.size))[0][::every, ::every])
        return light.point(_LEVELS).resize(size, Image.Resampling.BOX)

    def crop(self, box: Box, /) -> Image.Image:
        """The part between left, top, right and bottom, RGB."""
        left, top, right, bottom = even = _even(box)
        part = av.VideoFrame(*_padded(even), FORMAT)
        _copy(_planes(self._frame, even), _planes(part, (0, 0, right - left, bottom - top)))
        return self._rgb(part).crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))

    def light(self, box: Box, /) -> Light:
        """As `image.picture.Lit.light`."""
        left, top, *_ = even = _even(box)
        plane = _planes(self._frame, even)[0]
        part: Light = _LIGHT[plane[box[1] - top : box[3] - top, box[0] - left : box[2] - left]]
        return part

    def copy(self) -> "Coded":
        """The same once more, to be pasted into or encoded, without what the decoder said of it."""
        copied, everywhere = av.VideoFrame(*self.size, FORMAT), (0, 0, *self.size)
        _copy(_planes(self._frame, everywhere), _planes(copied, everywhere))
        return Coded(copied, self._space, own=True)

    def paste(self, part: Image.Image, at: tuple[int, int], mask: Image.Image, /) -> None:
        """Put a part, RGB, where its left and top are to be, as far as its mask, L, covers what is there."""
        left, top, right, bottom = even = _even((*at, at[0] + part.width, at[1] + part.height))
        inside, size = (at[0] - left, at[1] - top), (right - left, bottom - top)
        rgb: Any = av.VideoFrame(*_padded(even), "rgb0")  # four bytes a pixel, as Pillow has them
        pixels = np.frombuffer(rgb.planes[0], np.uint32).reshape(rgb.height, -1)
        pixels[...] = 0
        here = pixels[inside[1] : inside[1] + part.height, inside[0] : inside[0] + part.width]
        here[...] = np.frombuffer(part.tobytes("raw", "RGBX"), np.uint32).reshape(here.shape)
        opacity = Image.new("L", size)
        opacity.paste(mask, inside)
        made = _CONVERTERS.reformat(rgb, FORMAT, dst_colorspace=self._space, dst_color_range=ColorRange.MPEG)
        opacities = opacity, *[opacity.reduce(2)] * 2
        for mine, new, cover in zip(_planes(self._frame, even), _planes(made, (0, 0, *size)), opacities, strict=True):
            below = Image.fromarray(mine)
            below.paste(Image.fromarray(new), mask=cover)
            mine[...] = np.asarray(below)

    def encodable(self) -> Any:
        """A frame for the encoder, which changes it: this is not used any more."""
        return (self if self._own else self.copy())._frame

    def _rgb(self, frame: av.VideoFrame) -> Image.Image:
        made = _CONVERTERS.reformat(frame, "rgba", src_colorspace=self._space, dst_color_range=ColorRange.JPEG)
        plane = made.planes[0]
        return Image.frombytes("RGB", (made.width, made.height), plane, "raw", "RGBX", plane.line_size, 1)


def _even(box: Box) -> Box:
    """The smallest box with even ends around another one: a pixel of colour is two by two of light."""
    left, top, right, bottom = box
    return left - left % 2, top - top % 2, right + right % 2, bottom + bottom % 2


def _padded(box: Box) -> tuple[int, int]:
    """Width and height of a box, rounded up to whole multiples of `SIDES`."""
    left, top, right, bottom = box
    return -(-(right - left) // SIDES) * SIDES, -(-(bottom - top) // SIDES) * SIDES


def _planes(frame: Any, box: Box) -> list[Plane]:
    """The three planes of a frame within a box with even ends, as they lie in its memory."""
    planes = []
    for plane, share in zip(frame.planes, (1, 2, 2), strict=True):
        left, top, right, bottom = (end // share for end in box)
        planes.append(np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[top:bottom, left:right])
    return planes


def _copy(planes: list[Plane], to: list[Plane]) -> None:
    for plane, other in zip(planes, to, strict=True):
        other[...] = plane
