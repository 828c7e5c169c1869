"""The rates of `evaluate` on the fixed pictures, each group apart.

    python research/fixed_sheets/fixed_rates.py FIXED RESULTS NAME=BUNDLES ...

RESULTS gets a pack of the fixed pictures (`pack/`, 320 px, so that closer crops lose nothing) and rates.json. Drawings
are compared with drawings and photographs with photographs of the fixed ones alone: their KID says nothing beyond them.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from blind import noted

from anime2real.bundle.format import Bundle
from anime2real.data.pack import Pack
from anime2real.data.prepare import prepare
from anime2real.measure.evaluate import evaluate
from anime2real.measure.features import Features, vgg_is_here
from anime2real.measure.table import rates_table, table

sys.path.insert(0, str(Path(__file__).parents[1] / "people"))
from translate_fixed import bundles_of

PACK_PX, PX = 320, 256

EXAMPLES = Path(__file__).parents[2] / "examples"
TRAINED_ON = {"drawings": EXAMPLES / "aoi.png", "photographs": EXAMPLES / "photographs" / "027_03-neutral.webp"}
"""A pack has pictures to train on; these are, and nothing is measured on them."""


def fixed_pack(fixed: Path, results: Path) -> Pack:
    """A pack of the fixed pictures, all of them to test on; made once."""
    output, facts = results / "pack", noted()
    if not output.is_dir():
        sources: dict[str, list[Path]] = {}
        for kind in ("drawings", "photographs"):
            groups = set()
            for path in sorted((fixed / kind).glob("*.png")):
                group = results / "groups" / kind / facts[path.stem]["group"]
                groups.add(group)
                (group / "test").mkdir(parents=True, exist_ok=True)
                if not (group / "test" / path.name).exists():
                    os.link(path, group / "test" / path.name)
            unused = results / "groups" / kind / "unused"
            (unused / "train").mkdir(parents=True, exist_ok=True)
            shutil.copy(TRAINED_ON[kind], unused / "train")
            sources[kind] = [*sorted(groups), unused]
        prepare(sources["drawings"], sources["photographs"], output, size=PACK_PX, near=0, quiet=True)
    return Pack(output)


def fixed_rates(fixed: Path, results: Path, bundles: Sequence[tuple[str, Bundle]]) -> None:
    """Print both tables of candidates by name, and write rates.json."""
    features = [Features("VGG" if vgg_is_here() else "Lite0")]
    report = evaluate([bundle for _, bundle in bundles], fixed_pack(fixed, results), features, px=PX)
    for result, (name, _) in zip(report["results"], bundles, strict=True):
        result["method"] = name
    (results / "rates.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(report), rates_table(report), sep="\n\n")


def main() -> None:
    """Measure the candidates that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("bundles", nargs="+", metavar="NAME=BUNDLES")
    options = parser.parse_args()
    named = [(name, bundle) for name, many in map(bundles_of, options.bundles) for bundle in many]
    fixed_rates(options.fixed, options.results, named)


if __name__ == "__main__":
    main()
