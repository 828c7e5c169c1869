"""The base of every failure that a user can cause, and the hint at a similar name."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class UserError(Exception):
    """A failure that one line explains: what went wrong, where, and what to do about it.

    The command line prints the message without a traceback; the Python API raises it.

    Args:
        message: the line. What cannot be printed becomes a question mark: names in it may come from anybody's files.
    """

    def __init__(self, message: str = "") -> None:
        line = " ".join(message.splitlines())
        super().__init__(line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line))


class UsageError(UserError):
    """Bad usage: the command line exits with 2 in place of 1. docs/commands.md says what counts as that.

    Attributes:
        names_help: whether the command line adds where the command's help is; not where the error says all there is.
    """

    names_help: ClassVar[bool] = True


def first_line(error: BaseException) -> str:
    """The first line of what an error says; where it says nothing, what it is called."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def nearest(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'x'?)` for the known name nearest to `name`, or nothing where none is near."""
    from difflib import get_close_matches  # not above: only mistakes need it

    matches = get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def path_of(given: object, what: str, kind: type[UserError]) -> Path:
    """What a caller gave as the name of a file or folder.

    Args:
        given: a text or a path, as it should be.
        what: it names, for the error.
        kind: of the error.

    Raises:
        UserError: of that kind: it is something else, or empty.
    """
    name = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(name, str):
        raise kind(f"{what} is named by a text or a path, not by {type(given).__name__}")
    if not name:
        raise kind(f"the name of {what} is empty")
    return Path(name)
