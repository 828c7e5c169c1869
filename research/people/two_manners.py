"""Whether a translator has one manner for drawings by hand, and another for those that its own counterpart drew.

    python research/people/two_manners.py DRAWINGS PHOTOGRAPHS BUNDLES... [--sheet SHEET.png]

DRAWINGS and PHOTOGRAPHS are folders of lined-up pictures of the bundles' size, as `fixed_sheets/look.py` leaves them
(`inputs-drawings-0.935`, `inputs-photographs-1`); BUNDLES are names or folders with both directions in each. Prints
the detail (mean absolute Laplacian of the middle, of 255; `measure/sharpness.py`) in the median: of the photographs,
of what becomes of the drawings, and of what becomes of the photographs drawn and brought back; then the same of
drawings. Sex and age are read off each picture. The last line is JSON. SHEET shows the first twelve photographs, drawn,
and brought back by each.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real import Translator
from anime2real.bundle.registry import find_bundles
from anime2real.domain import other
from anime2real.measure.sharpness import fine_detail

ON_SHEET = 12


def main() -> None:
    """Measure, and print a line for each bundle and domain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    pictures = {
        domain: [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]
        for domain, folder in (("anime", options.drawings), ("real", options.photographs))
    }
    rows, found = [pictures["real"][:ON_SHEET]], {}
    for name in options.bundles:
        to = {bundle.target: Translator(bundle) for bundle in find_bundles(name)}
        across = {target: to[target].batch(pictures[other(target)], crop="none") for target in to}
        back = {target: to[target].batch(across[other(target)], crop="none") for target in to}
        found[name] = {
            target: [
                float(np.median(fine_detail(_array(of)))) for of in (pictures[target], across[target], back[target])
            ]
            for target in to
        }
        for target, figures in found[name].items():
            print(f"{name}, {target}: genuine {figures[0]:.1f}, made {figures[1]:.1f}, brought back {figures[2]:.1f}")
        rows += [across["anime"][:ON_SHEET], back["real"][:ON_SHEET]]
    if options.sheet:
        Image.fromarray(np.concatenate([np.concatenate([np.asarray(p) for p in row], 1) for row in rows])).save(
            options.sheet
        )
    print(json.dumps(found))


def _array(pictures: list[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(picture) for picture in pictures])


if __name__ == "__main__":
    main()
