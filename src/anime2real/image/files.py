"""Picture files: find them, tell clips from pictures, and write results, marked as generated."""

import glob
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from anime2real.atomic import atomic_files, made_folder
from anime2real.errors import path_of
from anime2real.image import provenance
from anime2real.image.decode import Limits, PictureError, opened, printable, reason, refuse
from anime2real.image.films import FILM_SUFFIXES, STILL_BRANDS, is_film
from anime2real.image.folders import Found, LeftOut, Walk
from anime2real.image.marked import MarkedImage

SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff")
) | {".heic", ".heif"}
WRITABLE: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}

QUALITY: Final = 92
"""Of JPEG, WebP and AVIF, unless another is asked for."""

PNG_WAY: Final[dict[str, Any]] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""zlib's: a face of 256 px takes a fifth of the time of the usual level 6, and a fiftieth more bytes."""


MOST_COUNTED: Final = 100_000
"""Files that are counted before the first is translated, so that the progress tells how many there are."""

Kind = Literal["film", "animation"]


class _Top(NamedTuple):
    """A folder that an argument names, and the one below which its files are told."""

    path: str
    base: str


class Search:
    """The picture files that arguments name: files, folders, which are searched, and glob patterns.

    In folders, hidden files are skipped and the suffix must be one of `suffixes`; a file named itself is always taken.
    An argument that matches nothing gives an error in its place, not raised: the rest goes on.
    Each file comes once, in the order of the arguments; of a folder, its own files come first, then those of the
    folders in it, by name. Folders are read as they are asked for, and no file is opened.

    Args:
        arguments: what is searched for.
        suffixes: of pictures, in folders.
        recursive: whether folders in folders are searched as well; None for those in folders without pictures of their
            own. The others are counted.
        output: not searched, unless it or something in it is named itself: repeated, `translate . -o out` does not
            take its own results for pictures.

    Attributes:
        several: whether there is more than one argument.
        left_out: what is passed over, as far as folders have been searched.
    """

    def __init__(
        self,
        arguments: Iterable[Path | str],
        suffixes: frozenset[str] = SUFFIXES,
        *,
        recursive: bool | None = None,
        output: Path | str | None = None,
    ) -> None:
        self._arguments, self.left_out = list(arguments), LeftOut()
        self._walk = Walk(suffixes, recursive, None if output is None else os.path.abspath(output), self.left_out)
        self._folders: set[str] = set()
        self._named: set[str] = set()
        self.several: Final = len(self._arguments) > 1

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: it finds the same, whatever comes to match a pattern meanwhile."""
        return {**vars(self), "_tops": self._tops}

    @cached_property
    def _tops(self) -> list["Found | _Top | PictureError"]:
        """What each argument names, before any folder is searched."""
        return [top for argument in self._arguments for top in self._expand(str(argument))]

    def __iter__(self) -> Iterator[Found | PictureError]:
        seen: set[str] = set()
        for top in self._tops:
            for item in self._below(top):
                if isinstance(item, Found) and self.several:  # one argument names nothing twice
                    place = os.path.abspath(item.path)
                    if place in seen:
                        continue
                    seen.add(place)
                yield item

    def count(self, most: int = MOST_COUNTED) -> int | None:
        """How many files there are; None if they are more than `most`."""
        walk = self._walk
        again = Search(self._arguments, walk.suffixes, recursive=walk.recursive, output=walk.output)
        return counted if (counted := sum(1 for _ in islice(again, most + 1))) <= most else None

    def holds(self, path: Path) -> bool:
        """Whether a path is one of the files that arguments name, or lies in a folder that is searched."""
        _, real, is_output = self._tops, os.path.realpath(path), self._walk.is_output
        return real in self._named or any(
            real.startswith(os.path.join(folder, "")) and not is_output(folder, real) for folder in self._folders
        )

    def _expand(self, argument: str, base: str = "") -> Iterator["Found | _Top | PictureError"]:
        """One argument. Files that a pattern matches count as named, as if the shell had expanded it."""
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://|data:", argument):
            yield PictureError(f"{printable(argument)[:200]} is an address: fetch it first, and give the file")
            return
        try:
            if os.path.isdir(argument):
                self._folders.add(os.path.realpath(argument))
                yield _Top(argument, base or argument)
            elif os.path.lexists(argument):
                self._named.add(os.path.realpath(argument))
                yield Found(Path(argument), Path(os.path.relpath(argument, base) if base else Path(argument).name))
            elif glob.has_magic(argument) and (matches := sorted(glob.glob(argument, recursive=True))):
                folder = re.split(r"[^/\\]*[*?\[]", argument)[0] or "."
                yield from [item for match in matches for item in self._expand(match, folder)]
            else:
                pattern = glob.has_magic(argument)
                what = "matches no file: check the pattern" if pattern else "is not there: check the name"
                yield PictureError(f"{printable(argument) or 'a picture without a name'} {what}")
        except (OSError, ValueError) as error:
            yield _unreadable(argument, error)

    def _below(self, top: "Found | _Top | PictureError") -> Iterator[Found | PictureError]:
        if not isinstance(top, _Top):
            yield top
            return
        try:
            yield from self._walk(*top)
        except (OSError, ValueError) as error:
            yield _unreadable(top.path, error)

    def left_out_note(self) -> str:
        """What the folders held beside pictures, such as ` (left out: 3 .psd)`; empty if nothing."""
        return self.left_out.note() if self._folders else ""


def _unreadable(argument: str, error: Exception) -> PictureError:
    return PictureError(f"{printable(argument)} cannot be read ({reason(error)}): check the name and its rights")


def collect(
    arguments: Iterable[Path | str], suffixes: frozenset[str] = SUFFIXES, *, recursive: bool | None = True
) -> list[Path | PictureError]:
    """The files that arguments name, as `Search` finds them."""
    search = Search(arguments, suffixes, recursive=recursive)
    return [item.path if isinstance(item, Found) else item for item in search]


def clip_kind(path: Path) -> Kind | None:
    """Whether a file is a video, or an animated GIF, WebP or PNG; None for pictures and unreadable files.

    The content decides, and nothing is decoded; the suffix decides only if the content is unknown.
    """
    head = head_of(path)
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")) or webp:
        return "animation" if _moves(path, head) else None
    if head[4:8] == b"ftyp" and head[8:12] in STILL_BRANDS:
        return None
    return "film" if is_film(head) or (head and path.suffix.lower() in FILM_SUFFIXES) else None


def head_of(path: Path) -> bytes:
    """How a file begins; empty if it cannot be read."""
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:  # a pipe may never begin
            return file.read(4096)
    except (OSError, ValueError):
        return b""


def _moves(path: Path, head: bytes) -> bool:
    """Whether a GIF, WebP or PNG has more than one frame; Pillow is asked only where the head leaves it open."""
    still_webp = head.startswith(b"RIFF") and not (head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 2)
    if still_webp or head.startswith(b"\xff\xd8\xff"):
        return False
    try:
        with opened(path, None, Limits()) as picture:
            return bool(getattr(picture, "is_animated", False))
    except PictureError:
        return False  # decoding it gives the error


def write(image: Image.Image, path: Path | str, *, overwrite: bool = False) -> Path:
    """Write a generated picture, with its marks, complete or not at all; the suffix decides the format.

    Args:
        image: RGB or RGBA, sRGB; JPEG cannot hold transparency and leaves it out.
        path: ends in .png, .jpg, .webp or .avif; a name without a suffix gets .png. Its folder is made.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path written.

    Raises:
        PictureError: `image` is no picture, the suffix is unknown, the file exists, or it cannot be written.
    """
    if not isinstance(image, Image.Image):
        raise PictureError(f"a picture to write is Pillow's, not {type(image).__name__}: Image.fromarray makes one")
    path = path_of(path, "a picture", PictureError)
    if not path.name:
        raise PictureError(f"{path} is a folder: name a file for the picture")
    path = path if path.suffix else path.with_name(f"{path.name}.png")
    write_together([image], [path], overwrite=overwrite)
    return path


def write_together(
    images: Sequence[Image.Image],
    paths: Sequence[Path],
    *,
    overwrite: bool = False,
    quality: int = QUALITY,
    makings: Sequence[provenance.Making | None] = (),
) -> None:
    """As `write`, pictures that belong together: all or none, and the first one last.

    So the first one is there only if all are, also after the program was killed. `makings` say by what each was made.
    """
    contents = []
    for image, path, making in zip(images, paths, makings or [None] * len(images), strict=True):
        kind = WRITABLE.get(path.suffix.lower())
        if kind is None:
            refuse(path, f"cannot be written: end the name in one of {', '.join(WRITABLE)}")
        try:
            if os.path.lexists(path) and not overwrite:
                refuse(path, "is already there: allow overwriting, or choose another folder or name")
            contents.append(encode(image, kind, quality, making))
        except (OSError, ValueError) as error:  # ValueError: larger than the format can hold, a NUL in the name
            refuse(path, f"cannot be written ({reason(error)}): choose another folder or format", error)
    try:
        with made_folder(paths[0].parent), atomic_files(paths) as temporaries:
            for temporary, content in zip(temporaries, contents, strict=True):
                temporary.write_bytes(content)
    except (OSError, ValueError) as error:
        refuse(paths[0], f"cannot be written ({reason(error)}): choose another folder or format", error)


def encode(image: Image.Image, kind: str, quality: int = QUALITY, making: provenance.Making | None = None) -> bytes:
    """The bytes of a generated picture with its marks: XMP DigitalSourceType, by what it was made, and Software.

    Args:
        image: RGB or RGBA, sRGB; its metadata is left out, and so is transparency by JPEG.
        kind: `PNG`, `JPEG`, `WEBP` or `AVIF`.
        quality: 1 to 100; PNG loses nothing.
        making: by what it was made; if None, what a `MarkedImage` knows of it.

    Raises:
        ValueError, OSError: the format cannot hold a picture of this size.
    """
    clean = image.convert("RGBA" if image.mode == "RGBA" and kind != "JPEG" else "RGB")  # always a copy
    clean.info = {}
    making = making or (image.making if isinstance(image, MarkedImage) else None)
    packet = provenance.MADE.format(making) if making else provenance.PACKET
    buffer = io.BytesIO()
    buffer.name = f"result.{kind.lower()}"  # of a format that it is told by a name, Pillow imports nothing but that
    if kind == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", packet)
        texts.add_text("Software", provenance.SOFTWARE)
        clean.save(buffer, pnginfo=texts, **PNG_WAY)
    else:
        options: dict[str, Any] = {"subsampling": 0} if kind == "JPEG" else {}
        options |= {"exif": provenance.exif_of_results(), "xmp": packet.encode()}
        clean.save(buffer, quality=quality, **options)
    return buffer.getvalue()
