"""Pictures in and out: decode what strangers give, encode what we made, marked as made.

A picture is never trusted: `untrusted.py` opens it, `colour.py` brings its pixels to sRGB, `marks.py` knows
the marks. This module is the one that the rest of the program uses.
"""

import glob
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from anime2real.atomic import atomic_file
from anime2real.image import provenance as marks
from anime2real.image.colour import to_rgb
from anime2real.image.open import FORMATS, Limits, PictureError, Stream, opened, printable, reason, refuse

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "WRITABLE",
    "Decoded",
    "Limits",
    "PictureError",
    "centre_box",
    "collect",
    "decode",
    "encode",
    "read_marks",
    "square",
    "write",
]

SUFFIXES: Final = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif"))
WRITABLE: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """A picture as it was meant to be seen.

    Attributes:
        image: RGB, sRGB, upright, 8 bits a channel; none of the file's metadata.
        format: a key of `FORMATS`.
        size: (width, height) in pixels as stored, before turning upright.
        notes: what the user should know, such as that only the first frame was read.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


def decode(
    source: Path | str | bytes,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
    limits: Limits = Limits(),  # noqa: B008 - frozen
    name: str | None = None,
) -> Decoded:
    """Read a picture: first frame, upright, in sRGB, 8 bits a channel, transparency laid on `background`.

    Args:
        source: a file, or its bytes.
        background: RGB, 0-255.
        limits: on bytes and pixels.
        name: what to call it in an error; the path otherwise.

    Raises:
        PictureError: it is missing, too large, of a format that is not on the list, or damaged.
        ValueError: the background is not three numbers of 0-255.
    """
    if len(background) != 3 or not all(0 <= channel <= 255 for channel in background):
        raise ValueError(f"background must be three numbers of 0-255, not {background}")
    with opened(source, name, limits) as picture:
        notes = ("animated: only the first frame is used",) if getattr(picture, "is_animated", False) else ()
        if isinstance(picture.fp, Stream):
            picture.fp.ends = True
        picture.load()
        image = to_rgb(picture, background)
        turn = _TURNS.get(_exif(picture).get(ExifTags.Base.Orientation, 1))
        image = image if turn is None else image.transpose(turn)
    image.info = {}  # saved again, an old profile or transparency would change colours, and GPS would leak
    return Decoded(image, str(picture.format), picture.size, notes)


def write(image: Image.Image, path: Path | str, *, overwrite: bool = False) -> Path:
    """Write a generated picture, marked as such, whole or not at all; the format follows the suffix.

    Args:
        image: RGB, sRGB.
        path: ending in .png, .jpg, .webp or .avif; a name without a suffix gets .png. Its folder is made.
        overwrite: whether a file that is there may be replaced.

    Returns:
        The path written.

    Raises:
        PictureError: unknown suffix, the file is there, or it cannot be written.
    """
    path = Path(path)
    path = path if path.suffix else path.with_name(f"{path.name}.png")
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        refuse(path, f"cannot be written: end the name in one of {', '.join(WRITABLE)}")
    try:
        if os.path.lexists(path) and not overwrite:
            refuse(path, "is already there: allow overwriting, or choose another folder or name")
        content = encode(image, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary:
            temporary.write_bytes(content)
    except (OSError, ValueError) as error:  # ValueError: larger than the format can hold, a NUL in the name
        refuse(path, f"cannot be written ({reason(error)}): choose another folder or format", error)
    return path


def encode(image: Image.Image, kind: str) -> bytes:
    """The bytes of a generated picture with its marks: XMP DigitalSourceType and Software.

    Args:
        image: RGB, sRGB; its metadata is left out.
        kind: `PNG`, `JPEG`, `WEBP` or `AVIF`.

    Raises:
        ValueError, OSError: the format cannot hold a picture of this size.
    """
    clean = image.convert("RGB")  # always a copy
    clean.info = {}
    buffer = io.BytesIO()
    if kind == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", marks.PACKET)
        texts.add_text("Software", marks.SOFTWARE)
        clean.save(buffer, kind, pnginfo=texts)
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Software] = marks.SOFTWARE
        options: dict[str, Any] = {"subsampling": 0} if kind == "JPEG" else {}
        clean.save(buffer, kind, quality=92, exif=exif.tobytes(), xmp=marks.PACKET.encode(), **options)
    return buffer.getvalue()


def read_marks(path: Path | str) -> dict[str, str]:
    """What a picture says of its making: `DigitalSourceType` and `Software`, those that are there.

    Raises:
        PictureError: as `decode`, except that the pixels are not looked at.
    """
    with opened(path, None, Limits()) as picture:
        xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""  # the latter: a PNG's
        if picture.format == "GIF" and isinstance(picture.fp, Stream):
            xmp = marks.of_gif(picture.fp.getvalue())
        software = picture.info.get("Software") or _exif(picture).get(ExifTags.Base.Software)
    stated = {
        "DigitalSourceType": marks.source_type(xmp.encode() if isinstance(xmp, str) else bytes(xmp)),
        "Software": str(software).strip("\0 ") if software else None,
    }
    return {key: value for key, value in stated.items() if value}


def square(image: Image.Image, px: int) -> Image.Image:
    """The centre square of a picture in RGB, resampled to px by px with Lanczos, without aliasing."""
    left, top, side = centre_box(*image.size)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return rgb.resize((px, px), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def centre_box(width: int, height: int) -> tuple[int, int, int]:
    """Left, top and side, in pixels, of the largest square in the middle."""
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side


def collect(arguments: Iterable[Path | str], suffixes: frozenset[str] = SUFFIXES) -> list[Path | PictureError]:
    """The picture files that arguments stand for: files as they are, folders searched, globs expanded.

    Inside folders hidden files are passed over and the suffix must be one of `suffixes`; a file that is named is
    always taken. What stands for nothing is an error in its place, returned and not raised, so that the rest
    goes on. Each file comes once, in the order of the arguments, sorted within each.
    """
    found: dict[object, Path | PictureError] = {}
    for argument in arguments:
        for item in _expand(Path(argument), suffixes):
            found.setdefault(os.path.abspath(item) if isinstance(item, Path) else item, item)
    return list(found.values())


def _expand(path: Path, suffixes: frozenset[str]) -> list[Path | PictureError]:
    """One argument of `collect`; what a glob matches counts as named, as if the shell had expanded it."""
    try:
        if path.is_dir():
            return _search(path, suffixes)
        if os.path.lexists(path):
            return [path]
        if glob.has_magic(str(path)):
            matches = sorted(glob.glob(str(path), recursive=True))
            none = PictureError(f"{printable(path)} matches no file: check the pattern")
            return [item for match in matches for item in _expand(Path(match), suffixes)] or [none]
    except (OSError, ValueError) as error:
        return [PictureError(f"{printable(path)} cannot be read ({reason(error)}): check the name and its rights")]
    return [PictureError(f"{printable(path)} is not there: check the name")]


def _search(folder: Path, suffixes: frozenset[str]) -> list[Path | PictureError]:
    errors: list[OSError] = []
    found: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=errors.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(root, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in suffixes and path.is_file()]
    refused = [PictureError(f"{printable(e.filename)} cannot be read ({reason(e)}): check its rights") for e in errors]
    if not found and not refused:
        refused = [PictureError(f"{printable(folder)} holds no pictures: they end in {', '.join(sorted(suffixes))}")]
    return [*sorted(found), *refused]


def _exif(picture: Image.Image) -> dict[int, Any]:
    """The picture's EXIF; nothing if that is damaged, which is no reason to refuse the picture."""
    try:
        return dict(picture.getexif())
    except Exception:  # as many kinds as there are ways to break a TIFF header
        return {}
