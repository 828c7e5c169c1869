"""What results kept of the fixed pictures and of what was asked, read by the label network of the core.

    python research/people/kept.py RESULTS/inputs-drawings-1 RESULTS/PEM-real ...

The first folder holds what the networks saw, the others results under the same names. A line for each: faces found; men
and women as noted for the fixed pictures (research/fixed_sheets); open and closed mouths and glasses that are as in the
input; the median age; the lattice's median (research/lattice.py). Training holds results to the same network's
labels: this says how well that was learned, and the eye whether it is so. With `--mouths` (mouths.py) mouths of people
are read by points that no training saw: open where the lips are a twentieth of the eye distance apart.
"""

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.who import Labels
from anime2real.measure.sharpness import lattice

HERE = Path(__file__).parent

OPEN = 0.05
"""Gap between the lips, in eye distances, from which a mouth is open."""


def labels_of(folder: Path) -> dict[str, Labels]:
    """How the largest face of each picture looks, by stem; those without one are left out."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        image = Image.open(path).convert("RGB")
        if faces := default_finder(1)(image)[:1]:
            (found[path.stem],) = default_labeller()(image, faces)
    return found


def noted() -> dict[str, str]:
    """Sex as noted for the fixed pictures, by name."""
    sexes: dict[str, str] = {}
    for name in ("drawings", "photographs"):
        with (HERE.parent / "fixed_sheets" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            sexes |= {row["name"]: row["sex"] for row in csv.DictReader(file)}
    return sexes


def main() -> None:
    """Print a line for each folder of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--mouths", type=Path, help="what mouths.py wrote of the results")
    options = parser.parse_args()
    seen, sexes = labels_of(options.inputs), noted()
    gaps = json.loads(options.mouths.read_text()) if options.mouths else {}
    for folder in options.results:
        made = labels_of(folder)
        both = [name for name in made if name in seen]

        def share(of: Callable[[str], bool], holds: Callable[[Labels], bool], both: list[str] = both) -> str:
            chosen = [made[name] for name in both if of(name)]  # noqa: B023
            return f"{sum(map(holds, chosen))} of {len(chosen)}"

        pictures = sorted(folder.glob("*.png"))
        lattices = [lattice(np.asarray(Image.open(path).convert("L"), np.float64)) for path in pictures]
        parts = {
            "found": f"{len(made)} of {len(pictures)}",
            "men": share(lambda n: sexes[n] == "man", lambda label: label.sex > 0),
            "women": share(lambda n: sexes[n] == "woman", lambda label: label.sex < 0),
            "open mouths": share(lambda n: seen[n].mouth_open > 0.5, lambda label: label.mouth_open > 0.5),
            "closed mouths": share(lambda n: seen[n].mouth_open <= 0.5, lambda label: label.mouth_open <= 0.5),
            "glasses": share(lambda n: seen[n].glasses > 0.5, lambda label: label.glasses > 0.5),
            "age": f"{np.median([made[name].age for name in both]):.0f}",
            "lattice": f"{np.median(lattices):.2f}",
        }
        if mouths := {name: gap for name, gap in gaps.get(folder.name, {}).items() if gap is not None and name in seen}:
            for what, is_open in (("open", True), ("closed", False)):
                of = [gap for name, gap in mouths.items() if (seen[name].mouth_open > 0.5) == is_open]
                parts[f"{what} by points"] = f"{sum((gap > OPEN) == is_open for gap in of)} of {len(of)}"
        print(f"{folder}: " + ", ".join(f"{name} {value}" for name, value in parts.items()), flush=True)


if __name__ == "__main__":
    main()
