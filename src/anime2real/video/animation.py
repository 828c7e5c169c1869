"""Read and write animated GIF, WebP and PNG by Pillow, with the duration of every frame and the number of loops.

Faces are found on a background, as in pictures; what was transparent stays so. Pillow cannot write XMP into GIF; the
packet is put in afterwards, where Adobe's specification has it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from anime2real.image import provenance as marks
from anime2real.image.decode import PictureError, laid_on, opened, printable, to_rgb_alpha, upright
from anime2real.video.clip import ClipError, ClipLimits, Frame

_SUFFIXES: Final = {"GIF": "gif", "WEBP": "webp", "PNG": "png"}

_SHORT_MS: Final = 20
"""Browsers show a frame with a shorter duration for 100 ms."""


class Animation:
    """An animated picture.

    Args:
        path: the file.
        limits: on the animation.
        background: the colour behind transparent frames, RGB, 0-255.

    Raises:
        ClipError: the file cannot be read, or is beyond the limits.
    """

    segment_suffix: Final = "npy"  # what came out, as it is: a picture format is written in one go

    def __init__(self, path: Path, limits: ClipLimits, background: tuple[int, int, int]) -> None:
        self._path, self._limits, self._background = path, limits, background
        try:
            with opened(path, None, limits.picture) as picture:
                self._kind = str(picture.format)
                self._hidden = bool(picture.info.get("default_image"))  # a PNG's first picture, outside the animation
                self.expected = int(getattr(picture, "n_frames", 1)) - self._hidden
                self._loop: int | None = picture.info.get("loop")
                pixels = picture.width * picture.height * self.expected
        except PictureError as error:
            raise ClipError(str(error)) from error
        if self.expected > limits.max_frames or pixels > limits.max_animation_pixels:
            raise ClipError(
                printable(
                    f"{path} has {self.expected:,} frames of {pixels:,} pixels together, more than the "
                    f"{limits.max_frames:,} of {limits.max_animation_pixels:,} allowed: make it smaller, or a video"
                )
            )
        self.suffix = _SUFFIXES[self._kind]
        self.encoding = {"GIF": "GIF", "WEBP": "WebP", "PNG": "APNG"}[self._kind]
        self.notes: tuple[str, ...] = ()

    def constants(self) -> dict[str, str]:
        """As `Clip.constants`: segments are the pixels as they are."""
        return {"Pillow": PIL.__version__}

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """As `Clip.frames`; the unit of `pts` is the millisecond."""
        try:
            with opened(self._path, None, self._limits.picture) as picture:
                at = 0.0
                for number in range(self.expected):
                    picture.seek(number + self._hidden)
                    picture.load()
                    duration = float(picture.info.get("duration", 0) or 0)
                    shown_for = duration if duration >= _SHORT_MS else 100.0
                    if number >= start:
                        yield self._frame(picture, at, duration)
                    at += shown_for
        except PictureError as error:
            raise ClipError(str(error)) from error

    def _frame(self, picture: Image.Image, at: float, duration: float) -> Frame:
        """A frame of Pillow's, upright; `at` and `duration` in ms."""
        image, alpha = upright(picture, *to_rgb_alpha(picture.copy()))
        cutout = None
        if alpha is not None:
            cutout = image.copy()
            cutout.putalpha(alpha)
            image = laid_on(image, alpha, self._background)
        image.info = {}
        return Frame(image, at / 1000, round(at), round(duration), cutout)

    def write_segment(self, path: Path, frames: Iterator[Frame]) -> None:
        """As `Clip.write_segment`."""
        kept = [(frame.cutout or frame.image.convert("RGBA"), frame.duration) for frame in frames]
        with path.open("wb") as file:
            np.save(file, np.array([duration for _, duration in kept], np.int64), allow_pickle=False)
            np.save(file, np.stack([np.asarray(image) for image, _ in kept]), allow_pickle=False)

    def join(self, segments: Sequence[Path], target: Path, making: marks.Making | None = None) -> None:
        """As `Clip.join`."""
        durations: list[int] = []
        frames: list[Image.Image] = []
        for path in segments:
            with path.open("rb") as file:
                durations += np.load(file, allow_pickle=False).tolist()
                pixels: NDArray[np.uint8] = np.load(file, allow_pickle=False)
            frames += [Image.fromarray(frame) for frame in pixels]
        if all(frame.getchannel("A").getextrema() == (255, 255) for frame in frames):
            frames = [frame.convert("RGB") for frame in frames]
        options: dict[str, Any] = {"duration": durations}
        if frames[0].mode == "RGBA" and self._kind == "GIF":
            options["disposal"] = 2  # what was there shows through no more
        if self._loop is not None:
            options["loop"] = self._loop
        if self._kind == "PNG":
            texts = PngInfo()
            texts.add_itxt("XML:com.adobe.xmp", marks.packet(making))
            texts.add_text("Software", marks.SOFTWARE)
            options["pnginfo"] = texts
        elif self._kind == "WEBP":
            exif = Image.Exif()
            exif[ExifTags.Base.Software] = marks.SOFTWARE
            options |= {"quality": 92, "exif": exif.tobytes(), "xmp": marks.packet(making).encode()}
        try:
            frames[0].save(target, self._kind, save_all=True, append_images=frames[1:], **options)
        except (OSError, ValueError) as error:
            raise ClipError(
                printable(f"{self._path}: its result cannot be written as {self._kind} ({error})")
            ) from error
        if self._kind == "GIF":
            target.write_bytes(marks.in_gif(target.read_bytes(), making))
