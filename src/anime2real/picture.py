"""Pictures in and out: decode what strangers give, encode what we made, marked as made.

A picture is never trusted: its format is told by its content and must be on a short list, its bytes and pixels are
counted before anything is decoded, and whatever Pillow says of a damaged file becomes one line.
"""

import glob
import io
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from anime2real import __version__
from anime2real.errors import UserError
from anime2real.files import atomic_path

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
SUFFIXES: Final = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif"}
WRITABLE: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}
GENERATED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SOFTWARE: Final = f"anime2real {__version__}"

_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    f'xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{SOFTWARE}" '
    f'Iptc4xmpExt:DigitalSourceType="{GENERATED}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


class PictureError(UserError):
    """A picture that cannot be read or written."""


@dataclass(frozen=True)
class Limits:
    """What is refused before decoding.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 40_000_000


@dataclass(frozen=True)
class Decoded:
    """A picture as it was meant to be seen.

    Attributes:
        image: RGB, sRGB, upright.
        format: `JPEG`, `PNG`, …
        size: (width, height) as stored.
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
    """
    name = name or (f"{len(source)} bytes" if isinstance(source, bytes) else str(source))
    content = source if isinstance(source, bytes) else _read(Path(source), name, limits)
    if len(content) > limits.max_bytes:
        _refuse(name, f"has {len(content) / 2**20:.0f} MB, more than the {limits.max_bytes / 2**20:.0f} MB allowed")
    if not content:
        _refuse(name, "is empty")
    with _told(name), _opened(content, name) as picture:
        kind, size = str(picture.format), picture.size
        if size[0] * size[1] > limits.max_pixels:
            _refuse(name, f"is {size[0]}×{size[1]} px, more than the {limits.max_pixels / 1e6:.0f} million allowed")
        frames = int(getattr(picture, "n_frames", 1))
        notes = (f"animated: the first of {frames} frames",) if frames > 1 else ()
        picture.load()
        profile = picture.info.get("icc_profile")
        upright = ImageOps.exif_transpose(picture)
        image = _to_rgb(_to_eight_bits(upright), profile, background)
    return Decoded(image, kind, size, notes)


def write(image: Image.Image, path: Path, *, overwrite: bool = False) -> Path:
    """Write a generated picture, marked as such, whole or not at all; the format follows the suffix.

    Args:
        image: RGB.
        path: ending in .png, .jpg, .webp or .avif.
        overwrite: whether a file that is there may be replaced.

    Raises:
        PictureError: unknown suffix, the file is there, or it cannot be written.
    """
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        _refuse(str(path), f"cannot be written: the name must end in one of {', '.join(WRITABLE)}")
    if path.exists() and not overwrite:
        _refuse(str(path), "is already there: give --overwrite, or another folder")
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(encode(image, kind))
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def encode(image: Image.Image, kind: str) -> bytes:
    """The bytes of a generated picture with its marks: XMP DigitalSourceType and Software.

    Args:
        image: RGB.
        kind: `PNG`, `JPEG`, `WEBP` or `AVIF`.
    """
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", _XMP)
        texts.add_text("Software", SOFTWARE)
        image.save(buffer, "PNG", pnginfo=texts)
    else:
        options = {"quality": 92, "exif": exif.tobytes(), "xmp": _XMP.encode()}
        if kind == "JPEG":
            options["subsampling"] = 0
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def read_marks(path: Path) -> dict[str, str]:
    """What a picture says of its making: `DigitalSourceType` and `Software`, those that are there.

    Raises:
        PictureError: it cannot be read.
    """
    name = str(path)
    marks: dict[str, str] = {}
    with _told(name), _opened(_read(path, name, Limits()), name) as picture:
        xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
        software = picture.info.get("Software") or picture.getexif().get(ExifTags.Base.Software)
    source = _source_type(xmp.encode() if isinstance(xmp, str) else bytes(xmp))
    if source:
        marks["DigitalSourceType"] = source
    if software:
        marks["Software"] = str(software).strip("\0 ")
    return marks


def square(image: Image.Image, px: int) -> Image.Image:
    """The centre square of an RGB picture, resampled to px by px."""
    left, top, side = centre_box(*image.size)
    return image.resize((px, px), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def centre_box(width: int, height: int) -> tuple[int, int, int]:
    """Left, top and side of the largest square in the middle."""
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side


def collect(arguments: Iterable[str | Path]) -> Iterator[Path | PictureError]:
    """The picture files that arguments stand for: files as they are, folders searched, globs expanded.

    Inside folders hidden files are passed over and the suffix must be a picture's; a file that is named is always
    taken. What stands for nothing comes as an error in its place, so that the rest goes on.
    """
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if _is_candidate(p, path))
            yield from found or [PictureError(f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))})")]
        elif glob.has_magic(str(argument)) and not path.exists():
            matches = sorted(Path(p) for p in glob.glob(str(argument), recursive=True))
            yield from [p for p in matches if p.is_file()] or [PictureError(f"no file matches {argument}")]
        else:
            yield path


def _is_candidate(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and path.is_file() and not hidden


def _read(path: Path, name: str, limits: Limits) -> bytes:
    try:
        size = path.stat().st_size
        if size > limits.max_bytes:
            _refuse(name, f"has {size / 2**20:.0f} MB, more than the {limits.max_bytes / 2**20:.0f} MB allowed")
        return path.read_bytes()
    except FileNotFoundError:
        _refuse(name, "is not there")
    except IsADirectoryError:
        _refuse(name, "is a folder, not a picture")
    except OSError as error:
        _refuse(name, f"cannot be read: {error.strerror or error}")


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """Pillow's picture, header read and nothing decoded; our own limit comes before Pillow's warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError:
            _refuse(name, f"is not a picture that can be read ({', '.join(FORMATS)}), whatever its name says")
        except Image.DecompressionBombError:
            _refuse(name, "has far more pixels than the 40 million allowed")
        with picture:
            yield picture


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Pillow's failures, of many kinds, as one line."""
    try:
        yield
    except PictureError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError, zlib.error …
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise PictureError(f"{name} is damaged or cut off ({reason}): get it again") from error


