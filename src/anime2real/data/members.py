"""Where pictures come from: folders and zip archives, their layouts, and what in them is left out."""

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from anime2real.atomic import is_partial
from anime2real.data.pack import PackError
from anime2real.domain import Domain
from anime2real.image.files import SUFFIXES, head_of

Split = Literal["train", "test"]

_SPLITS: dict[str, Split] = {"train": "train", "test": "test", "val": "test", "valid": "test", "validation": "test"}

_PICTURES: Final = frozenset((
    ".jxl", ".jp2", ".j2k", ".tga", ".psd", ".psb", ".svg", ".ico",
    ".pcx", ".pbm", ".pgm", ".ppm", ".pnm", ".qoi", ".exr", ".hdr", ".dds", ".dng", ".cr2", ".cr3", ".nef", ".arw",
    ".orf", ".raf", ".rw2", ".clip", ".kra", ".xcf", ".sai", ".eps",
))  # fmt: skip
_ARCHIVES: Final = frozenset((
    ".zip", ".cbz", ".rar", ".cbr", ".7z", ".cb7", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lzh",
))  # fmt: skip

_ADVICE: Final = {
    "inner archive": ": unpack",
    "linked folder": ": name as a source",
    "closed folder": ": allow reading",
    "unplaced picture": ": see --layout",
    "hidden file": "",
    "broken link": "",
    "repeated name": "",
}
"""Kinds of things left out that are no suffixes, and what to do about them."""


@dataclass(frozen=True, slots=True)
class Member:
    """One picture to read: a file, or a member of an archive.

    Attributes:
        container: the folder or archive.
        name: in it, as the system or the archive has it.
        domain, split: what its place says; no split where nothing does.
        label: the name with `/` between its parts.
    """

    container: Path
    name: str
    domain: Domain
    split: Split | None
    label: str

    @property
    def shown_as(self) -> str:
        """Container and name, as lines for the user give them."""
        return f"{self.container.name}/{self.label}"


@dataclass(frozen=True)
class Listing:
    """What a folder or an archive holds.

    Attributes:
        members: its pictures, sorted by label.
        left_out: how many things are passed over, by kind: a suffix, or a key of `_ADVICE`.
        stamp: hex; another one as soon as a name, a size or a time in it is another.
    """

    members: list[Member]
    left_out: Counter[str]
    stamp: str


def members_of(path: Path, domain: Domain | None, layout: dict[str, Domain] | None) -> Iterator[Member]:
    """The pictures of a folder or an archive, see `list_source`."""
    yield from list_source(path, domain, layout).members


def list_source(path: Path, domain: Domain | None, layout: dict[str, Domain] | None) -> Listing:
    """What a folder or an archive holds; for `both` the domain is read off the path.

    Raises:
        PackError: it is not there, neither a folder nor a zip archive, or a damaged one.
    """
    left_out: Counter[str] = Counter()
    if path.is_dir():
        names = _in_folder(path, left_out)
    elif path.is_file():
        names = _in_archive(path, left_out)
    else:
        raise PackError(f"{path} is {'neither a folder nor an archive' if os.path.lexists(path) else 'not there'}")
    members, total = [], hashlib.sha256()
    for label, (name, stamp) in sorted(names.items()):
        pure = PurePosixPath(label)
        suffix = pure.suffix.lower()
        if is_partial(pure.name):  # of a command that writes there, or was killed: nobody put it there
            continue
        if any(part.startswith((".", "__MACOSX")) for part in pure.parts):
            left_out["hidden file"] += 1
        elif suffix not in SUFFIXES:
            left_out["inner archive" if suffix in _ARCHIVES else suffix or "no suffix"] += 1
        else:
            folder_domain, split = _placed(pure.parent.parts, layout)
            chosen = domain or folder_domain
            if chosen is None:
                left_out["unplaced picture"] += 1
            else:
                members.append(Member(path, name, chosen, split, label))
                total.update(f"{label}\0{stamp}\n".encode(errors="surrogateescape"))
    return Listing(members, +left_out, total.hexdigest())  # those above 0


def _in_folder(path: Path, left_out: Counter[str]) -> dict[str, tuple[str, str]]:
    """The files, by label: name and stamp. Linked folders are not followed, since they may go round in circles."""
    names: dict[str, tuple[str, str]] = {}

    def closed(_: OSError) -> None:
        left_out["closed folder"] += 1

    for top, folders, files in os.walk(path, onerror=closed):
        left_out["linked folder"] += sum(os.path.islink(os.path.join(top, folder)) for folder in folders)
        for file in files:
            found = os.path.join(top, file)
            try:
                state = os.stat(found)
            except OSError:
                left_out["broken link"] += 1
                continue
            label = os.path.relpath(found, path).replace(os.sep, "/")
            names[label] = label, f"{state.st_size} {state.st_mtime_ns}"
    return names


def _in_archive(path: Path, left_out: Counter[str]) -> dict[str, tuple[str, str]]:
    names: dict[str, tuple[str, str]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        if head_of(path).startswith(b"PK"):
            raise PackError(f"{path} is a zip archive that is damaged or cut off ({error}): get it again") from error
        what = f"{path} is neither a folder nor a zip archive ({error})"
        raise PackError(f"{what}: name the folder or the archive that holds the pictures") from error
    for entry in entries:
        # Some programs of Windows write `train\real\1.png`, against the format's rules.
        label = entry.filename if "/" in entry.filename else entry.filename.replace("\\", "/")
        if label.endswith("/"):
            continue
        left_out["repeated name"] += label in names
        names[label] = entry.filename, f"{entry.file_size} {entry.CRC}"
    return names


def left_out_words(left_out: Mapping[str, int]) -> str:
    """One line that says what was left out, by kind, and what to do; empty where nothing was."""
    kinds = sorted(kind for kind, count in left_out.items() if count)
    pictures = [kind for kind in kinds if kind in _PICTURES]
    others = [kind for kind in kinds if kind not in _PICTURES and kind not in _ADVICE]
    parts = [_list(left_out, pictures) + ": convert them"] if pictures else []
    named = [kind for kind in kinds if kind in _ADVICE]
    parts += [f"{left_out[kind]} {kind}{'s' * (left_out[kind] > 1)}{_ADVICE[kind]}" for kind in named]
    parts += [_list(left_out, others) + ": no pictures"] if others else []
    return f"{sum(left_out.values())} left out: {'; '.join(parts)}" if parts else ""


def _list(left_out: Mapping[str, int], kinds: Iterable[str]) -> str:
    return ", ".join(f"{left_out[kind]} {kind}" for kind in kinds)


def _placed(parts: tuple[str, ...], layout: dict[str, Domain] | None) -> tuple[Domain | None, Split | None]:
    """Domain and split that folder names tell: `trainA`, `test/real`, `val` …"""
    meanings: dict[str, Domain] = {"anime": "anime", "real": "real"}
    meanings.update({key.lower(): value for key, value in (layout or {}).items()})
    domain: Domain | None = None
    split: Split | None = None
    for part in (p.lower() for p in parts):
        prefix = next((s for s in sorted(_SPLITS, key=len, reverse=True) if part.startswith(s)), None)
        rest = part[len(prefix) :].strip("_-") if prefix else part
        if layout is not None and rest in meanings:
            domain, split = meanings[rest], _SPLITS[prefix] if prefix else split
        elif (prefix and not rest) or (prefix and layout is None and rest in ("a", "b")):
            split = _SPLITS[prefix]
    return domain, split
