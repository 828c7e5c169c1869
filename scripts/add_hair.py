"""Finds the hair in a pack that is there, as `prepare --hair` does, without preparing it again.

    python scripts/add_hair.py packs/aligned

The pack gets hair.npy, a colour in each line of index.jsonl and a word in meta.json, and so another sum: a run on it is
told from a run on the pack before. Hair that is there is found anew. The last line is JSON.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from anime2real.data.hair_masks import add_hair
from anime2real.errors import UserError


def main() -> None:
    """Add hair and print how much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--processes", type=int, help="all cores if not given")
    options = parser.parse_args()
    start = last = time.perf_counter()

    def progress(done: int) -> None:
        nonlocal last
        if (now := time.perf_counter()) - last > 10:
            last = now
            print(f"{done:,} pictures, {done / (now - start):.0f} a second", file=sys.stderr, flush=True)

    try:
        known = add_hair(options.pack, processes=options.processes, progress=progress)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(json.dumps({"pack": str(options.pack), "known": known, "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main()
