"""What the commands share: exit codes, and the printing of errors."""

import contextlib
import sys
from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
SIGNALLED: Final = 128
"""To which the number of another signal is added, as shells do."""
READER_GONE: Final = 141
"""Nobody reads what is printed any more."""

DEBUG: Final = "--debug"

STDIN: Final = "/dev/stdin"
STDOUT: Final = "/dev/stdout"
"""What - stands for among pictures, and as the place of the result."""


def complain(message: object) -> None:
    """Print one line on stderr, whatever the message holds."""
    line = " ".join(str(message).split()) if "\n" in str(message) else str(message)
    tell(f"error: {line}")


def tell(line: str) -> None:
    """Print a line on stderr; nothing stops if it cannot be printed, as on a full disk."""
    from anime2real.image.decode import printable  # not above: `--help` needs no Pillow

    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)
