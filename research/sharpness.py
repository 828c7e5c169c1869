"""How sharp results are beside photographs, and beside what training shows of them.

    python research/sharpness.py packs/sharp-256 galatea --min-scale 0.65

The mean absolute Laplacian of grey levels in the middle of a lined-up face, of 255, of each picture: in the median, the
fifth percentile, and how many lie below `--soft`. First of the pack's test photographs, as they are and cut out as in
training, then of what each bundle to photographs makes of the test drawings, at the pack's size. The last line is JSON.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from anime2real import Translator
from anime2real.bundle.registry import find_bundles
from anime2real.data.pack import Pack, PackError
from anime2real.errors import UserError
from anime2real.measure.sharpness import fine_detail, resized
from anime2real.train.batch import Augment
from anime2real.train.random_numbers import CROP
from anime2real.train.step import cropped


def as_shown(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pictures, cut out as training does by default."""
    uniforms = torch.from_numpy(np.random.default_rng(0).random((len(pictures), CROP), np.float32))
    image = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    shown = (cropped(image, uniforms, Augment()) + 1) * 127.5
    return shown.round().byte().permute(0, 2, 3, 1).numpy()


def main() -> None:
    """Measure, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("bundles", nargs="*", help="as of `anime2real evaluate`")
    parser.add_argument("--images", type=int, default=300, help="of each domain at most")
    parser.add_argument("--min-scale", type=float, default=0.0, help="as of `anime2real evaluate`")
    parser.add_argument("--soft", type=float, default=3.0, help="what counts as soft")
    options = parser.parse_args()
    try:
        pack = Pack(options.pack)
        rows = {d: pack.of_scale(pack.rows(d, "test"), options.min_scale)[: options.images] for d in ("anime", "real")}
        for domain, found in rows.items():
            if not len(found):
                raise PackError(f"{options.pack} has no {domain} test pictures of that scale")
        photographs = pack.images[rows["real"]]
        measured = {
            "photographs": fine_detail(photographs),
            "photographs, as shown": fine_detail(as_shown(photographs)),
        }
        drawings = [Image.fromarray(picture) for picture in pack.images[rows["anime"]]]
        for bundle in (bundle for name in options.bundles for bundle in find_bundles(name) if bundle.target == "real"):
            results = np.stack([np.asarray(result) for result in Translator(bundle).batch(drawings, crop="none")])
            measured[f"{bundle.name} {bundle.sha256[:12]}"] = fine_detail(resized(results, pack.size))
    except UserError as error:
        sys.exit(f"error: {error}")
    facts = {}
    for name, values in measured.items():
        fact = {"median": round(float(np.median(values)), 1), "fifth": round(float(np.percentile(values, 5)), 1)}
        facts[name] = fact | {"soft": int((values < options.soft).sum()), "of": len(values)}
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in facts[name].items()))
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
