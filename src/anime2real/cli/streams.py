"""Standard input and output in place of files, and one file in place of a folder, for `translate`."""

import glob
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from anime2real.cli.terminal import STDIN, STDOUT
from anime2real.errors import UsageError
from anime2real.image.files import SUFFIXES, WRITABLE, clip_kind
from anime2real.image.films import FILM_SUFFIXES
from anime2real.outcome import Format

_CLIPS: Final = (".mp4", ".mkv", ".gif")
"""Suffixes of results of clips; those of animated WebP and PNG are among `WRITABLE`."""

_NOT_WRITTEN: Final = (SUFFIXES | FILM_SUFFIXES) - {*WRITABLE, *_CLIPS}
"""Suffixes of pictures and clips that are read alone: no folder is meant to be called so."""

_FORMATS: Final[dict[str, Format]] = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "AVIF": "avif"}


class Destination:
    """Where pictures come from and where results go, if not from files to a folder.

    What comes in on standard input lies in a temporary file meanwhile, and so does what goes to standard output.

    Args:
        output: a file that ends in a suffix of results, or -.
        pictures: the arguments, of which one may be -.
        format: the suffix that is asked for.
        until: ends when the command does.

    Attributes:
        pictures: the arguments, with a file in place of -.
        folder: of the results.
        file: the result in it, if it has a name.
        format: the suffix of results of pictures, which `file` may decide.
        to_stdout: whether the result goes to standard output.

    Raises:
        UsageError: more than one result would go to one place, or a terminal would have to be a picture.
    """

    def __init__(self, output: Path, pictures: Sequence[str], format: Format | None, until: ExitStack) -> None:
        self.to_stdout: Final = output == Path(STDOUT)
        self.file = output if is_file_name(output) else None
        self.folder = output.parent if self.file else output
        self.format: Format = format or "png"
        self._stdin = ""
        self._result: re.Pattern[str] | None = None  # what stands for standard output, if that is asked for
        self._refuse(output, pictures)
        if self.file:
            self.format = self._format_of(self.file, pictures[0], format)
        if self.to_stdout:
            if sys.stdout.isatty():
                raise UsageError("--output - writes a picture to standard output: send it to a file or a program")
            if getattr(sys.stdout, "name", "") == os.devnull:  # what stands for a closed one
                raise UsageError("--output - writes to standard output, which is closed: name a file")
            self.folder = self._temporary(until)
            ends = "|".join(map(re.escape, (*WRITABLE, *_CLIPS)))
            self._result = re.compile(rf"{re.escape(str(self.folder))}([/\\].*?({ends}))?", re.IGNORECASE)
        until.push(self._tell_stopped)
        if pictures.count(STDIN) > 1:
            raise UsageError("standard input is one picture: give - once")
        if STDIN in pictures:
            self._stdin = str(self._received(until))
        self.pictures = [self._stdin if picture == STDIN else picture for picture in pictures]

    def _refuse(self, output: Path, pictures: Sequence[str]) -> None:
        """Refuse a name that is of no result and no folder, and several results for one place."""
        one = self.to_stdout or self.file
        if not one and not output.is_dir() and output.suffix.lower() in _NOT_WRITTEN:
            ends = ", ".join((*WRITABLE, *_CLIPS))
            raise UsageError(f"--output {output} cannot be: results end in {ends}; else name a folder")
        if one and (len(pictures) != 1 or _is_several(pictures[0])):
            name = "-" if self.to_stdout else output
            raise UsageError(f"--output {name} is one file: give one picture, or a folder for the results")

    def _format_of(self, file: Path, picture: str, format: Format | None) -> Format:
        """The format of the picture that a named result is, if it is no clip."""
        asked = WRITABLE.get(file.suffix.lower())
        if asked is None and _is_still(picture):
            ends = ", ".join(WRITABLE)
            raise UsageError(f"--output {file} cannot be: results of a picture that is no clip end in {ends}")
        if format and asked != WRITABLE[f".{format}"]:
            raise UsageError(f"--output ends in {file.suffix}, --format is {format}: leave --format out")
        return _FORMATS.get(asked or "", self.format)

    def finish(self) -> None:
        """Send the result to standard output, if it goes there."""
        if self.to_stdout:
            for result in self.folder.iterdir():
                with result.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()

    def words(self, text: str) -> str:
        """A message that names the streams in place of temporary files."""
        text = text.replace(self._stdin, "-") if self._stdin else text
        return self._result.sub("standard output", text) if self._result else text

    def _tell_stopped(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Name the streams in what an interruption tells; of what would go to standard output nothing is kept."""
        if isinstance(error, KeyboardInterrupt):
            error.args = () if self.to_stdout else tuple(self.words(str(said)) for said in error.args)

    def _received(self, until: ExitStack) -> Path:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("- reads a picture from standard input: send one there, as in < picture.png")
        path = self._temporary(until) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return path

    def _temporary(self, until: ExitStack) -> Path:
        return Path(until.enter_context(tempfile.TemporaryDirectory(prefix="anime2real-")))


def _is_several(picture: str) -> bool:
    """Whether an argument is a folder, or a pattern that several files match."""
    return Path(picture).is_dir() or (
        not os.path.lexists(picture) and glob.has_magic(picture) and len(glob.glob(picture, recursive=True)) > 1
    )


def _is_still(picture: str) -> bool:
    """Whether an argument is a file that does not move."""
    path = Path(picture)
    return path.is_file() and clip_kind(path) is None


def is_file_name(output: Path) -> bool:
    """Whether a name is one of a result, and not of a folder that is there."""
    return output.suffix.lower() in (*WRITABLE, *_CLIPS) and not output.is_dir()
