"""Picture files: find them, tell clips from pictures, name results, and write them, marked as generated."""

import glob
import io
import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from anime2real.atomic import atomic_file
from anime2real.image import provenance
from anime2real.image.decode import Limits, PictureError, opened, printable, reason, refuse

SUFFIXES: Final = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif"))
FILM_SUFFIXES: Final = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".ogv", ".wmv", ".3gp")
)
WRITABLE: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}

Kind = Literal["film", "animation"]

_HEADS: Final = (b"\x1a\x45\xdf\xa3", b"FLV\x01", b"OggS", b"\0\0\x01\xba", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")
"""Matroska and WebM, Flash, Ogg, MPEG programme streams, Windows Media."""

_STILL_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")


def collect(arguments: Iterable[Path | str], suffixes: frozenset[str] = SUFFIXES) -> list[Path | PictureError]:
    """The picture files that arguments name: files, folders, which are searched, and glob patterns.

    In folders, hidden files are skipped and the suffix must be one of `suffixes`; a file named itself is always taken.
    An argument that matches nothing gives an error in its place; it is returned, not raised, so that the rest goes on.
    Each file comes once, in the order of the arguments, sorted within each.
    """
    found: dict[object, Path | PictureError] = {}
    for argument in arguments:
        for item in _expand(Path(argument), suffixes):
            found.setdefault(os.path.abspath(item) if isinstance(item, Path) else item, item)
    return list(found.values())


def find_pictures(arguments: Sequence[str | Path], output: Path) -> list[Path | PictureError]:
    """As `collect`, with videos, and without the files in `output` unless they or folders inside it are named.

    So `anime2real translate . -o out` can be repeated without translating its own results.
    """
    top = Path(os.path.abspath(output))
    around = [argument for argument in arguments if Path(os.path.abspath(argument)) in top.parents]
    suffixes = SUFFIXES | FILM_SUFFIXES
    found = collect(arguments, suffixes)
    if not around:
        return found
    asked = collect((argument for argument in arguments if argument not in around), suffixes)
    named = {os.path.abspath(item) for item in asked if isinstance(item, Path)}
    return [
        item
        for item in found
        if isinstance(item, PictureError)
        or os.path.abspath(item) in named
        or top not in Path(os.path.abspath(item)).parents
    ]


def name_results(sources: Sequence[Path], output: Path, suffix: str) -> list[Path]:
    """Where each result goes: the stem of its source with `suffix`, numbered `-2`, `-3` … if sources share a stem.

    Stems that differ only in case or in Unicode form count as shared, because some file systems take them for one.
    """
    own = {_key(source.stem) for source in sources}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    results = []
    for source in sources:
        name = source.stem
        if _key(name) in taken:
            number = numbers.get(_key(name), 1)
            while _key(name) in taken or _key(name) in own:
                number += 1
                name = f"{source.stem}-{number}"
            numbers[_key(source.stem)] = number
        taken.add(_key(name))
        results.append(output / f"{name}.{suffix}")
    return results


def _expand(path: Path, suffixes: frozenset[str]) -> list[Path | PictureError]:
    """One argument of `collect`. Files that a pattern matches count as named, as if the shell had expanded it."""
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


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def clip_kind(path: Path) -> Kind | None:
    """Whether a file is a video, or an animated GIF, WebP or PNG; None for pictures and unreadable files.

    The content decides, and nothing is decoded; the suffix decides only if the content is unknown.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except (OSError, ValueError):
        return None
    if _is_picture(head):
        return "animation" if _moves(path, head) else None
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        return None
    is_film = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or head.startswith(_HEADS)
    is_film = is_film or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    return "film" if is_film or (head and path.suffix.lower() in FILM_SUFFIXES) else None


def _is_picture(head: bytes) -> bool:
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


def _moves(path: Path, head: bytes) -> bool:
    """Whether a GIF, WebP or PNG has more than one frame; Pillow is asked only where the head leaves it open."""
    if head.startswith(b"RIFF") and not (head[12:16] == b"VP8X" and head[20] & 2):
        return False
    if head.startswith(b"\xff\xd8\xff"):
        return False
    try:
        with opened(path, None, Limits()) as picture:
            return bool(getattr(picture, "is_animated", False))
    except PictureError:
        return False  # decoding it gives the error


def write(image: Image.Image, path: Path | str, *, overwrite: bool = False) -> Path:
    """Write a generated picture, with its marks, complete or not at all; the suffix decides the format.

    Args:
        image: RGB, sRGB.
        path: ends in .png, .jpg, .webp or .avif; a name without a suffix gets .png. Its folder is made.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path written.

    Raises:
        PictureError: the suffix is unknown, the file exists, or it cannot be written.
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


def encode(image: Image.Image, kind: str, quality: int = 92) -> bytes:
    """The bytes of a generated picture with its marks: XMP DigitalSourceType and Software.

    Args:
        image: RGB, sRGB; its metadata is left out.
        kind: `PNG`, `JPEG`, `WEBP` or `AVIF`.
        quality: 1 to 100; PNG loses nothing.

    Raises:
        ValueError, OSError: the format cannot hold a picture of this size.
    """
    clean = image.convert("RGB")  # always a copy
    clean.info = {}
    buffer = io.BytesIO()
    if kind == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", provenance.PACKET)
        texts.add_text("Software", provenance.SOFTWARE)
        clean.save(buffer, kind, pnginfo=texts)
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Software] = provenance.SOFTWARE
        options: dict[str, Any] = {"subsampling": 0} if kind == "JPEG" else {}
        clean.save(buffer, kind, quality=quality, exif=exif.tobytes(), xmp=provenance.PACKET.encode(), **options)
    return buffer.getvalue()
