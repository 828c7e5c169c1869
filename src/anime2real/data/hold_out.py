"""Photographs of a pack that are kept out of training, to measure by: few archives have a test split of sharp ones.

They are named in a list, so that a pack of another size of the same archives holds back the same people.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import write_both


def choose_held_out(pack: Pack, of_each: int, min_scale: float = 0.0) -> list[str]:
    """Names of training photographs, sorted: the same number from every source.

    The sum of a name decides, so that neither the age nor the order of the files does.

    Args:
        pack: to choose from.
        of_each: how many of each source.
        min_scale: pixels of its file that a photograph has at least for each pixel of the pack.

    Raises:
        PackError: a source has too few, or the pack does not know the scale asked for.
    """
    rows = pack.of_scale(pack.rows("real", "train"), min_scale)
    sources = np.array(pack.sources(rows))
    names = []
    for source in np.unique(sources).tolist():
        own = [str(pack.index[row]["file"]) for row in rows[sources == source]]
        if len(own) <= of_each:
            raise PackError(
                f"{pack.folder} has {len(own)} such photographs from {source!r}: it needs more than {of_each}"
            )
        names += sorted(own, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())[:of_each]
    return sorted(names)


def hold_out(folder: Path, names: set[str]) -> int:
    """Move the named photographs of a pack from its training split to its test split, each with its pair if it has one.

    Photographs that were left out of both splits stay so.

    Returns:
        how many of them are in the test split now.

    Raises:
        PackError: it is no whole pack, has none of them, or would have nothing left to train on.
    """
    pack = Pack(folder)
    pack.need_one_piece("hold photographs back in")
    named = [row for row, entry in enumerate(pack.index) if entry["domain"] == "real" and entry["file"] in names]
    moved = {row for row in named if pack.index[row]["split"] == "train"}
    held = len(moved) + sum(pack.index[row]["split"] == "test" for row in named)
    if not held:
        raise PackError(f"{folder} has none of the {len(names)} photographs to hold back: is the list of its archives?")
    if pack.meta["counts"]["real"]["train"] <= len(moved):
        raise PackError(f"{folder} would have no photograph left to train on: hold back fewer")
    pairs = {pack.index[row]["pair"] for row in moved if "pair" in pack.index[row]}
    moved |= {row for row in pack.rows("anime", "train") if pack.index[row].get("pair") in pairs}
    counts = {domain: dict(of_domain) for domain, of_domain in pack.meta["counts"].items()}
    for row in moved:
        domain = pack.index[row]["domain"]
        counts[domain] |= {"train": counts[domain]["train"] - 1, "test": counts[domain].get("test", 0) + 1}
    entries = ({**e, "split": "test"} if row in moved else e for row, e in enumerate(pack.index))
    write_both(folder, entries, {**pack.meta, "counts": counts, "held_out": held})
    return int(held)
