"""One picture of what came of some faces: a row of inputs, lined up, then a row a method.

python scripts/gallery.py examples/*.png --methods difference cyclegan --to real -o docs/pictures/examples.png
python scripts/gallery.py examples/{aoi,sora}.png --turns 0 15 30 --methods RUNS/tilt-*/bundles/*-real -o tilt.png
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real import Translator
from anime2real.face.geometry import align, closer
from anime2real.image.decode import decode
from anime2real.measure.subjects import turned
from anime2real.translator import find_faces


def lined_up(pictures: Sequence[Path], turns: Sequence[float], side: int, share: float = 1.0) -> list[Image.Image]:
    """The largest face of each picture, turned by each of the degrees, in crops of a share of the usual side."""
    images = [decode(path).image for path in pictures]
    upright = [align(image, closer(find_faces(image)[0].crop, share), side) for image in images]
    return [turned(face, math.radians(turn)) if turn else face for face in upright for turn in turns]


def main() -> None:
    """Write the picture; methods are in the order given, and not labelled: the text around it says what they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--methods", nargs="+", required=True, help="names of shipped methods, or folders of bundles")
    parser.add_argument("--to", choices=("real", "anime"), default="real")
    parser.add_argument("--turns", nargs="+", type=float, default=[0.0], help="degrees: each face turned by each")
    parser.add_argument("--variants", type=int, default=1, help="rows of a method that makes several people of a face")
    parser.add_argument("--who", nargs="+", default=["auto"], help="rows of a method that can be told whom to show")
    parser.add_argument("--side", type=int, help="px of a face; as large as the largest method draws if not given")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    translators = [Translator.open(m) if Path(m).is_dir() else Translator.load(m, options.to) for m in options.methods]
    side = options.side or max(t.px for t in translators)
    shown = lined_up(options.pictures, options.turns, max(t.px for t in translators))
    rows = [[np.asarray(i.resize((side, side), Image.Resampling.LANCZOS)) for i in shown]]
    for translator in translators:
        inputs = lined_up(options.pictures, options.turns, translator.px, translator.bundle.crop_share)
        variants = range(options.variants if translator.bundle.variants > 1 else 1)
        who = options.who if translator.bundle.takes_who else ["auto"]
        for variant, asked in itertools.product(variants, who):
            made = translator.batch(inputs, crop="none", variant=variant, who=asked)
            rows.append([np.asarray(p.resize((side, side), Image.Resampling.BICUBIC)) for p in made])
    options.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows])).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
