"""Puts a bundle among those that ship: its name, its measured figures, its card.

    python scripts/ship.py RUNS/tilt-upright/bundles/* --name cyclegan-tilt --limits scripts/limits.md \
        --measured MEASURED/upright-0.json

The model stays as it is, and so does a bundle in its folder that redraws its results. `--measured` takes what
`anime2real evaluate --json` wrote: the figures of this very model are taken from it. `--limits` takes Markdown that
says whom the shipped weights learned from and where they fail (`scripts/limits.md`); it ends the card.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from anime2real.bundle.format import CORE, Bundle
from anime2real.bundle.lineage import with_ancestors
from anime2real.bundle.redrawer import redrawer
from anime2real.bundle.registry import ELSEWHERE
from anime2real.bundle.save import load, model_card, save
from anime2real.errors import UserError

TAKEN: Final = (
    "images",
    "kid",
    "fid",
    "face_rate",
    "tilt_mae_degrees",
    "arrangement_nme",
    "hair_delta_e",
    "variety_ratio",
)


def figures_of(bundle: Bundle, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """What reports say of a bundle, by the pack and the turn of the test pictures."""
    found: dict[str, Any] = {}
    for report in reports:
        protocol = report["protocol"]
        name = f"on {protocol['pack']}" + (f" turned by {t:.0f} degrees" if (t := protocol["turn_degrees"]) else "")
        for result in report["results"]:
            if result["sha256"] == bundle.sha256:
                name += f" at {px} px" if (px := protocol.get("px", bundle.px)) != bundle.px else ""
                found[name] = {key: rounded(result[key]) for key in TAKEN if result.get(key) is not None}
    return found


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def home_of(method: str) -> Path:
    """The folder of this clone whose folders are the bundles of a method: the package's, or that of a distribution."""
    if name := ELSEWHERE.get(method):
        return Path(__file__).parent.parent / "bundles" / name / "src" / f"anime2real_bundles_{name}"
    return CORE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--name", help="of the method; its own if not given")
    parser.add_argument("--measured", nargs="*", type=Path, default=[])
    parser.add_argument("--limits", type=Path, help="Markdown that ends the card")
    parser.add_argument("--into", type=Path, help="if not given, where the method's bundles lie in this clone")
    options = parser.parse_args()
    try:
        limits = "\n" + options.limits.read_text(encoding="utf-8") if options.limits else ""
        reports = [json.loads(path.read_text()) for path in options.measured]
        for folder in options.bundles:
            bundle = load(folder)
            figures = bundle.figures | figures_of(bundle, reports)
            training = with_ancestors(bundle.training)  # of bundles that were exported before these were told briefly
            shipped = replace(bundle, method=options.name or bundle.method, figures=figures, training=training)
            into = options.into or home_of(shipped.method)
            back = redrawer(bundle) if (folder / (bundle.redrawn_by or "-")).is_dir() else None
            print(save(shipped, bundle.model(), model_card(shipped) + limits, into / shipped.name, back=back).folder)
    except (UserError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
