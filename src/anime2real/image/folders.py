"""The files of a folder, as `image.files.Search` looks for them in what arguments name."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anime2real.image.decode import PictureError, printable, reason


@dataclass(frozen=True)
class Found:
    """A file that an argument names.

    Attributes:
        path: as it was named.
        relative: below the folder that was named, or the folder where a pattern begins; of a file, its name.
    """

    path: Path
    relative: Path


@dataclass
class LeftOut:
    """What a search passed over.

    Attributes:
        files: how many of other suffixes the folders held, by suffix.
        folders: how many folders in folders were not searched.
    """

    files: Counter[str] = field(default_factory=Counter)
    folders: int = 0

    def note(self) -> str:
        """Such as ` (left out: 3 .psd)`; empty if nothing was."""
        kinds = [f"{count} {suffix}" for suffix, count in sorted(self.files.items())]
        if inside := self.folders:
            kinds.append(f"{inside} folder{'s' * (inside > 1)}, which --recursive searches")
        return f" (left out: {', '.join(kinds)})" if kinds else ""


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry of a folder is of a kind; a link round in circles, or into a closed folder, is of none."""
    try:
        return kind()
    except OSError:
        return False


@dataclass(frozen=True)
class Walk:
    """How folders are searched.

    Attributes:
        suffixes: of the files that are taken.
        recursive: whether folders in folders are searched as well; None for those in folders without pictures of their
            own.
        output: an absolute path; not searched, unless it or something in it is named itself.
        left_out: gets what is passed over.
    """

    suffixes: frozenset[str]
    recursive: bool | None
    output: str | None
    left_out: LeftOut

    def __call__(self, top: str, base: str) -> Iterator[Found | PictureError]:
        """The files in a folder, told below `base`, or an error if it holds none; its own first, and by name."""
        empty = True
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda entry: entry.name)
            except OSError as error:
                empty = False
                yield PictureError(f"{printable(folder)} cannot be read ({reason(error)}): check its rights")
                continue
            own, below = False, os.path.relpath(folder, base)
            for entry in entries:
                suffix = os.path.splitext(entry.name)[1].lower()
                if suffix in self.suffixes and _is(entry.is_file):
                    empty, own = False, True
                    yield Found(Path(entry.path), Path(below, entry.name))
                elif not _is(entry.is_dir):
                    kind = f"{suffix} (no file)" if suffix in self.suffixes else suffix or "without a suffix"
                    self.left_out.files[kind] += 1
            inside = [entry.path for entry in reversed(entries) if _is(entry.is_dir) and self._enters(top, entry)]
            if self.recursive or (self.recursive is None and not own):
                folders += inside
            else:
                self.left_out.folders += len(inside)
        if empty:
            ends = f"they end in {', '.join(sorted(self.suffixes))}"
            yield PictureError(f"{printable(top)} holds no pictures{self.left_out.note()}: {ends}")

    def _enters(self, top: str, entry: "os.DirEntry[str]") -> bool:
        """Whether a folder in a folder is searched: results are not, nor a link to a folder around it."""
        if entry.is_symlink():
            link, folder = os.path.realpath(entry.path), os.path.realpath(os.path.dirname(entry.path))
            if os.path.join(folder, "").startswith(os.path.join(link, "")):
                return False
        return not self.is_output(os.path.abspath(top), os.path.abspath(entry.path))

    def is_output(self, folder: str, path: str) -> bool:
        """Whether a path below a folder belongs to the results, which lie in a folder inside it."""
        if self.output is None or self.output == folder:
            return False
        output = os.path.join(self.output, "")
        return output.startswith(os.path.join(folder, "")) and os.path.join(path, "").startswith(output)
