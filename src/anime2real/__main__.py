"""The program `anime2real`, as `python -m anime2real` starts it, too."""

import sys
from typing import NoReturn


def program() -> NoReturn:
    """Run the command line. It is imported here, since Ctrl-C may come while it is."""
    try:
        from anime2real.cli.main import program as run

        run()
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    program()
