"""Where a translator fails: the same faces under conditions that were chosen before any result was looked at.

    python scripts/hard_cases.py examples/{kuro,mika}.png --to real -o docs/pictures/galatea-hard-to-real.png
    python scripts/hard_cases.py docs/pictures/astronaut.jpg --to anime -o docs/pictures/galatea-hard-to-anime.png

Two rows a face: under each of `CONDITIONS`, and what comes of it. All of them are shown, good ones too.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from anime2real import Translator
from anime2real.face.geometry import align, closer
from anime2real.image.decode import decode
from anime2real.translator import find_faces


def _covered(image: Image.Image) -> Image.Image:
    """The lower half behind a cloth, as a mask covers it."""
    side = image.width
    cloth = image.copy()
    ImageDraw.Draw(cloth).polygon([(0.2 * side, 0.6 * side), (0.8 * side, 0.6 * side), (0.7 * side, 0.95 * side),
                                   (0.3 * side, 0.95 * side)], fill=(190, 205, 215))  # fmt: skip
    return cloth


def _lines(image: Image.Image) -> Image.Image:
    """Ink alone."""
    edges = ImageOps.invert(image.convert("L").filter(ImageFilter.FIND_EDGES))
    ImageDraw.Draw(edges).rectangle((0, 0, image.width - 1, image.height - 1), outline=255)
    return ImageOps.autocontrast(edges, cutoff=(2, 30)).convert("RGB")


def _tinted(image: Image.Image, gains: tuple[float, float, float]) -> Image.Image:
    return Image.fromarray((np.asarray(image) * gains).clip(0, 255).astype(np.uint8))


def _small(image: Image.Image) -> Image.Image:
    return image.resize((32, 32), Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)


SIDE: Final = 128
"""Pixels a side that each picture is shown at."""

CONDITIONS: Final[dict[str, Callable[[Image.Image], Image.Image]]] = {
    "as it is": lambda image: image,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "lines alone": _lines,
    "dark": lambda image: _tinted(image, (0.3, 0.3, 0.35)),
    "red light": lambda image: _tinted(image, (1.0, 0.35, 0.3)),
    "32 px": _small,
    "mouth covered": _covered,
    "leaning by 40°, not turned upright": lambda image: image.rotate(-40, Image.Resampling.BICUBIC, fillcolor="grey"),
}


def main() -> None:
    """Write the picture; prints the conditions in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--method", help="one that ships; the best one if not given")
    parser.add_argument("--to", choices=("real", "anime"), default="real")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    translator = Translator.load(options.method, to=options.to)
    rows: list[list[NDArray[np.uint8]]] = []
    for path in options.pictures:
        image = decode(path).image
        place = closer(find_faces(image)[0].crop, translator.bundle.crop_share)
        face = align(image, place, translator.px)
        inputs = [change(face) for change in CONDITIONS.values()]
        for row in (inputs, translator.batch(inputs, crop="none")):
            rows.append([np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for picture in row])
    sheet = np.concatenate([np.concatenate(row, 1) for row in rows])
    options.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(options.output, optimize=True)
    print(", ".join(CONDITIONS))


if __name__ == "__main__":
    main()
