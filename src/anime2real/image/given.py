"""Pictures that a program hands over: files, their bytes, Pillow's images, arrays."""

from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from anime2real.image.decode import (
    Limits,
    PictureError,
    check_pixels,
    decode,
    laid_on,
    reason,
    to_rgb_alpha,
    upright,
)

_LOADING: Final = Lock()
"""Pillow cannot read one opened file in two threads, which may both be given its image."""

Picture = Image.Image | NDArray[np.uint8] | NDArray[np.uint16] | Path | str | bytes | BinaryIO
"""A file, its bytes or an open binary file; a Pillow image; or an array, uint8, or uint16 up to 65535: (H, W) grey,
(H, W, 3) RGB or (H, W, 4) RGBA."""


def to_image(picture: Picture) -> Image.Image:
    """Any picture as an RGB image, sRGB, 8 bits a channel: files are decoded, transparency is laid on white.

    An image that Pillow opened from a file is set upright, as the file would be; what was made of one is as it is.

    Raises:
        PictureError: a file cannot be read, an image is empty, an array is none of a picture, or either has more pixels
            than a file may.
    """
    picture = read_if_open(picture)
    if isinstance(picture, (str, Path, bytes)):
        if picture == "":
            raise PictureError("a picture's name is empty: give the file")
        return decode(picture).image
    if isinstance(picture, Image.Image):
        check_image(picture)
        try:
            with _LOADING:
                picture.load()
            image = _to_rgb(picture)
        except Exception as error:  # it is decoded here, if it was only opened; decoders raise anything
            raise PictureError(f"the picture is damaged or of a mode that is not read ({reason(error)})") from error
        image = upright(picture, image)[0] if isinstance(picture, ImageFile) else image
        image.info = {}
        return image
    if isinstance(picture, np.ndarray):
        return _to_rgb(Image.fromarray(_eight_bits(picture)))
    kind = type(picture).__name__
    raise PictureError(f"a picture is a file, its bytes, a Pillow image or an array, not {kind}")


def check_image(picture: Image.Image) -> None:
    """Refuse an image that is empty, or has more pixels than a file may, before it is decoded."""
    if 0 in picture.size:
        raise PictureError(f"the picture is empty, {picture.width}×{picture.height} px")
    check_pixels(picture.size, "the picture", Limits())


def read_if_open(picture: Any) -> Any:
    """The bytes of an open file, or of what holds bytes in another form; any other picture as it is.

    Raises:
        PictureError: the file cannot be read, or gives text.
    """
    if isinstance(picture, (bytearray, memoryview)):
        return bytes(picture)
    is_file = hasattr(picture, "read") and not isinstance(picture, (Image.Image, np.ndarray))
    return _content(picture) if is_file else picture


def _content(file: Any) -> bytes:
    """What an open file holds from where it stands."""
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        raise PictureError(f"the open file cannot be read ({reason(error)}): open it to read bytes") from error
    if not isinstance(content, bytes):
        raise PictureError("the open file gives text: open it in binary mode, as open(name, 'rb')")
    return content


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    """An array as Pillow takes it."""
    known = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not known or array.dtype not in (np.uint8, np.uint16) or 0 in array.shape:
        kinds = "(H, W), (H, W, 3) or (H, W, 4), uint8 or uint16"
        hint = ": multiply by 255 and convert it" if array.dtype.kind == "f" else ""
        raise PictureError(f"an array must be {kinds}, not {array.shape} {array.dtype}{hint}")
    check_pixels((array.shape[1], array.shape[0]), "the picture", Limits())
    if array.dtype == np.uint16:
        array = (array.astype(np.uint32) * 255 + 32767) // 65535
    return np.ascontiguousarray(array, np.uint8)


def _to_rgb(picture: Image.Image) -> Image.Image:
    """A picture in RGB, sRGB, 8 bits a channel, on white."""
    rgb, alpha = to_rgb_alpha(picture)
    return rgb if alpha is None else laid_on(rgb, alpha, (255, 255, 255))
