"""How far each kept vector of a `difference` run is from the difference of the domain means, and what it does.

    python research/difference_snapshots.py RUN --data PACK --pictures examples/a*.png -o snapshots.png

Prints mean absolute distances in grey levels of 255; the picture has a column for the inputs and one a snapshot.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS
from anime2real.face.geometry import square
from anime2real.image.decode import decode
from anime2real.train.run import checkpoint


def main() -> None:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", nargs="+", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    pack = Pack(options.data)
    means = []
    for domain in DOMAINS:
        rows = pack.rows(domain, "train")
        parts = (pack.images[rows[i : i + 1000]].sum(0, dtype=np.int64) for i in range(0, len(rows), 1000))
        means.append(sum(parts) / len(rows))
    wanted = means[DOMAINS.index("real")] - means[DOMAINS.index("anime")]
    newest = checkpoint.complete(options.run / "checkpoints")[-1]
    snapshots = load_file(newest / "model.safetensors")["snapshots"].transpose(0, 2, 3, 1) * 127.5
    faces = [np.asarray(square(decode(path).image, pack.size)) for path in options.pictures]
    columns = [np.concatenate(faces)]
    for snapshot in snapshots:
        columns.append(np.concatenate([(face + snapshot).clip(0, 255).round().astype(np.uint8) for face in faces]))
    Image.fromarray(np.concatenate(columns, axis=1)).save(options.output, optimize=True)
    distances = [round(float(np.abs(snapshot - wanted).mean()), 2) for snapshot in snapshots]
    print(json.dumps({"size_of_the_difference": round(float(np.abs(wanted).mean()), 2), "distances": distances}))


if __name__ == "__main__":
    main()
