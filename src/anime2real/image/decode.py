"""Decode pictures that strangers made: to RGB, sRGB, upright, 8 bits a channel.

The content decides what the format is, never the name, and it must be on a short list. Bytes and pixels are counted
before anything is decoded. Every error of Pillow or the file system becomes one line that names the file and says what
to do.
"""

import io
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import numpy as np
from PIL import ExifTags, Image, features
from PIL.ImageFile import ImageFile

from anime2real.errors import UserError, path_of
from anime2real.image.png_texts import LARGEST_TEXT, without_large_texts

FORMATS: Final = {
    "JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "AVIF": "Avif", "GIF": "Gif", "BMP": "Bmp", "TIFF": "Tiff",
}  # fmt: skip
"""What Pillow calls each in the names of its modules and classes."""

HEIC: Final = "HEIC"
"""Read, too, where pillow-heif is installed."""

_HEADS: Final = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"%PDF": "PDF", b"8BPS": "Photoshop",
}  # fmt: skip
_ANIMATED: Final = "animated: only the first frame is used; anime2real translate, without --layout, takes all"
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


class PictureError(UserError):
    """A picture that cannot be found, read or written."""


def _is_whole(given: Any) -> bool:
    return isinstance(given, (int, np.integer)) and not isinstance(given, bool)


@dataclass(frozen=True)
class Limits:
    """Limits on a picture, checked before it is decoded: whole numbers from 1, else a PictureError.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height; phones make some of 50 million.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 52_000_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not _is_whole(value) or value < 1:
                raise PictureError(f"{name} is a whole number from 1, not {value!r}")


@dataclass(frozen=True)
class Decoded:
    """A picture as it was meant to be seen.

    Attributes:
        image: RGB, sRGB, upright, 8 bits a channel; none of the file's metadata.
        format: a key of `FORMATS`, or `HEIF`.
        size: (width, height) in pixels as stored, before turning upright.
        notes: what the user should know, such as that only the first frame was read.
        cutout: RGBA, what lies on no background, if the picture is transparent somewhere.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()
    cutout: Image.Image | None = None


def decode(
    source: Path | str | bytes,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
    limits: Limits = Limits(),
    name: str | None = None,
) -> Decoded:
    """Read a picture: its first frame, upright, in sRGB, 8 bits a channel, over `background` where it is transparent.

    Args:
        source: a file, or its bytes.
        background: RGB, 0-255.
        limits: on bytes and pixels.
        name: what to call it in an error; the path otherwise.

    Raises:
        PictureError: it is missing, too large, of a format that is not on the list, or damaged; or arguments are not
            those above.
    """
    levels = background if isinstance(background, (tuple, list)) else ()
    if [_is_whole(level) and 0 <= level <= 255 for level in levels] != [True] * 3:
        raise PictureError(f"background is three whole numbers from 0 to 255, not {background!r}")
    if not isinstance(limits, Limits):
        raise PictureError(f"limits are given as anime2real.Limits, not {type(limits).__name__}")
    with opened(source, name, limits) as picture:
        several = getattr(picture, "n_frames", 1) > 1
        what = "several pictures: only the first is used" if picture.format == "TIFF" else _ANIMATED
        if isinstance(picture.fp, Stream):
            picture.fp.ends = True
        picture.load()
        rgb, alpha = upright(picture, *to_rgb_alpha(picture))
    image, cutout = rgb, None
    if alpha is not None:
        image, cutout = laid_on(rgb, alpha, background), rgb.copy()
        cutout.putalpha(alpha)
        cutout.info = {}
    image.info = {}  # saved again, an old profile or transparency would change colours, and GPS would leak
    return Decoded(image, str(picture.format), picture.size, (what,) if several else (), cutout)


def upright(picture: Image.Image, *parts: Image.Image | None) -> list[Any]:
    """Parts of a picture, turned and mirrored as the picture's EXIF asks."""
    turn = _TURNS.get(exif_of(picture).get(ExifTags.Base.Orientation, 1))
    return [part if part is None or turn is None else part.transpose(turn) for part in parts]


