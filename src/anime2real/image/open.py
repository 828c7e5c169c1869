"""Open pictures that strangers made, without decoding them.

The format is told by the content, never by the name, and must be on a short list; bytes and pixels are
counted first; whatever Pillow and the file system say becomes one line that names the file and what to do.
"""

import io
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from PIL import Image, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from anime2real.errors import UserError

# Pillow's own classes, called by name: Image.open would warn of large pictures on stderr before we have seen
# their size, and take a camera's JPEG with a preview inside for an animation.
FORMATS: Final[dict[str, type[ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "AVIF": AvifImageFile,
    "GIF": GifImageFile,
}
_FOREIGN: Final = {b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"%PDF": "PDF", b"8BPS": "Photoshop"}


class PictureError(UserError):
    """A picture that cannot be found, read or written."""


@dataclass(frozen=True)
class Limits:
    """What is refused before decoding.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 40_000_000


class Stream(io.BytesIO):
    """Refuses to be read beyond its end once `ends` is set, while pixels are decoded.

    Pillow would refuse as well, unless somebody in this process has set `ImageFile.LOAD_TRUNCATED_IMAGES`, as
    training scripts do: then a picture cut in half comes out grey from there on, without a word.
    """

    ends = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.ends and not data and size != 0:
            raise SyntaxError("the file ends early")  # of the kinds that Pillow passes on
        return data


@contextmanager
def opened(source: Path | str | bytes, name: str | None, limits: Limits) -> Iterator[ImageFile]:
    """Pillow's picture, within the limits, its header read and nothing decoded.

    Args:
        source: a file, or its bytes.
        name: what to call it in an error; the path otherwise.
        limits: on bytes and pixels.

    Raises:
        PictureError: for every failure here, and every failure of Pillow's while the picture is open.
    """
    name = name or (f"a picture of {len(source)} bytes" if isinstance(source, bytes) else str(source))
    try:
        content = source if isinstance(source, bytes) else _read(Path(source), limits.max_bytes)
    except FileNotFoundError:
        refuse(name, "is not there: check the name")
    except IsADirectoryError:
        refuse(name, "is a folder, not a picture: give the files in it")
    except (OSError, ValueError) as error:
        refuse(name, f"cannot be read ({reason(error)}): check the name and its rights", error)
    if len(content) > limits.max_bytes:
        refuse(name, f"has more bytes than the {limits.max_bytes:,} allowed: make it smaller")
    if not content:
        refuse(name, "is empty: get it again")
    kind = _sniff(content)
    if kind not in FORMATS:
        refuse(name, f"is {kind}, whatever its name says: convert it to one of {', '.join(FORMATS)}")
    if kind in ("WEBP", "AVIF") and not features.check(kind.lower()):
        refuse(name, f"is {kind}, which this Pillow lacks: convert it, or install Pillow from PyPI")
    try:
        with FORMATS[kind](Stream(content)) as picture:
            width, height = picture.size
            if width * height > limits.max_pixels:
                size = f"{width}×{height} = {width * height:,} pixels"
                refuse(name, f"has {size}, more than the {limits.max_pixels:,} allowed: scale it down")
            yield picture
    except PictureError:
        raise
    except Image.DecompressionBombError as error:  # a GIF's first frame, drawn beyond its screen
        refuse(name, f"has more pixels than the {limits.max_pixels:,} allowed: scale it down", error)
    except MemoryError as error:
        refuse(name, "needs more memory than there is: scale it down", error)
    except Exception as error:  # decoders raise anything: OSError, SyntaxError, struct.error, zlib.error …
        refuse(name, f"is damaged or cut off ({reason(error)}): get it again", error)


def _read(path: Path, max_bytes: int) -> bytes:
    """At most one byte more than allowed; a pipe or a device, which may never end, is not opened."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise OSError("not a regular file")
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


def _sniff(content: bytes) -> str:
    """A key of `FORMATS`, or what the content is instead, in words."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        brands = content[8 : min(int.from_bytes(content[:4]), 256)]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        return "HEIC" if b"hei" in brands or b"hev" in brands else "a video or an unknown kind of picture"
    foreign = (kind for head, kind in _FOREIGN.items() if content.startswith(head))
    return next(foreign, "not a picture of a known kind")


def reason(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, struct.error) or isinstance(error.__cause__, struct.error):
        return "the file ends early"  # where Pillow unpacks a number
    told = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return told.splitlines()[0]


def printable(name: Path | str) -> str:
    """A name that stays on its line: names may hold line breaks, terminal codes and broken Unicode."""
    return "".join(c if c.isprintable() else "?" for c in str(name))


def refuse(name: Path | str, what: str, cause: BaseException | None = None) -> NoReturn:
    """Raise a PictureError: the name, what is wrong, what to do."""
    raise PictureError(printable(f"{name} {what}")) from cause
