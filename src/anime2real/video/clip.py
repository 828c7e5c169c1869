"""The interface of videos and animated pictures: read frames, write results in segments, join them to one file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PIL import Image

from anime2real.errors import UserError
from anime2real.image.decode import Limits
from anime2real.image.picture import some_pixels
from anime2real.image.provenance import Making

if TYPE_CHECKING:  # it needs PyAV
    from anime2real.video.coded import Coded


class ClipError(UserError):
    """A clip that cannot be read or written, or that needs something that is not installed."""


@dataclass(frozen=True)
class Frame:
    """A frame of a clip.

    Attributes:
        picture: RGB, upright; of a film, often as it is coded.
        time: s.
        pts: the presentation time stamp, in the clip's own unit.
        duration: in that unit; 0 if the clip does not state it.
        cutout: RGBA, the frame on no background, if it is transparent somewhere.
    """

    picture: "Image.Image | Coded"
    time: float
    pts: int
    duration: int = 0
    cutout: Image.Image | None = None

    @property
    def image(self) -> Image.Image:
        """All of it as a picture of Pillow's."""
        return self.picture if isinstance(self.picture, Image.Image) else self.picture.whole

    @property
    def bytes(self) -> int:
        """Of memory that it takes: four a pixel, as Pillow has them, twice if cut out, or one and a half, as coded."""
        (width, height), cut_out = self.picture.size, self.cutout is not None
        return width * height * (8 * (1 + cut_out) if isinstance(self.picture, Image.Image) else 3) // 2

    def grey(self, size: tuple[int, int]) -> Image.Image:
        """Its light at a smaller size, L."""
        if not isinstance(self.picture, Image.Image):
            return self.picture.grey(size)
        every = some_pixels(self.picture.size)
        reduced = self.picture.width // every, self.picture.height // every
        nearly = self.picture.resize(reduced, Image.Resampling.NEAREST)
        return nearly.convert("L").resize(size, Image.Resampling.BOX)


@dataclass(frozen=True)
class ClipLimits:
    """Limits on a clip; larger ones are refused, because clips may come from strangers.

    Attributes:
        picture: limits on the pixels of a frame and on the bytes of an animated picture.
        max_bytes: of a video's file.
        max_frames: of a clip; the default is an hour at 30 frames a second.
        max_seconds: duration of a clip.
        max_animation_pixels: of all frames of an animated picture together, because they are written at once.
    """

    picture: Limits = field(default_factory=Limits)
    max_bytes: int = 8 * 2**30
    max_frames: int = 108_000
    max_seconds: float = 3600.0
    max_animation_pixels: int = 400_000_000


class Clip(Protocol):
    """A clip whose frames can be read more than once, and whose result can be written."""

    @property
    def suffix(self) -> str:
        """The suffix of the result, without the dot."""

    @property
    def segment_suffix(self) -> str:
        """The suffix of a segment, without the dot."""

    @property
    def encoding(self) -> str:
        """The name of the encoding of the result."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know; more of it once all frames have been read."""

    @property
    def expected(self) -> int | None:
        """The number of frames that the file states, which may be wrong; None if it states none."""

    def constants(self) -> dict[str, str]:
        """What decides the pixels of its frames and the bytes of its segments, besides its file."""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """The frames from number `start` on.

        Raises:
            ClipError: the clip is damaged, or beyond the limits.
        """

    def write_segment(self, path: Path, frames: Iterator[Frame]) -> None:
        """Encode frames into a file."""

    def join(self, segments: Sequence[Path], target: Path, making: Making | None = None) -> None:
        """Join segments to the result, with the sound of the clip, marked as generated, by what `making` says."""
