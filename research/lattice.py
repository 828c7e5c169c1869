"""How strong the lattice of two pixels is that lies over pictures.

    python research/lattice.py FOLDER...

A decoder that shuffles blocks of 2×2 pixels draws each of the four by other weights: a pattern that repeats after two
pixels, with power at half a cycle a pixel along either axis and along both. Of each picture's grey levels, under a Hann
window, the mean power within 2 bins of these three places over that 4 to 12 bins away from them; the largest of the
three. A line for each folder: pictures, the median, the tenth and the ninetieth percentile.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def lattice(grey: NDArray[np.float64]) -> float:
    """The ratio of one picture, (S, S), S even."""
    side = len(grey)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window[None])) ** 2
    away = np.minimum(np.arange(side), side - np.arange(side))
    ratios = []
    for down, along in ((side // 2, 0), (0, side // 2), (side // 2, side // 2)):
        far = np.hypot(np.roll(away, down)[:, None], np.roll(away, along)[None])
        ratios.append(power[far <= 2].mean() / power[(far >= 4) & (far <= 12)].mean())
    return float(max(ratios))


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
