"""What films and animated pictures have in common: their frames in order, results in segments, one file at the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from anime2real.errors import UserError
from anime2real.image.decode import Limits
from anime2real.video.track import Frame


class ClipError(UserError):
    """A clip that cannot be read, written, or be dealt with by this installation."""


@dataclass(frozen=True)
class ClipLimits:
    """What is refused; clips come from strangers.

    Attributes:
        picture: on the pixels of a frame and the bytes of an animated picture.
        max_bytes: of a video's file.
        max_frames: an hour of 30 a second, as it stands.
        max_seconds: of playing.
        max_animation_pixels: of all frames of an animated picture together, which is written in one go.
    """

    picture: Limits = field(default_factory=Limits)
    max_bytes: int = 8 * 2**30
    max_frames: int = 108_000
    max_seconds: float = 3600.0
    max_animation_pixels: int = 400_000_000


class Clip(Protocol):
    """A clip that can be read more than once, and written."""

    @property
    def suffix(self) -> str:
        """Of the result, without the dot."""

    @property
    def segment_suffix(self) -> str:
        """Of a segment, without the dot."""

    @property
    def encoding(self) -> str:
        """How the result is encoded, in a word."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""

    @property
    def expected(self) -> int | None:
        """Frames, as the file says; it may be wrong."""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """The frames from number `start` on.

        Raises:
            ClipError: damaged, or beyond the limits.
        """

    def write_segment(self, path: Path, frames: Iterator[Frame]) -> None:
        """Encode some frames into a file of their own."""

    def join(self, segments: Sequence[Path], target: Path) -> None:
        """Make the result of its segments, with the clip's sound, marked as generated."""
