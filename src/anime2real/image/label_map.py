"""Label maps: pictures whose values are classes, such as the parts of a face, and no colours.

They are read as numbers, resampled by the nearest neighbour alone, and kept in the three channels of a picture, all
alike, so that they travel as pictures do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.errors import UsageError
from anime2real.image.decode import Limits, PictureError, Stream, opened, refuse
from anime2real.image.given import Picture, check_image, read_if_open, to_image

LabelMap = NDArray[np.uint8]
"""(H, W), numbers of classes."""

MOST_CLASSES: Final = 256


def read_label_map(source: Path | str | bytes, classes: Sequence[str], *, name: str | None = None) -> LabelMap:
    """The classes of a palette or grey PNG: its values, whatever the palette shows them as.

    Args:
        source: a file, or its bytes.
        classes: what they are called, in the order of their numbers.
        name: what to call it in an error; the path otherwise.

    Raises:
        PictureError: it cannot be read, is no such PNG, or has values beyond the classes.
    """
    with opened(source, name, Limits()) as picture:
        if picture.format != "PNG" or picture.mode not in ("1", "L", "P"):
            refuse(name or str(source), f"is no label map of {_briefly(classes)}: give a palette or grey PNG of 8 bits")
        if isinstance(picture.fp, Stream):
            picture.fp.ends = True
        picture.load()
        values: LabelMap = np.asarray(picture).astype(np.uint8)
    return _checked(values, classes, name or str(source))


def label_picture(picture: Picture, classes: Sequence[str]) -> Image.Image:
    """Any label map as an RGB picture whose channels are the classes, as networks take it.

    Args:
        picture: a file, its bytes or an open one; a Pillow image of mode P, L or 1; or a picture whose three channels
            are alike.
        classes: what they are called, in the order of their numbers.

    Raises:
        PictureError: as `read_label_map`.
    """
    picture = read_if_open(picture)
    if isinstance(picture, (str, Path, bytes)):
        values = read_label_map(picture, classes)
    elif isinstance(picture, Image.Image) and picture.mode in ("1", "L", "P"):
        check_image(picture)
        values = _checked(np.asarray(picture).astype(np.uint8), classes, "the picture")
    else:
        if isinstance(picture, np.ndarray) and picture.dtype != np.uint8:
            raise PictureError(f"a label map is an array of uint8, not {picture.dtype}")
        channels = np.asarray(to_image(picture))
        if (channels != channels[:, :, :1]).any():
            raise PictureError(
                f"the picture is no label map of {_briefly(classes)}: give a palette or grey PNG of 8 bits"
            )
        values = _checked(channels[:, :, 0], classes, "the picture")
    return Image.fromarray(np.repeat(values[:, :, None], 3, axis=2))


def coloured(values: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Label maps as people can see them: (…, 3), all channels the class, to colours (…, 3).

    Hues are a golden angle apart, so that neighbouring numbers differ; class 0 is black.
    """
    hues = (np.arange(classes) * 0.381966) % 1
    palette = 255 * (0.5 + 0.5 * np.cos(2 * np.pi * (hues[:, None] + np.array([0.0, 1 / 3, 2 / 3]))))
    palette[0] = 0
    shown: NDArray[np.uint8] = palette.astype(np.uint8)[np.minimum(values[..., 0], classes - 1)]
    return shown


def note_of(bundle: Bundle, layout: str | None) -> str:
    """What a bundle takes in place of pictures.

    Raises:
        UsageError: the layout is one for faces.
    """
    if layout not in (None, "face"):
        raise UsageError(f"{bundle.name} translates label maps, which are whole: leave --layout out")
    return f"note: {bundle.name} takes label maps of {said(bundle.classes)}: palette or grey PNGs of these values"


def said(classes: Sequence[str]) -> str:
    """The classes in words: their number, and each with its own."""
    return f"{len(classes)} classes ({', '.join(f'{number} {name}' for number, name in enumerate(classes))})"


def _briefly(classes: Sequence[str]) -> str:
    """The classes for a line that may come once a file: their number, and what they begin and end with."""
    first, last = f"0 {classes[0]}", f"{len(classes) - 1} {classes[-1]}"
    return f"{len(classes)} classes ({first} to {last})" if len(classes) > 2 else said(classes)


def _checked(values: LabelMap, classes: Sequence[str], name: str) -> LabelMap:
    greatest = int(values.max(initial=0))
    if greatest >= len(classes):
        refuse(name, f"has the value {greatest}: it is no label map of {_briefly(classes)}")
    return values
