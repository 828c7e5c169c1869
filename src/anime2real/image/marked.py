"""Results of the Python surface: Pillow images whose `save` writes the marks of a generated picture."""

import io
import os
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from anime2real.image import provenance
from anime2real.image.decode import PictureError, printable

MARKABLE: Final = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF")
"""Formats, as Pillow calls them, that can hold the marks."""

XMP: Final = 700
"""TIFF's tag of an XMP packet."""


class MarkedImage(Image.Image):
    """A generated picture. What it is saved as carries the marks; pictures that Pillow makes of it, as `copy`, do not.

    `anime2real.write` marks any picture.

    Attributes:
        making: by what it was made, if that is known.
    """

    making: provenance.Making | None = None

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """As Pillow's, with the marks: XMP, and the program's name in PNG's texts or in EXIF.

        Raises:
            PictureError: `fp` is no name and no file, or the format cannot hold the marks: PNG, JPEG, WebP, AVIF, TIFF
                and GIF can.
        """
        named = isinstance(fp, (str, bytes, os.PathLike))
        if not named and not hasattr(fp, "write"):
            raise PictureError(f"a picture is saved under a name or to an open file, not {type(fp).__name__}")
        suffix = Path(os.fsdecode(fp)).suffix.lower() if named else ""
        if not suffix and not format:
            raise PictureError("the name of a picture ends in its format, as face.png")
        Image.init()  # or not all suffixes are known
        kind = (format or Image.EXTENSION.get(suffix, suffix[1:])).upper()
        if kind not in MARKABLE:
            where = f"{printable(os.fsdecode(fp))}: {kind}" if named else kind
            raise PictureError(f"{where} cannot hold the mark of a generated picture: save {', '.join(MARKABLE)}")
        if kind == "PNG" and "pnginfo" not in params:
            texts = PngInfo()
            texts.add_itxt("XML:com.adobe.xmp", provenance.packet(self.making))
            texts.add_text("Software", provenance.SOFTWARE)
            params["pnginfo"] = texts
        elif kind in ("JPEG", "WEBP", "AVIF"):
            params.setdefault("xmp", provenance.packet(self.making).encode())
            params.setdefault("exif", provenance.exif_of_results())
        elif kind == "TIFF":
            params.setdefault(
                "tiffinfo", {XMP: provenance.packet(self.making).encode(), ExifTags.Base.Software: provenance.SOFTWARE}
            )
        elif kind == "GIF":
            buffer = io.BytesIO()
            super().save(buffer, kind, **params)
            _write(fp, provenance.in_gif(buffer.getvalue(), self.making))
            return
        super().save(fp, format, **params)


def _write(fp: Any, content: bytes) -> None:
    if hasattr(fp, "write"):
        fp.write(content)
    else:
        Path(os.fsdecode(fp)).write_bytes(content)


def marked(image: Image.Image, making: provenance.Making | None = None) -> MarkedImage:
    """A picture that nobody else holds, as one whose `save` writes the marks."""
    image.__class__ = MarkedImage  # nothing is copied: pasted into, it may be large
    assert isinstance(image, MarkedImage)
    image.making = making
    return image
