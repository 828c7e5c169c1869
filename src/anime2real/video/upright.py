"""FFmpeg's frames as pictures: sRGB, upright, not mirrored, of square pixels; high dynamic range mapped to what a
screen shows.

Reference white of PQ and HLG (203 nits, ITU-R BT.2408) becomes white, and what is brighter is cut off there.
"""

from fractions import Fraction
from functools import cache
from typing import Any, Final, cast

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from anime2real.video.coded import FORMAT

HD_HEIGHT: Final = 720
"""Videos that state no colour space are taken for BT.709 from this height on, for BT.601 below."""

NOT_SAID: Final = (0, 2)
ITU601: Final = (5, 6)
"""Colour spaces, as numbers of ITU-T H.273, table 4: those that say nothing, and two names of BT.601."""

PQ: Final = 16
HLG: Final = 18
"""Transfer characteristics of high dynamic range: SMPTE ST 2084 and ARIB STD-B67 (ITU-T H.273, table 3)."""

WHITE_NITS: Final = 203.0
PEAK_NITS: Final = 1000.0
"""Of the screen that HLG is meant for."""

_LUMINANCE: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)
_TO_709: Final = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""Linear BT.2020 to BT.709: ITU-R BT.2087-0, annex 2, equation 2."""

_TURNS: Final = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""By a display matrix's a, b, c, d, as signs: x' = a x + c y, y' = b x + d y."""

SQUARE: Final = 0.01
"""Pixels that are wider or narrower than high by no more than this share are left as they are."""

RESAMPLED_BY: Final = Interpolation.BICUBIC

Floats = NDArray[np.float32]


def is_hdr(transfer: int) -> bool:
    """Whether a transfer characteristic is one of high dynamic range."""
    return transfer in (PQ, HLG)


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """The size at which a frame has square pixels, px: no side is shorter, and one that is longer is even.

    Args:
        width, height: as the frame is stored.
        aspect: the width of its pixels in heights; None if that is not said.
    """
    if not aspect or abs(aspect - 1) <= SQUARE:
        return width, height
    return (2 * round(width * aspect / 2), height) if aspect > 1 else (width, 2 * round(height / aspect / 2))


def upright(frame: av.VideoFrame, reformatter: VideoReformatter, size: tuple[int, int]) -> Image.Image:
    """A frame as an RGB picture.

    Args:
        frame: as it was decoded.
        reformatter: for all frames of a film: to make one takes as long as to use it.
        size: to resample the frame to, before it is turned, px.
    """
    resampled: dict[str, Any] = (
        {}
        if size == (frame.width, frame.height)
        else {"width": size[0], "height": size[1], "interpolation": RESAMPLED_BY}
    )
    space = usual_space(frame) if frame.colorspace in NOT_SAID else frame.colorspace
    if is_hdr(int(frame.color_trc)):
        deep: Any = reformatter.reformat(
            frame, format="rgb48le", src_colorspace=space, dst_color_range=ColorRange.JPEG, **resampled
        )
        image = Image.fromarray(tone_mapped(deep.to_ndarray(), int(frame.color_trc)))
    else:
        # Four bytes a pixel are what Pillow has; at other widths FFmpeg leaves the last columns of such frames wrong.
        kind, mode = ("rgba", "RGBX") if frame.width % 16 == 0 and not resampled else ("rgb24", "RGB")
        plain: Any = reformatter.reformat(
            frame, format=kind, src_colorspace=space, dst_color_range=ColorRange.JPEG, **resampled
        )
        plane, size = plain.planes[0], (plain.width, plain.height)
        image = Image.frombytes("RGB", size, plane, "raw", mode, plane.line_size, 1)
    facts: Any = frame.side_data  # its stubs know names of a kind, and not the kind
    turn = turn_of(facts.get(Type.DISPLAYMATRIX))
    return image if turn is None else image.transpose(turn)


def usual_space(frame: av.VideoFrame) -> Colorspace:
    """The colour space of frames that state none, and of results."""
    return Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601


def coded_space(frame: av.VideoFrame, size: tuple[int, int]) -> Colorspace | None:
    """The colour space of a frame that lies there as results are coded (`coded.Coded`); None if it has to be changed.

    Args:
        frame: as it was decoded.
        size: that it is to have, before it is turned, px.
    """
    usual, facts = usual_space(frame), cast(Any, frame.side_data)
    alike = frame.format.name == FORMAT and frame.color_range in (ColorRange.UNSPECIFIED, ColorRange.MPEG)
    known = {*NOT_SAID, *([1] if usual is Colorspace.ITU709 else ITU601)}
    even = size == (frame.width, frame.height) and not any(side % 2 for side in size)
    turned = is_hdr(int(frame.color_trc)) or turn_of(facts.get(Type.DISPLAYMATRIX)) is not None
    return usual if alike and even and frame.colorspace in known and not turned else None


def turn_of(matrix: Any) -> Image.Transpose | None:
    """What a display matrix (9 int32, 16.16, as FFmpeg's `libavutil/display.h` has it) asks for, to a quarter turn."""
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    largest = max(map(abs, (a, b, c, d))) or 1
    a, b, c, d = (round(value / largest) for value in (a, b, c, d))
    return _TURNS.get((a, b, c, d))


def tone_mapped(pixels: NDArray[np.uint16], transfer: int) -> NDArray[np.uint8]:
    """High dynamic range to sRGB.

    Args:
        pixels: (H, W, 3) of BT.2020, the whole of 16 bits.
        transfer: `PQ` or `HLG`.

    Returns:
        (H, W, 3), sRGB.
    """
    light = _lights(transfer)[pixels]
    if transfer == HLG:  # the OOTF, ITU-R BT.2100-2, table 5, which depends on the luminance
        scene = light @ _LUMINANCE
        light = light * (PEAK_NITS / WHITE_NITS * np.maximum(scene, 1e-6) ** np.float32(0.2))[..., None]
    linear = (light @ _TO_709.T).clip(0, 1)
    levels: NDArray[np.uint8] = _levels()[np.rint(linear * np.float32(65535)).astype(np.uint16)]
    return levels


@cache
def _lights(transfer: int) -> Floats:
    """(65536,): light of each value; of PQ in shares of reference white, of HLG the scene's, 0 to 1."""
    value = np.arange(65536) / 65535
    if transfer == PQ:  # the EOTF, ITU-R BT.2100-2, table 4
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        root = value ** (1 / m2)
        nits = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
        return (nits / WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073  # the inverse OETF, table 5
    return np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12).astype(np.float32)


@cache
def _levels() -> NDArray[np.uint8]:
    """(65536,): sRGB of linear light, IEC 61966-2-1."""
    linear = np.arange(65536) / 65535
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(255 * encoded).astype(np.uint8)
    return levels
