"""The fixed pictures through bundles, and sheets of the results to look at.

    python research/people/translate_fixed.py FIXED RESULTS NAME=BUNDLES ... [--who auto --labels LABELS.csv]

FIXED holds `drawings/` and `photographs/`; BUNDLES a folder with galatea-anime-to-real and galatea-real-to-anime, or
one of them. RESULTS/NAME-real/ and RESULTS/NAME-anime/ get a picture each, and RESULTS/inputs-DOMAIN-SHARE what the
networks saw, in crops of that share of the usual side.
A bundle that is told who is asked for gets sex and age from LABELS.csv (name, sex, age), or `--who SEX,AGE` for all.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from anime2real.bundle.save import load
from anime2real.face.geometry import align, closer
from anime2real.translator import find_faces

PX = 256


def inputs_of(folder: Path, cache: Path, share: float) -> dict[str, Image.Image]:
    """The lined-up faces of a folder's pictures, in crops of that share of the usual side, by stem; kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    found = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".webp", ".jpg")):
        kept = cache / f"{path.stem}.png"
        if not kept.is_file():
            picture = Image.open(path).convert("RGB")
            faces = find_faces(picture)
            if not faces:
                print(f"{path.name}: no face", flush=True)
                continue
            align(picture, closer(faces[0].crop, share), PX).save(kept)
        found[path.stem] = Image.open(kept).convert("RGB")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixed", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("bundles", nargs="+", help="NAME=FOLDER")
    parser.add_argument("--who", default="auto")
    parser.add_argument("--labels", type=Path)
    options = parser.parse_args()
    labels = {}
    if options.labels:
        with options.labels.open(newline="") as file:
            labels = {row["name"]: (float(row["sex"]), float(row["age"]) / 100) for row in csv.DictReader(file)}
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    for to, source, domain in (("real", "anime", "drawings"), ("anime", "real", "photographs")):
        for given in options.bundles:
            name, _, folder = given.partition("=")
            where = Path(folder) / f"galatea-{source}-to-{to}"
            if not where.is_dir():
                continue
            bundle = load(where)
            share = bundle.crop_share
            pictures = inputs_of(options.fixed / domain, options.results / f"inputs-{domain}-{share:g}", share)
            session = onnxruntime.InferenceSession(bundle.model(), settings, providers=["CPUExecutionProvider"])
            output = options.results / f"{name}-{to}"
            output.mkdir(parents=True, exist_ok=True)
            for stem, picture in pictures.items():
                feed = {"image": (np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1)[None]}
                if "who" in bundle.conditions:
                    told = labels.get(stem, (0.0, 0.3))
                    if options.who != "auto":
                        sex, age = options.who.split(",")
                        told = float(sex), float(age) / 100
                    feed["who"] = np.array([told], np.float32)
                made = session.run(None, feed)[0][0]
                pixels = np.rint((made.transpose(1, 2, 0) + 1) * 127.5).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(output / f"{stem}.png")
            print(f"{output}: {len(pictures)}", flush=True)


if __name__ == "__main__":
    main()
