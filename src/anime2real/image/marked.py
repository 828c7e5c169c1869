"""Results of the Python surface: Pillow images whose `save` writes the marks of a generated picture."""

import os
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from anime2real.image import provenance
from anime2real.image.files import WRITABLE


class MarkedImage(Image.Image):
    """A generated picture. PNG, JPEG, WebP and AVIF that it is saved as carry the marks; what is made of it does not.

    `anime2real.write` marks any picture.
    """

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """As Pillow's, with the marks: XMP, and the program's name in PNG's texts or in EXIF."""
        suffix = Path(os.fsdecode(fp)).suffix.lower() if isinstance(fp, (str, bytes, os.PathLike)) else ""
        kind = (format or WRITABLE.get(suffix, "")).upper()
        if kind == "PNG" and "pnginfo" not in params:
            texts = PngInfo()
            texts.add_itxt("XML:com.adobe.xmp", provenance.PACKET)
            texts.add_text("Software", provenance.SOFTWARE)
            params["pnginfo"] = texts
        elif kind in ("JPEG", "WEBP", "AVIF"):
            params.setdefault("xmp", provenance.PACKET.encode())
            params.setdefault("exif", provenance.exif_of_results())
        super().save(fp, format, **params)


def marked(image: Image.Image) -> MarkedImage:
    """A picture that nobody else holds, as one whose `save` writes the marks."""
    image.__class__ = MarkedImage  # nothing is copied: pasted into, it may be large
    assert isinstance(image, MarkedImage)
    return image
