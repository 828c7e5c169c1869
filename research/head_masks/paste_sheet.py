"""Heads put back into pictures: a sheet to look at, and the mean change outside the heads, levels of 255.

    python research/head_masks/paste_sheet.py DATA -o sheet.png

DATA holds the archives of `PICTURES`; examples/ gives three drawings. Each row has two pictures, each as it was, what
the network made of its crop, and the whole. One photograph is made grey, one transparent, one grainy. Outside is where
neither the head of the crop nor that of the result is, by the network of `face.heads`. The last line is JSON.
"""

import argparse
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.geometry import scaling
from anime2real.face.heads import head_masks
from anime2real.image.decode import laid_on
from anime2real.pipeline import compose, crop_faces, direction, faces_in, translate_crops
from anime2real.translator import Translator

PICTURES = {
    "london-show-512": (0, 2, 4, 9, 12, 15, 18),
    "celebamask-512": (3, 100, 500),
    "celebahq-men-512": (3, 50, 71),
    "anime-256": (3, 10, 41, 55, 77, 90),
}
"""Numbers among the sorted names, of the test sets where there is one."""

EXAMPLES = ("aoi", "kuro", "sora")
SIDE = 300


def pictures(data: Path) -> list[tuple[str, Image.Image]]:
    """Names and pictures, RGB, one RGBA."""
    found = []
    for archive, numbers in PICTURES.items():
        with zipfile.ZipFile(data / f"{archive}.zip") as file:
            names = sorted(name for name in file.namelist() if name.endswith(".webp"))
            names = [name for name in names if name.startswith("test/")] or names
            for number in numbers:
                picture = Image.open(io.BytesIO(file.read(names[number]))).convert("RGB")
                found.append((f"{archive}/{names[number]}", picture))
    root = Path(__file__).parents[2] / "examples"
    found += [(name, Image.open(root / f"{name}.png").convert("RGB")) for name in EXAMPLES]
    noise = np.random.default_rng(0).normal(0, 8, (512, 512, 1))
    grainy = Image.fromarray((np.asarray(found[1][1]) + noise).clip(0, 255).astype(np.uint8))
    cut_out = found[2][1].copy()
    cut_out.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 512).astype(np.uint8), (512, 1))))
    return [*found, ("grey", found[3][1].convert("L").convert("RGB")), ("grainy", grainy), ("transparent", cut_out)]


def main() -> None:
    """Make the sheet and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    cells, changes = [], []
    for name, given in pictures(options.data):
        alpha = given.getchannel("A") if given.mode == "RGBA" else None
        picture = given if alpha is None else laid_on(given.convert("RGB"), alpha, (255, 255, 255))
        faces = faces_in(picture, where=name)[:1]
        translator = Translator.load("galatea", to=direction(faces))
        crops = replace(crop_faces(picture, faces, translator.bundle), cutout=None if alpha is None else given)
        made = translate_crops(translator, [crops])[0]
        pasted = compose(crops, made, "paste")[0]
        if alpha is not None:
            assert pasted.getchannel("A").tobytes() == alpha.tobytes()
            pasted = laid_on(pasted.convert("RGB"), alpha, (255, 255, 255))
        heads = head_masks(np.stack([crops.pixels[0], made[0]])).max(0)
        matrix = tuple(crops.frames[0].then(scaling(len(heads))).matrix().flatten())
        placed = Image.fromarray(np.asarray(heads * 255, np.uint8)).transform(
            picture.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
        )
        changed = abs(np.asarray(pasted, float) - np.asarray(picture, float)).mean(-1)
        changes.append(float(changed[np.asarray(placed) < 26].mean()))
        print(f"{name}: {changes[-1]:.2f}")
        row = (picture, Image.fromarray(made[0]), pasted)
        cells.append(np.hstack([np.asarray(part.resize((SIDE, SIDE))) for part in row]))
    cells += [np.zeros_like(cells[0])] * (len(cells) % 2)
    half = len(cells) // 2
    Image.fromarray(np.hstack([np.vstack(cells[:half]), np.vstack(cells[half:])])).save(options.output)
    told = {"mean": float(np.mean(changes)), "worst": max(changes)}
    print(json.dumps({"pictures": len(changes)} | {key: round(value, 3) for key, value in told.items()}))


if __name__ == "__main__":
    main()
