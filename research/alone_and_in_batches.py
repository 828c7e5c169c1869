"""How far results of pictures alone lie from those of the same pictures in batches.

    python research/alone_and_in_batches.py PACK --bundle galatea-anime-to-real

Networks round otherwise in a batch, and when they are loaded for one picture alone. The last line is JSON: how many
pictures of the pack there were, the greatest difference in levels of 255, and the shares of values that differ.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from anime2real.bundle.registry import find_bundles
from anime2real.data.pack import Pack
from anime2real.network import Network


def main() -> None:
    """Translate each picture alone, as `translate` does one, and all in batches, as it does folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--bundle", default="galatea-anime-to-real")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    pack, (bundle,) = Pack(options.pack), find_bundles(options.bundle)
    if pack.size != bundle.px or pack.who is None or pack.landmarks is None:
        raise SystemExit(f"{options.pack} has no pictures of {bundle.px} px with landmarks and labels")
    rows = np.concatenate([pack.rows(bundle.source, split) for split in ("train", "test")])
    pixels, landmarks, who = np.array(pack.images[rows]), (pack.landmarks[rows] + 1) / 2, pack.who[rows]
    alone, together = (Network(bundle, threads=options.threads, once=once) for once in (True, False))
    each = [alone.translate(pixels[i : i + 1], landmarks[i : i + 1], who=who[i : i + 1]) for i in range(len(rows))]
    apart = np.abs(np.concatenate(each).astype(int) - together.translate(pixels, landmarks, who=who))
    shares = {str(levels): float((apart == levels).mean()) for levels in range(1, int(apart.max()) + 1)}
    print(json.dumps({"pictures": len(rows), "greatest": int(apart.max()), "shares": shares}))


if __name__ == "__main__":
    main()
