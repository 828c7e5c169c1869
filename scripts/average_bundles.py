"""Averages the weights of bundles whose networks learned on from the same ones (`anime2real.train.weight_averaging`).

    python scripts/average_bundles.py RUNS/near/bundles/galatea-anime-to-real RUNS/start/bundles/galatea-anime-to-real \
        -o AVERAGED/galatea-anime-to-real

All count alike unless `--shares` gives a number for each, and `--part` another one for a part of the networks: of the
first alone but for the decoder, which is of the second,

    python scripts/average_bundles.py EVEN/galatea-anime-to-real SHARP/galatea-anime-to-real --shares 1 0 \
        --part decoder 0 1 -o AVERAGED/galatea-anime-to-real
"""

import argparse
import sys
from pathlib import Path

from anime2real.bundle.save import load
from anime2real.errors import UserError
from anime2real.train.run.config import TrainError
from anime2real.train.weight_averaging import save_average


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TrainError(f"a share is a number, not {text!r}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--shares", nargs="+", type=float, help="a number for each, 0 or more")
    parser.add_argument(
        "--part", nargs="+", action="append", default=[], metavar=("NAME", "SHARE"), help="a part, and its shares"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the bundle")
    options = parser.parse_args()
    try:
        bundles = [load(folder) for folder in options.bundles]
        parts = {name: [number(share) for share in shares] for name, *shares in options.part}
        if len(parts) < len(options.part):
            raise TrainError("a part's shares are given once: leave one --part of the same name out")
        save_average(bundles, options.shares or [1.0] * len(bundles), options.output, parts)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
