"""KID to the test photographs of what bundles make of drawings that no choice among them was made on.

    python research/other_drawings.py packs/sharp-256 cyclegan galatea --min-scale 0.65 --images 500
    python research/other_drawings.py packs/sharp-256 cyclegan galatea --min-scale 0.65 --split test --drawing-scale 0

Whoever measures many networks on the same test drawings and keeps the best has chosen by luck, too, and its figure
there flatters it. All of them have seen the training drawings, but nothing was chosen by those: they tell whether a
choice holds. So do test drawings that are softer than those that a choice was made on. A line a bundle, by VGG's
features at the pack's size.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from anime2real import Translator
from anime2real.bundle.format import BundleError
from anime2real.bundle.registry import find_bundles
from anime2real.data.pack import Pack, PackError
from anime2real.errors import UserError
from anime2real.measure.distances import kid
from anime2real.measure.features import Features
from anime2real.measure.sharpness import resized
from anime2real.measure.table import FOOTNOTE

AT_ONCE = 8
SPLITS = {"train": "training", "test": "test"}


def main() -> None:
    """Measure, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("bundles", nargs="+", help="as of `anime2real evaluate`")
    parser.add_argument("--images", type=int, default=500, help="drawings at most")
    parser.add_argument("--seed", type=int, default=0, help="by which they are drawn")
    parser.add_argument("--min-scale", type=float, default=0.0, help="as of `anime2real evaluate`")
    parser.add_argument("--split", choices=[*SPLITS], default="train", help="of the drawings")
    parser.add_argument("--drawing-scale", type=float, help="--min-scale of the drawings, where it is another one")
    parser.add_argument("--features", default="VGG", help="as of `anime2real evaluate`, one of them")
    options = parser.parse_args()
    try:
        pack, features = Pack(options.pack), Features(options.features)
        scale = options.min_scale if options.drawing_scale is None else options.drawing_scale
        drawn = pack.of_scale(pack.rows("anime", options.split), scale)
        drawn = np.random.default_rng(options.seed).permutation(drawn)[: max(0, options.images)]
        photographs = pack.of_scale(pack.rows("real", "test"), options.min_scale)
        for rows, what in ((drawn, f"{SPLITS[options.split]} drawings"), (photographs, "test photographs")):
            if len(rows) < 2:
                raise PackError(f"{len(rows)} {what} of that scale in {options.pack}: at least two are needed")
        if pack.landmarks is None:
            raise PackError(f"{options.pack} has no landmarks: prepare it with a crop that finds faces")
        landmarks = (pack.landmarks[drawn] + 1) / 2
        real = features(pack.images[photographs])
        bundles = [bundle for name in options.bundles for bundle in find_bundles(name) if bundle.target == "real"]
        if not bundles:
            raise BundleError("none of these bundles makes photographs of drawings")
        flattered = [b for b in bundles if b.training.get("discriminator_features") == features.name]
        for bundle in bundles:
            translator = Translator(bundle)
            pictures = resized(pack.images[drawn], bundle.px)
            parts = [slice(i, i + AT_ONCE) for i in range(0, len(drawn), AT_ONCE)]
            results = [translator.translate(pictures[part], landmarks[part]) for part in parts]
            found = kid(features(resized(np.concatenate(results), pack.size)), real)
            mark = "*" if bundle in flattered else ""
            print(
                f"{bundle.name} {bundle.sha256[:12]}: KID-{features.name} ·10³ {1e3 * found.mean:.1f} ± "
                f"{1e3 * found.std:.1f}{mark}, {len(drawn)} drawings, {len(photographs)} photographs",
                flush=True,
            )
        if flattered:
            print(FOOTNOTE)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
