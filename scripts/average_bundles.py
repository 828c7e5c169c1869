"""Averages the weights of bundles whose networks learned on from the same ones (see src/anime2real/train/soup.py).

    python scripts/average_bundles.py RUNS/near/bundles/galatea-anime-to-real RUNS/start/bundles/galatea-anime-to-real \
        -o AVERAGED/galatea-anime-to-real

All count alike unless `--shares` gives a number for each.
"""

import argparse
import sys
from pathlib import Path

from anime2real.bundle import load
from anime2real.errors import UserError
from anime2real.train.soup import save_average


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--shares", nargs="+", type=float, help="a number above 0 for each")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the bundle")
    options = parser.parse_args()
    try:
        bundles = [load(folder) for folder in options.bundles]
        save_average(bundles, options.shares or [1.0] * len(bundles), options.output)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
