"""Label maps: pictures whose values are classes, such as the parts of a face, and no colours.

They are read as numbers, resampled by the nearest neighbour alone, and kept in the three channels of a picture, all
alike, so that they travel as pictures do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.image.decode import Limits, Stream, opened, refuse

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
            refuse(name or str(source), f"is no label map of {said(classes)}: give a palette or grey PNG of 8 bits")
        if isinstance(picture.fp, Stream):
            picture.fp.ends = True
        picture.load()
        values: LabelMap = np.asarray(picture).astype(np.uint8)
    return _checked(values, classes, name or str(source))


def said(classes: Sequence[str]) -> str:
    """The classes in words: their number, and each with its own."""
    return f"{len(classes)} classes ({', '.join(f'{number} {name}' for number, name in enumerate(classes))})"


def _checked(values: LabelMap, classes: Sequence[str], name: str) -> LabelMap:
    greatest = int(values.max(initial=0))
    if greatest >= len(classes):
        refuse(name, f"has the value {greatest}: it is no label map of {said(classes)}")
    return values
