"""Lined-up faces that the project's own script draws, of men and women at random, for the label network.

    python research/labels/drawings.py CACHE --count 240

What anime-96.zip has few of: men with a man's jaw, lids and brows, women with short hair, skins of every tone, drawn in
plain outlines. CACHE/drawn.crops.npy: (N, 112, 112, 3) uint8, lined up by the landmarks that the script knows;
CACHE/drawn.csv: the columns of drawings.csv. The eight looks of examples/ are not among them.
"""

import argparse
import colorsys
import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from anime2real.face.geometry import align, to_template

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from draw_faces import draw_face
from draw_faces_canvas import Colour
from draw_faces_looks import LOOKS, STYLES, Look

SIDE = 112
SHORT = ("short", "swept")
COLUMNS = (
    "archive", "member", "sheet", "cell", "sex", "age", "mouth_open", "smile", "eyes", "glasses", "view", "eye_hidden",
    "usable",
)  # fmt: skip
SKINS = np.array([(255, 236, 222), (246, 214, 188), (214, 168, 132), (150, 104, 78), (104, 70, 54)], float)


def main() -> None:
    """Draw and line up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--count", type=int, default=240)
    options = parser.parse_args()
    random = np.random.default_rng(24)
    crops, rows = [], []
    for i in range(options.count):
        name = f"drawn-{i}"
        look = some_look(name, i % 2 == 0, random)
        picture, landmarks = draw_face(look)
        crops.append(np.asarray(align(picture, to_template(landmarks.astype(float)), SIDE, beyond="edge")))
        smile = int(look.smile > 0.3) - int(look.smile < -0.3)
        sex = "man" if look.man else "woman"
        values = ("drawn", name, "script", i, sex, "young", int(look.opened > 0), smile, "open", 0, "front", 0, 1)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    np.save(options.cache / "drawn.crops.npy", np.stack(crops))
    with (options.cache / "drawn.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} drawn")


def some_look(name: str, man: bool, random: np.random.Generator) -> Look:
    """A look by chance: men mostly with short hair, one woman of four too."""
    short = random.random() < (0.8 if man else 0.25)
    styles = [s for s in STYLES if (s in SHORT) == short]
    skin = random.uniform(0, 4) if random.random() < 0.5 else random.uniform(0, 1.5)
    smile = float(random.choice([random.uniform(0.4, 1), random.uniform(-0.2, 0.2), random.uniform(-0.8, -0.4)]))
    return replace(
        LOOKS[int(random.integers(len(LOOKS)))],
        name=name, style=str(random.choice(styles)), hair=_colour(random, 0.1, 0.95), eyes=_colour(random, 0.2, 0.85),
        skin=_skin(skin), man=float(random.uniform(0.75, 1)) if man else 0.0,
        eye_height=float(random.uniform(0.055, 0.085) if man else random.uniform(0.08, 0.11)),
        chin=float(random.uniform(0.87, 0.9) if man else random.uniform(0.855, 0.88)), smile=smile,
        opened=float(random.uniform(0.3, 0.9)) if random.random() < 0.3 else 0.0,
        brow=float(random.uniform(-0.015, 0.015)), turn=float(random.uniform(-0.03, 0.03)),
        tilt=float(random.uniform(-6, 6)),
    )  # fmt: skip


def _colour(random: np.random.Generator, darkest: float, lightest: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(random.random(), random.uniform(0, 0.7), random.uniform(darkest, lightest))
    return round(255 * red), round(255 * green), round(255 * blue)


def _skin(tone: float) -> Colour:
    red, green, blue = (round(float(np.interp(tone, np.arange(len(SKINS)), SKINS[:, c]))) for c in range(3))
    return red, green, blue


if __name__ == "__main__":
    main()
