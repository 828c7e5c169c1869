"""Keep some of a pack's photographs out of training, to measure by: sharp ones, which no archive has a test split of.

    python scripts/hold_out.py choose packs/sharp-256 --min-scale 0.65 --of-each 150 > scripts/held_out.txt
    python scripts/hold_out.py apply packs/sharp-256 scripts/held_out.txt

`choose` names so many training photographs of each source, those whose names' sums come first, so that neither age nor
order of the files decides. `apply` moves those that the pack has to its test split; pictures that were left out stay
so. A pack of another size of the same archives holds back the same people by the same list.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from anime2real.atomic import atomic_file
from anime2real.data.pack import Pack, PackError
from anime2real.errors import UserError


def choose(pack: Pack, min_scale: float, of_each: int) -> list[str]:
    """Names of training photographs, `of_each` of every source, of at least so many file pixels for each pixel.

    Raises:
        PackError: the pack does not know the scale asked for, or a source has too few.
    """
    rows = pack.of_scale(pack.rows("real", "train"), min_scale)
    sources = np.array(pack.sources(rows))
    names = []
    for source in np.unique(sources).tolist():
        own = [str(pack.index[row]["file"]) for row in rows[sources == source]]
        if len(own) <= of_each:
            raise PackError(f"{pack.folder} has {len(own)} such photographs of {source}: it needs more than {of_each}")
        names += sorted(own, key=lambda name: hashlib.sha256(name.encode()).digest())[:of_each]
    return sorted(names)


def apply(folder: Path, names: set[str]) -> int:
    """Move the named photographs of a pack's training split to its test split; returns how many are there now.

    Raises:
        PackError: it is no whole pack, has none of them, or would have nothing left to train on.
    """
    pack = Pack(folder)
    told = [row for row, entry in enumerate(pack.index) if entry["domain"] == "real" and entry["file"] in names]
    moved = [row for row in told if pack.index[row]["split"] == "train"]
    held = moved + [row for row in told if pack.index[row]["split"] == "test"]
    if not held:
        raise PackError(f"{folder} has none of the {len(names)} photographs to hold back: is the list of its archives?")
    counts = dict(pack.meta["counts"]["real"])
    if counts["train"] <= len(moved):
        raise PackError(f"{folder} would have no photograph left to train on: hold back fewer")
    counts |= {"train": counts["train"] - len(moved), "test": counts.get("test", 0) + len(moved)}
    chosen = set(moved)
    entries = [{**entry, "split": "test"} if row in chosen else entry for row, entry in enumerate(pack.index)]
    meta = {**pack.meta, "counts": {**pack.meta["counts"], "real": counts}, "held_out": len(held)}
    with atomic_file(folder / "index.jsonl") as temporary:
        temporary.write_text("".join(json.dumps(e, sort_keys=True) + "\n" for e in entries), encoding="utf-8")
    with atomic_file(folder / "meta.json") as temporary:
        temporary.write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return len(held)


def main() -> None:
    """Print the names, or how many are held back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    choosing = commands.add_parser("choose")
    choosing.add_argument("pack", type=Path)
    choosing.add_argument("--min-scale", type=float, default=0.0)
    choosing.add_argument("--of-each", type=int, default=150)
    applying = commands.add_parser("apply")
    applying.add_argument("pack", type=Path)
    applying.add_argument("names", type=Path)
    options = parser.parse_args()
    try:
        if options.command == "choose":
            print("\n".join(choose(Pack(options.pack), options.min_scale, options.of_each)))
        else:
            print(json.dumps({"held_out": apply(options.pack, set(options.names.read_text("utf-8").split()))}))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
