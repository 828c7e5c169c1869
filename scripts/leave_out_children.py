"""Takes the faces of children out of a pack's training photographs, and out of the sample grids of runs.

    npm pack @vladmandic/face-api@1.7.15 && tar xzf vladmandic-face-api-1.7.15.tgz package/model
    python scripts/leave_out_children.py packs/sharp --model package/model

No face of a child is to be made on purpose, so none is learned from. Each training photograph's age is estimated by the
small network of face-api (MIT licence): a "TinyXception" of 0.42 M weights, here computed by torch from its file.
It sees the face upright and mirrored, cut out in three sizes; the mean decides. Photographs of an estimated age below
`--least` get the split `left out` in index.jsonl, where nothing reads them. Test photographs stay, to be measured by,
with weight 0: no sample grid shows them. The pack has another sum afterwards, and its meta.json says how many were left
out. The last line is JSON.

An estimate is some years off: a threshold above 18 leaves out young grown-ups too, and finds more children.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from face_api import SIDE, AgeNetwork
from numpy.typing import NDArray

from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import write_both
from anime2real.errors import UserError

CROPS = ((0.5, 0.55, 0.62), (0.5, 0.55, 0.7), (0.5, 0.55, 0.78))
"""Middle and side of what is cut out of a lined-up face, in shares of its side."""

BATCH = 128

LEFT_OUT = "left out"
"""The split of those that nothing reads."""


def ages(network: AgeNetwork, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Estimated ages (N,), years, of lined-up faces (N, S, S, 3)."""
    estimates = []
    with torch.inference_mode():
        for start in range(0, len(pictures), BATCH):
            image = torch.from_numpy(pictures[start : start + BATCH]).permute(0, 3, 1, 2).float()
            looks = []
            for x, y, side in CROPS:
                theta = torch.tensor([[side, 0, 2 * x - 1], [0, side, 2 * y - 1]]).expand(len(image), -1, -1)
                grid = F.affine_grid(theta, [len(image), 3, SIDE, SIDE], align_corners=False)
                face = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
                looks += [network(face), network(face.flip(3))]
            estimates.append(torch.stack(looks).mean(0).double().numpy())
    return np.concatenate(estimates) if estimates else np.empty(0)


def leave_out(folder: Path, network: AgeNetwork, least: float) -> dict[str, Any]:
    """Mark a pack's training photographs that look younger than `least` years; returns what was done.

    Those that were marked before are looked at again, so that another `least` brings them back.

    Raises:
        PackError: it is no whole pack, or nobody would be left.
    """
    pack = Pack(folder)
    splits = ("train", LEFT_OUT)
    told = [row for row, e in enumerate(pack.index) if e["domain"] == "real" and e["split"] in splits]
    rows = np.array(told, np.int64)
    found = ages(network, pack.images[rows])
    young = set(rows[found < least].tolist())
    if len(young) == len(rows):
        raise PackError(f"{folder} would have no photograph left: lower --least")
    split = {row: LEFT_OUT if row in young else "train" for row in told}
    tested = pack.rows("real", "test")
    hidden = dict(zip(tested.tolist(), (ages(network, pack.images[tested]) < least).tolist(), strict=True))
    entries = (
        {**_weighed(entry, hidden.get(row, False)), "split": split.get(row, entry["split"])}
        for row, entry in enumerate(pack.index)
    )
    sources = Counter(pack.sources(np.array(sorted(young), np.int64)))
    facts = {"least_years": least, "left_out": len(young), "of": len(rows), "sources": dict(sorted(sources.items()))}
    counts = {**pack.meta["counts"], "real": {**pack.meta["counts"]["real"], "train": len(rows) - len(young)}}
    meta = {**pack.meta, "counts": counts, "children": facts}
    write_both(folder, entries, meta)
    return {**facts, "median_years": round(float(np.median(found)), 1)}


def _weighed(entry: Mapping[str, Any], hidden: bool) -> dict[str, Any]:
    """An entry of weight 0 if it is hidden; one that was is as others that are not trained on again."""
    if hidden:
        return {**entry, "weight": 0.0}
    before = {"weight": 1.0} if "who" in entry else {}
    return {**{k: v for k, v in entry.items() if k != "weight"}, **before} if entry.get("weight") == 0 else dict(entry)


def main() -> None:
    """Mark, and print how many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="folder of face-api's age_gender_model files")
    parser.add_argument("--least", type=float, default=19.0, help="estimated age, years, from which a face stays")
    options = parser.parse_args()
    try:
        print(json.dumps(leave_out(options.pack, AgeNetwork(options.model), options.least)))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
