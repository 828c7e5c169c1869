"""IoU of the head network's masks with masks of drawings made by hand.

    python research/head_masks/evaluate.py DATA

DATA holds anime-256.zip and anime-96.zip. `by_hand.json` has the outline of face and hair of 50 drawings of their test
sets, which nothing was trained on, polygons in hundredths of the crop that `paste` translates, drawn by eye to some two
hundredths. The topmost tenth of a crop, which often lies beyond the picture, is left out. The last line is JSON.
"""

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from anime2real.face.geometry import align
from anime2real.face.heads import head_masks
from anime2real.pipeline import faces_in

SIDE = 256


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    overlaps: list[float] = []
    for entry in json.loads((Path(__file__).parent / "by_hand.json").read_text()):
        archive, _, name = entry["picture"].partition("/")
        with zipfile.ZipFile(options.data / f"{archive}.zip") as file:
            picture = Image.open(io.BytesIO(file.read(name))).convert("RGB")
        crop = align(picture, faces_in(picture)[0].crop, SIDE)
        drawn = Image.new("1", (SIDE, SIDE))
        for outline in entry["head"]:
            ImageDraw.Draw(drawn).polygon([(x * SIDE / 100, y * SIDE / 100) for x, y in outline], fill=1)
        truth, seen = np.asarray(drawn)[SIDE // 10 :], head_masks(np.asarray(crop)[None])[0][SIDE // 10 :] > 0.5
        overlaps.append(int((truth & seen).sum()) / int((truth | seen).sum()))
        print(f"{entry['picture']}: {overlaps[-1]:.3f}")
    figures = {"mean": float(np.mean(overlaps)), "median": float(np.median(overlaps)), "worst": min(overlaps)}
    print(json.dumps({"drawings": len(overlaps)} | {key: round(value, 4) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
