"""What the commands share: exit codes, and the printing of errors."""

from typing import Final

from anime2real.progress import tell

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
