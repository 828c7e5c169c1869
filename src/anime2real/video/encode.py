"""Encode pictures as a stream of a video by PyAV: H.264 if its FFmpeg has x264, MPEG-4 part 2 if not.

A segment is encoded without B-frames and begins with a key frame, so that segments can be joined by copying packets.
"""

from fractions import Fraction
from typing import Any, Final

import av
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from anime2real.video.clip import Frame
from anime2real.video.coded import FORMAT, Coded
from anime2real.video.upright import HD_HEIGHT, usual_space

ENCODERS: Final = {
    "libx264": {
        "crf": "17", "preset": "ultrafast", "bf": "0", "x264-params": "mbtree=0:cabac=1:deblock=1,0,0",
    },
    "mpeg4": {"qscale": "2", "bf": "0"},
}  # fmt: skip
"""Encoders and their options, the best first. At CRF 17 a copy can hardly be told from the original. With arithmetic
coding and the filter that evens blocks, ultrafast takes three quarters of superfast's time where little is grainy, and
makes files of its size, as alike to the frames (docs/video.md).

With x264's macroblock tree a file is a sixth smaller, but the same frames give other bytes in one run of ten, and a
resumed clip is to be the one that was made at once.
"""

PIXELS: Final = FORMAT
ODD_PIXELS: Final = "yuv444p"
"""Pixel formats of frames; x264 halves no odd sides."""

FINEST_MPEG4: Final = 65_535
"""MPEG-4 part 2 counts in no finer units of a second; finer ones become `COARSER`."""

COARSER: Final = Fraction(1, 60_000)

LIBRARIES: Final = av.__version__
"""PyAV's version, which stands for those of FFmpeg and x264 in it: another one may give other bytes."""


class FilmEncoder:
    """Encodes pictures.

    Args:
        rate: frames a second.
        base: the unit of the frames' time stamps, s.

    Attributes:
        name: as FFmpeg calls it.
        encoding: as people do.
    """

    def __init__(self, rate: Fraction, base: Fraction) -> None:
        self.name: Final = next(name for name in ENCODERS if _available(name))
        self.encoding: Final = "H.264" if self.name == "libx264" else "MPEG-4 part 2"
        self._rate, self._base = rate, base
        fine = self.name != "libx264" and base.denominator > FINEST_MPEG4
        self._coded_base = COARSER if fine else base
        self._reformatter = VideoReformatter()

    def stream(self, container: Any, size: tuple[int, int], aspect: Fraction | None) -> Any:
        """A new stream of a container, for pictures of a size, px; `aspect` is a pixel's width in heights."""
        stream = container.add_stream(self.name, self._rate, dict(ENCODERS[self.name]))
        stream.width, stream.height = width, height = size
        even = width % 2 == 0 and height % 2 == 0
        stream.pix_fmt = PIXELS if even or self.name != "libx264" else ODD_PIXELS
        context = stream.codec_context
        context.time_base = self._coded_base
        context.max_b_frames = 0
        context.flags |= av.codec.context.Flags.global_header
        if aspect:
            context.sample_aspect_ratio = aspect
        hd = height >= HD_HEIGHT
        context.colorspace = Colorspace.ITU709 if hd else Colorspace.SMPTE170M
        context.color_primaries = ColorPrimaries.BT709 if hd else ColorPrimaries.SMPTE170M
        context.color_trc = ColorTrc.BT709 if hd else ColorTrc.SMPTE170M
        context.color_range = ColorRange.MPEG
        return stream

    def frame(self, frame: Frame, stream: Any) -> Any:
        """A frame as a stream of `stream` takes it."""
        if isinstance(frame.picture, Coded):
            made: Any = frame.picture.encodable()
        else:
            rgb = av.VideoFrame(*frame.image.size, "rgb0")  # four bytes a pixel, as Pillow has them
            rgb.planes[0].update(frame.image.tobytes("raw", "RGBX", rgb.planes[0].line_size, 1))
            made = self._reformatter.reformat(
                rgb, format=stream.pix_fmt, dst_colorspace=usual_space(rgb), dst_color_range=ColorRange.MPEG
            )
        finer = self._base / self._coded_base
        made.pts, made.time_base = round(frame.pts * finer), self._coded_base
        made.duration = round(frame.duration * finer)
        return made


def _available(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except ValueError:  # UnknownCodecError
        return False
    return True
