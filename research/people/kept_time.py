"""Processor time that giving colours back takes (`network.keep_colours`), a face, on one core.

    python research/people/kept_time.py INPUTS RESULTS --to real

Both folders hold PNGs of the same names, as translate_fixed.py leaves them. The faces are found beforehand, and the
networks are loaded by a first picture.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.finder import default_finder
from anime2real.network import keep_colours


def main() -> None:
    """Print the milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--to", choices=("real", "anime"), required=True)
    options = parser.parse_args()
    find, faces = default_finder(1), []
    for path in sorted(options.inputs.glob("*.png")):
        picture, result = (Image.open(one).convert("RGB") for one in (path, options.results / path.name))
        if found := find(picture)[:1]:
            shares = found[0].landmarks / picture.width
            faces.append((np.asarray(picture)[None], np.asarray(result)[None], shares[None]))
    keep_colours(*faces[0], options.to)
    begun = time.process_time()
    for face in faces:
        keep_colours(*face, options.to)
    print(f"{len(faces)} faces, {1000 * (time.process_time() - begun) / len(faces):.1f} ms each")


if __name__ == "__main__":
    main()
