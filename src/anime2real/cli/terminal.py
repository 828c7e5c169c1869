"""What the commands share: options that several of them have, exit codes, and the printing of errors."""

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from anime2real.errors import UsageError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
READER_GONE: Final = 141
"""Nobody reads what is printed any more."""

STDIN: Final = "/dev/stdin"
STDOUT: Final = "/dev/stdout"
"""What - stands for among pictures, and as the place of the result."""


def check_there(given: Path | Sequence[Path] | None) -> None:
    """Refuse with a UsageError what is not there; whether something is at an address, whoever fetches it will see."""
    for path in (given,) if isinstance(given, Path) else given or ():
        if not os.path.lexists(path) and not re.match("[A-Za-z][A-Za-z0-9+]+:/", path.as_posix()):
            raise UsageError(f"{path} is not there: check the name")


There: Final = Parameter(validator=lambda kind, given: check_there(given))
"""Of a file or folder that a command cannot do without: if it is not there, nothing is begun."""

Json = Annotated[bool, Parameter(name="--json")]
Output = Annotated[Path, Parameter(name=["--output", "-o"])]
Many = Parameter(consume_multiple=True)
Recursive = Annotated[bool | None, Parameter(negative="--no-recursive")]


def complain(message: object) -> None:
    """Print one line on stderr, whatever the message holds."""
    line = " ".join(str(message).split()) if "\n" in str(message) else str(message)
    tell(f"error: {line}")


def tell(line: str) -> None:
    """Print a line on stderr; nothing stops if it cannot be printed, as on a full disk."""
    from anime2real.image.decode import printable  # not above: `--help` needs no Pillow

    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)