def _refuse(name: str, what: str) -> NoReturn:
    raise PictureError(f"{name} {what}")


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit and 32-bit grey, which Pillow would clip, scaled to 8 bits."""
    if picture.mode.startswith("I;16") or picture.mode == "I":
        values = np.asarray(picture.convert("I"), np.int64)
        return Image.fromarray(((values.clip(0, 65535) * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode == "F":
        return Image.fromarray(np.nan_to_num(np.asarray(picture)).clip(0, 255).astype(np.uint8))
    return picture


def _to_rgb(picture: Image.Image, profile: bytes | None, background: tuple[int, int, int]) -> Image.Image:
    alpha = None
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    elif picture.mode not in ("RGB", "CMYK", "L", "LAB"):
        picture = picture.convert("RGB")
    rgb = _to_srgb(picture.convert("RGB") if alpha is not None else picture, profile)
    if alpha is not None:
        base = Image.new("RGB", rgb.size, background)
        base.paste(rgb, mask=alpha)
        rgb = base
    return rgb


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Through the picture's own profile where it has one that fits; a broken profile is passed over, as browsers do."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return picture.convert("RGB")


def _source_type(xmp: bytes) -> str | None:
    start, end = xmp.find(b"<x:xmpmeta"), xmp.rfind(b"</x:xmpmeta>")
    if start < 0 or end < 0 or b"<!" in xmp:  # no entity tricks
        return None
    try:
        tree = ElementTree.fromstring(xmp[start : end + len(b"</x:xmpmeta>")])
    except ElementTree.ParseError:
        return None
    key = f"{{{_IPTC}}}DigitalSourceType"
    for element in tree.iter():
        if key in element.attrib:
            return element.attrib[key]
        if element.tag == key:
            return (element.text or "").strip() or None
    return None
