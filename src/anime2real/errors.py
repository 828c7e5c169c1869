"""The base of every failure that a user can cause, and the hint at a similar name."""

import difflib
from collections.abc import Sequence
from typing import ClassVar


class UserError(Exception):
    """A failure that one line explains: what went wrong, where, and what to do about it.

    The command line prints the message without a traceback; the Python API raises it.
    """


class UsageError(UserError):
    """Bad usage: the command line exits with 2 in place of 1.

    Attributes:
        names_help: whether the command line adds where the command's help is; not where the error says all there is.
    """

    names_help: ClassVar[bool] = True


def nearest(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'x'?)` for the known name nearest to `name`, or nothing where none is near."""
    matches = difflib.get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
