"""How far real pictures of one set are from the test pictures of another: what a distance means.

    python research/reference_points.py packs/aligned --test packs/eval

For each source of the first pack, KID between up to `--images` of its pictures and the test pictures of the same domain
in the second, by the features named. A translator that drew perfectly in the manner of a source would have that
source's figure, not zero. The last line is JSON.

With `--hair` also for what Galatea's discriminators see as real in a pack with hair: photographs of all sources,
drawn so that fringes and long hair are commoner (`--set hair_resampling=0.5`), and those with all hair recoloured as
drawn hair, which is what a translator that keeps the hair should reach. `--min-scale` leaves out pictures of fewer
pixels, as Galatea's option does, `--test-min-scale` does so among the test pictures; `--px` measures at another size.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from anime2real.data.hair_masks import hair_places
from anime2real.data.pack import Pack, PackError
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UserError
from anime2real.measure.distances import kid
from anime2real.measure.features import Features
from anime2real.measure.sharpness import resized
from anime2real.session import to_float, to_uint8
from anime2real.train.hair_recolouring import recoloured
from anime2real.train.sampler import matched

Split = Literal["train", "test"]

RESAMPLED: Final = 0.35
"""How far photographs are resampled by their hair, as in the recipe that these points are for."""

LEAST: Final = 32
"""Pictures that a source needs for a distance to say something."""


def rows_of(pack: Pack, domain: Domain, min_scale: float, split: Split = "train") -> NDArray[np.int64]:
    """The rows of a domain and a split whose scale is at least so much.

    Raises:
        PackError: if the pack does not know scales.
    """
    return pack.of_scale(pack.rows(domain, split), min_scale)


def as_shown(pack: Pack, images: int, min_scale: float) -> dict[str, NDArray[np.uint8]]:
    """Photographs (N, S, S, 3) as Galatea's discriminators see them, by what was done to them.

    Raises:
        PackError: if the pack does not know hair.
    """
    if pack.hair is None or not pack.marks_drawn_hair:
        raise PackError(f"{pack.folder} knows no hair, which --hair needs: prepare it with --hair")
    random = np.random.default_rng(0)
    drawings, rows = pack.rows("anime", "train"), rows_of(pack, "real", min_scale)
    told = np.array([row for row in drawings if pack.index[row]["hair"] is not None], np.int64)
    wanted = hair_places(pack.hair, told)
    weighted = matched(rows, hair_places(pack.hair, rows), wanted, RESAMPLED)
    plain, some = (np.sort(random.permutation(r)[:images]) for r in (rows, weighted))
    colours = random.permutation(pack.hair_colours("anime", "train"))[: len(some)]
    mask = torch.from_numpy(pack.hair[some])[:, None].float() / 255
    picture = torch.from_numpy(to_float(pack.images[some]))
    changed = recoloured(picture, mask, torch.from_numpy(colours), torch.ones(len(some)))
    return {"all sources": pack.images[plain], "hair matched": pack.images[some],
            "hair matched and dyed": to_uint8(changed.numpy())}  # fmt: skip


def main() -> None:
    """Print a line a source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--test", type=Path, required=True, help="the pack whose test pictures are the measure")
    parser.add_argument("--features", nargs="+", default=["VGG", "Lite0"])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--px", type=int)
    parser.add_argument("--min-scale", type=float, default=0.0)
    parser.add_argument("--test-min-scale", type=float, default=0.0)
    parser.add_argument("--hair", action="store_true")
    options = parser.parse_args()
    try:
        pack, test = Pack(options.pack), Pack(options.test)
        measured = []
        px = options.px or test.size
        shown = as_shown(pack, options.images, options.min_scale) if options.hair else {}
        for name in options.features:
            features = Features(name)
            for domain in DOMAINS:
                shown_there = test.images[rows_of(test, domain, options.test_min_scale, "test")]
                target = features(resized(shown_there, px))
                rows = rows_of(pack, domain, options.min_scale)
                sources = np.array(pack.sources(rows))
                pictures = {}
                for source in np.unique(sources).tolist():
                    own = rows[sources == source]
                    if len(own) < LEAST:
                        continue
                    some = np.sort(np.random.default_rng(0).permutation(own)[: options.images])
                    pictures[source] = pack.images[some]
                for source, own_pictures in (pictures | (shown if domain == "real" else {})).items():
                    found, count = kid(features(resized(own_pictures, px)), target), len(own_pictures)
                    measured.append(
                        {"features": name, "domain": domain, "source": source, "images": count, "kid": found.mean}
                    )
                    print(f"KID-{name} of {count} {source} to {domain} test: {1e3 * found.mean:.1f} ± "
                          f"{1e3 * found.std:.1f} thousandths", flush=True)  # fmt: skip
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
