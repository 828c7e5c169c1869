"""Pictures that a program hands over: files, Pillow's images, arrays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from anime2real.image.decode import PictureError, decode, laid_on, reason, to_rgb_alpha, upright

Picture = Image.Image | NDArray[np.uint8] | Path | str
"""A Pillow image, an (H, W, 3) uint8 array, or a file."""


def to_image(picture: Picture) -> Image.Image:
    """Any picture as an RGB image, sRGB, 8 bits a channel: files are decoded, transparency is laid on white.

    An image that Pillow opened from a file is set upright, as the file would be; what was made of one is as it is.

    Raises:
        PictureError: a file cannot be read, or an array is none of a picture.
    """
    if isinstance(picture, (str, Path)):
        return decode(picture).image
    if isinstance(picture, Image.Image):
        try:
            image = _to_rgb(picture)
        except Exception as error:  # it is decoded here, if it was only opened; decoders raise anything
            raise PictureError(f"the picture is damaged or of a mode that is not read ({reason(error)})") from error
        image = upright(picture, image)[0] if isinstance(picture, ImageFile) else image
        image.info = {}
        return image
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"a picture is a Pillow image, an array or a file, not {type(picture).__name__}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise PictureError(f"an array must be (H, W, 3) uint8, not {picture.shape} {picture.dtype}")
    return Image.fromarray(picture)


def _to_rgb(picture: Image.Image) -> Image.Image:
    """A picture in RGB, sRGB, 8 bits a channel, on white."""
    rgb, alpha = to_rgb_alpha(picture)
    return rgb if alpha is None else laid_on(rgb, alpha, (255, 255, 255))