class Stream(io.BytesIO):
    """Fails when it is read beyond its end, if `ends` is set, as it is while pixels are decoded.

    Pillow fails too, unless somebody in this process has set `ImageFile.LOAD_TRUNCATED_IMAGES`, as training scripts do:
    then the missing part of a picture comes out grey and nobody hears of it.
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
    source = source if isinstance(source, (bytes, Path)) else path_of(source, "a picture", PictureError)
    name = name or (f"a picture of {len(source)} bytes" if isinstance(source, bytes) else str(source))
    try:
        content = source if isinstance(source, bytes) else _read(source, limits.max_bytes)
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
    reader = reader_of(kind, name)
    if kind == "PNG" and len(content) > LARGEST_TEXT:
        content = without_large_texts(content)
    try:
        with reader(Stream(content)) as picture:
            check_pixels(picture.size, name, limits)
            yield picture
    except PictureError:
        raise
    except Image.DecompressionBombError as error:  # a GIF's first frame, drawn beyond its screen
        refuse(name, f"has more pixels than the {limits.max_pixels:,} allowed: scale it down", error)
    except MemoryError as error:
        refuse(name, "needs more memory than there is: scale it down", error)
    except Exception as error:  # decoders raise anything: OSError, SyntaxError, struct.error, zlib.error …
        refuse(name, f"is damaged or cut off ({reason(error)}): get it again", error)


def check_pixels(size: tuple[int, int], name: str, limits: Limits) -> None:
    """Refuse a picture of more pixels than are allowed, before anything is done with them."""
    if (count := size[0] * size[1]) > (most := limits.max_pixels):
        refuse(name, f"has {size[0]}×{size[1]} = {count:,} pixels, more than the {most:,} allowed: scale it down")


def reader_of(kind: str, name: str) -> type[ImageFile]:
    """Pillow's class for a format, imported for the first picture of it; a PictureError where there is none.

    Called by name: Image.open would warn of large pictures on stderr before we have seen their size, and take a
    camera's JPEG with a preview inside for an animation. That for HEIC comes with the extra `heic`.
    """
    if kind not in (*FORMATS, HEIC):
        refuse(name, f"is {kind}, whatever its name says: convert it to one of {', '.join(FORMATS)}")
    if kind in ("WEBP", "AVIF") and not features.check(kind.lower()):
        refuse(name, f"is {kind}, which this Pillow lacks: convert it, or install Pillow from PyPI")
    module = "pillow_heif" if kind == HEIC else f"PIL.{FORMATS[kind]}ImagePlugin"
    try:
        return cast("type[ImageFile]", getattr(import_module(module), f"{FORMATS.get(kind, 'Heif')}ImageFile"))
    except ImportError:
        refuse(name, 'is HEIC: pip install "anime2real[heic]", or convert it to JPEG')


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
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        brands = content[8 : min(int.from_bytes(content[:4]), 256)]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        is_heic = any(brand in brands for brand in (b"hei", b"hev", b"mif1", b"msf1"))
        return HEIC if is_heic else "a video or an unknown kind of picture"
    kinds = (kind for head, kind in _HEADS.items() if content.startswith(head))
    return next(kinds, "not a picture of a known kind")


def laid_on(rgb: Image.Image, alpha: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """A picture with its alpha, L, on a background."""
    base = Image.new("RGB", rgb.size, background)
    base.paste(rgb, mask=alpha)
    return base


def to_rgb_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A picture of any mode in RGB, sRGB, 8 bits a channel, by its own profile, and its alpha, L; None if opaque."""
    picture.load()
    profile = picture.info.get("icc_profile")
    transparent = picture.info.get("transparency")
    alpha = None
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow's convert would clip
        values = np.asarray(picture).astype(np.uint32)
        picture = Image.fromarray(((values * 255 + 32767) // 65535).clip(0, 255).astype(np.uint8))
        if isinstance(transparent, int):
            alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    elif picture.mode in ("LA", "RGBA", "La", "RGBa", "PA") or transparent is not None:
        picture = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
        alpha = picture.getchannel("A")
        picture = picture.getchannel("L") if picture.mode == "LA" else picture.convert("RGB")
    elif picture.mode in ("1", "P"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    if profile:
        from anime2real.image.colour_profile import to_srgb  # few pictures have one

        return to_srgb(picture, profile), alpha
    return picture.convert("RGB"), alpha


def exif_of(picture: Image.Image) -> dict[int, Any]:
    """The picture's EXIF; nothing if that is damaged, which is no reason to refuse the picture."""
    try:
        return dict(picture.getexif())
    except Exception:  # as many kinds as there are ways to break a TIFF header
        return {}


def reason(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, struct.error) or isinstance(error.__cause__, struct.error):
        return "the file ends early"  # where Pillow unpacks a number
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.splitlines()[0]


def printable(name: Path | str) -> str:
    """A name that stays on its line: names may hold line breaks, terminal codes and broken Unicode."""
    return "".join(c if c.isprintable() else "?" for c in str(name))


def refuse(name: Path | str, what: str, cause: BaseException | None = None) -> NoReturn:
    """Raise a PictureError: the name, what is wrong, what to do."""
    raise PictureError(printable(f"{name} {what}")) from cause
