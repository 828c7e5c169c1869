"""Everything that a candidate is judged by on the fixed pictures, in one command.

    python research/fixed_sheets/look.py FIXED RESULTS NAME=BUNDLES ...

FIXED is what make.py wrote; BUNDLES a folder with galatea-anime-to-real, galatea-real-to-anime or both. RESULTS gets
the results (research/people/translate_fixed.py), and for each direction a folder of sheets to look at blind:

- blind-real/, blind-anime/: the results of all candidates, shuffled among 48 genuine pictures of the same size and
  framing: photographs, or drawings (frames and illustrations);
- matching-NAME-real/, matching-NAME-anime/: 48 results, each beside four inputs.

Then it measures them (fixed_rates.py; some three minutes a candidate). Look at the sheets and write answers before
key.csv is opened; score.py says how.
"""

import argparse
import random
import sys
from pathlib import Path

from blind import Set, matching, noted, photograph_or_not
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.domain import DOMAINS, Domain
from anime2real.face.geometry import align, closer
from anime2real.face.who import AS_SEEN
from anime2real.translator import find_faces

sys.path.insert(0, str(Path(__file__).parents[1] / "people"))
from fixed_rates import fixed_rates
from translate_fixed import FOLDERS, bundles_of, translate_fixed

GENUINE = 48
"""Real pictures that results are shuffled among."""


def genuine(fixed: Path, out: Path, domain: Domain, share: float, px: int, seed: int) -> Set:
    """Real pictures of a domain, lined up as results are; of drawings no tight crops, which show what is filled in."""
    facts = noted()
    paths = [p for p in sorted((fixed / FOLDERS[domain]).glob("*.png")) if facts[p.stem]["group"] != "tight"]
    out.mkdir(parents=True, exist_ok=True)
    for path in random.Random(seed).sample(paths, min(GENUINE, len(paths))):
        picture = Image.open(path).convert("RGB")
        if faces := find_faces(picture)[:1]:
            align(picture, closer(faces[0].crop, share), px).save(out / path.name)
    return Set("genuine", out)


def main() -> None:
    """Translate, write the sheets, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("bundles", nargs="+", metavar="NAME=BUNDLES")
    parser.add_argument("--count", type=int, help="how many results of each candidate are shuffled; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    made: dict[Domain, list[Set]] = {domain: [] for domain in DOMAINS}
    shares: dict[Domain, float] = {}
    named: list[tuple[str, Bundle]] = []
    for given in options.bundles:
        name, bundles = bundles_of(given)
        for bundle in bundles:
            inputs, output = translate_fixed(options.fixed, options.results, name, bundle, AS_SEEN)
            results, to = Set(name, output), bundle.target
            named.append((name, bundle))
            made[to].append(results)
            shares.setdefault(to, bundle.crop_share)
            out = options.results / f"matching-{name}-{to}"
            print(f"{out}: {matching(results, Set('inputs', inputs), out, seed=options.seed)}", flush=True)
    for to, sets in made.items():
        if sets:
            folder = options.results / f"genuine-{FOLDERS[to]}-{shares[to]:g}"
            real = genuine(options.fixed, folder, to, shares[to], 256, options.seed)
            out = options.results / f"blind-{to}"
            print(f"{out}: {photograph_or_not(sets, real, out, count=options.count, seed=options.seed)}", flush=True)
    fixed_rates(options.fixed, options.results, named)


if __name__ == "__main__":
    main()
