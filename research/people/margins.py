"""How much detail results have beyond the edge of their drawings' files, beside what they have inside.

    python research/people/margins.py FIXED RESULTS/NAME-real ...

Of the tight crops of the fixed drawings (research/fixed_sheets), which end at cheeks and brows. A line for each folder
of results, which bear the drawings' names: the mean absolute Laplacian of grey levels, of 255, at least 6 px outside
and inside what the file shows, and their ratio; medians. Photographs in the same framing have 0.79: 0.4 is fog.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real import find_faces
from anime2real.bundle.registry import find_bundles
from anime2real.face.geometry import closer

AWAY = 6
"""Pixels that what is compared lies away from the file's edge."""

Plane = NDArray[np.float64]


def beyond(image: Image.Image, px: int, share: float) -> Plane | None:
    """How far the pixels of a picture's lined-up crop (px, px) lie outside it, px of the crop; None without a face."""
    faces = find_faces(image)[:1]
    if not faces:
        return None
    crop = closer(faces[0].crop, share)
    along = (np.arange(px) + 0.5) / px
    x, y = crop.inverse(np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)).T.reshape(2, px, px)
    outside = np.maximum.reduce([-x, x - image.width, -y, y - image.height])
    return np.asarray(outside * crop.scale * px)


def detail(image: Image.Image) -> Plane:
    """The absolute Laplacian of grey levels; 0 at the border."""
    grey = np.pad(np.asarray(image.convert("L"), np.float64), 1, "edge")
    middle = grey[1:-1, 1:-1]
    return np.asarray(abs(4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    options = parser.parse_args()
    bundle = next(bundle for bundle in find_bundles("galatea") if bundle.target == "real")
    drawings = sorted((options.fixed / "drawings").glob("tight-*.png"))
    outside = {p.name: beyond(Image.open(p).convert("RGB"), bundle.px, bundle.crop_share) for p in drawings}
    for folder in options.results:
        found = []
        for name, far in outside.items():
            if far is not None and (folder / name).is_file():
                edges = detail(Image.open(folder / name))
                found.append((edges[far > AWAY].mean(), edges[far < -AWAY].mean()))
        out, within = np.array(found).T
        ratio = np.median(out / within)
        print(
            f"{folder}: {len(found)} results, {np.median(out):.2f} outside, {np.median(within):.2f} inside, {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
