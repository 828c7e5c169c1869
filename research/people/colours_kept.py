"""How far eyes and skin of results are from those of the fixed pictures, in CIEDE2000, and a sheet of what was read.

    python research/people/colours_kept.py RESULTS/inputs-drawings-0.935 RESULTS/galatea-real ... --to real

The first folder holds what the networks saw, the others results under the same names (translate_fixed.py). Landmarks
and whether eyes are open are read off the inputs; closed eyes and those behind glasses do not count. A line for each
folder, with the skin of those apart whose own is dark (L* below 60). `--sheet FILE` shows eyes of inputs and of the
first results, enlarged, above the colours that were read off them.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.geometry import Points
from anime2real.face.irises import eye_colour
from anime2real.face.skin import skin_tone
from anime2real.image.cielab import ciede2000
from anime2real.measure.colours import colour_pairs

DARK = 60.0
COLUMNS = 6
BAND = (192, 72)
SWATCH = 20


def band(picture: NDArray[np.uint8], points: Points) -> Image.Image:
    """The eyes, turned level and enlarged."""
    width, height = BAND
    along = (points[1] - points[0]) * 1.7 / width
    across = np.array([-along[1], along[0]])
    corner = points[:2].mean(0) - along * width / 2 - across * height / 2
    turn = (along[0], across[0], corner[0], along[1], across[1], corner[1])
    return Image.fromarray(picture).transform(BAND, Image.Transform.AFFINE, turn, Image.Resampling.BICUBIC)


def labelled(picture: NDArray[np.uint8], points: Points, domain: Domain) -> Image.Image:
    """The eyes above swatches of iris and skin, as measured; magenta where nothing was."""
    width, height = BAND
    sheet = Image.new("RGB", (width, height + SWATCH))
    sheet.paste(band(picture, points), (0, 0))
    for place, lab in enumerate((eye_colour(picture, points, domain), skin_tone(picture, points))):
        rgb = Image.new("RGB", (width // 2, SWATCH), (255, 0, 255)) if lab is None else _swatch(lab)
        sheet.paste(rgb, (place * width // 2, height))
    return sheet


def _swatch(lab: NDArray[np.float64]) -> Image.Image:
    """A patch of a colour in CIELAB."""
    import torch

    from anime2real.train.hair_recolouring import lab_to_rgb

    pixel = lab_to_rgb(torch.tensor(lab, dtype=torch.float32).view(1, 3, 1, 1)).flatten()
    red, green, blue = ((pixel + 1) * 127.5).round().int().tolist()
    return Image.new("RGB", (BAND[0] // 2, SWATCH), (red, green, blue))


def main() -> None:
    """Print a line for each folder of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--to", choices=("real", "anime"), required=True)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    source: Domain = "anime" if options.to == "real" else "real"
    find, label = default_finder(1), default_labeller()
    names, pictures, points, is_open = [], [], [], []
    for path in sorted(options.inputs.glob("*.png")):
        picture = Image.open(path).convert("RGB")
        if faces := find(picture)[:1]:
            (labels,) = label(picture, faces)
            names.append(path.name)
            pictures.append(np.asarray(picture))
            points.append(faces[0].landmarks)
            is_open.append(labels.eyes_open > 0.5 and labels.glasses < 0.5)
    for number, folder in enumerate(options.results):
        here = [place for place, name in enumerate(names) if (folder / name).is_file()]
        made = np.stack([np.asarray(Image.open(folder / names[place]).convert("RGB")) for place in here])
        inputs, at, counts = (np.stack([of[place] for place in here]) for of in (pictures, points, is_open))
        eyes, skins = colour_pairs(inputs, made, at, options.to)
        eyes = eyes[counts & ~np.isnan(eyes).any((1, 2))]
        skins = skins[~np.isnan(skins).any((1, 2))]
        apart = ciede2000(eyes[:, None, 0], eyes[None, :, 1])
        own = np.diagonal(apart)
        others = apart[~np.eye(len(eyes), dtype=bool)]
        tones, dark = ciede2000(skins[:, 0], skins[:, 1]), skins[:, 0, 0] < DARK
        print(
            f"{folder.name}: eyes {own.mean():.1f}, {own.mean() / others.mean():.2f} of the distance to another's "
            f"({len(eyes)}); skin {tones.mean():.1f} ({len(tones)}), dark skin {tones[dark].mean():.1f} ({dark.sum()})",
            flush=True,
        )
        if options.sheet and number == 0:
            width, height = BAND[0] + 4, 2 * (BAND[1] + SWATCH) + 4
            sheet = Image.new("RGB", (COLUMNS * width, -(-len(here) // COLUMNS) * height))
            for place in range(len(here)):
                x, y = place % COLUMNS * width, place // COLUMNS * height
                sheet.paste(labelled(inputs[place], at[place], source), (x, y))
                sheet.paste(labelled(made[place], at[place], options.to), (x, y + BAND[1] + SWATCH))
            sheet.save(options.sheet)


if __name__ == "__main__":
    main()
