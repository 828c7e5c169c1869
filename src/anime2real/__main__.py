"""`python -m anime2real`."""

import sys

from anime2real.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
