"""`python -m anime2real`."""

from anime2real.cli import main

main()
