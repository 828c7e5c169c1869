"""How far real pictures of one set are from the test pictures of another: what a distance in docs/results.md means.

    python scripts/reference_points.py packs/aligned --test packs/eval

For each source of the first pack, KID between up to `--images` of its pictures and the test pictures of the same domain
in the second, by the features named. A translator that drew perfectly in the manner of a source would have that
source's figure, not zero. The last line is JSON.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from anime2real.errors import UserError
from anime2real.measure.distances import kid
from anime2real.measure.features import Features
from anime2real.train.pack import Pack


def main() -> None:
    """Print a line a source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--test", type=Path, required=True, help="the pack whose test pictures are the measure")
    parser.add_argument("--features", nargs="+", default=["VGG", "Lite0"])
    parser.add_argument("--images", type=int, default=500)
    options = parser.parse_args()
    try:
        pack, test = Pack(options.pack), Pack(options.test)
        measured = []
        for name in options.features:
            features = Features(name)
            for domain in ("anime", "real"):
                target = features(test.images[test.rows(domain, "test")])
                rows = pack.rows(domain, "train")
                sources = np.array(pack.sources(rows))
                for source in np.unique(sources).tolist():
                    own = rows[sources == source]
                    some = np.sort(np.random.default_rng(0).permutation(own)[: options.images])
                    found = kid(features(pack.images[some]), target)
                    measured.append(
                        {"features": name, "domain": domain, "source": source, "images": len(some), "kid": found.mean}
                    )
                    print(f"KID-{name} of {len(some)} {source} to {domain} test: {1e3 * found.mean:.1f} ± "
                          f"{1e3 * found.std:.1f} thousandths", flush=True)  # fmt: skip
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
