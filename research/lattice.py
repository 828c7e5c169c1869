"""How strong the lattice of two pixels is that lies over the pictures of folders (`anime2real.measure.sharpness`).

    python research/lattice.py FOLDER...

A line for each folder: pictures, the median, the tenth and the ninetieth percentile.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.measure.sharpness import lattice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    for folder in parser.parse_args().folders:
        paths = sorted(p for p in folder.iterdir() if p.suffix in (".png", ".webp"))
        found = [lattice(np.asarray(Image.open(path).convert("L"), np.float64)) for path in paths]
        low, middle, high = np.percentile(found, [10, 50, 90])
        print(f"{folder}: {len(found)} pictures, median {middle:.2f}, {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    main()
