"""Sheets to look at: pictures over what came of them, 24 a sheet at 200 px, in a fixed shuffled order.

    python research/people/sheets.py INPUTS RESULTS OUT [--blind OTHER...]

With further folders a sheet has a row a folder below the input's, eight pictures a sheet.
"""

import argparse
import hashlib
from pathlib import Path

from PIL import Image, ImageDraw

SIDE, COLUMNS = 200, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--beside", nargs="*", type=Path, default=[])
    parser.add_argument("--starting", default="", help="only names that start so")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    names = sorted(
        (p.name for p in options.results.glob(f"{options.starting}*.png")),
        key=lambda name: hashlib.sha256(name.encode()).digest(),
    )
    folders = [options.inputs, options.results, *options.beside]
    bands = 1 if options.beside else 3
    for number, start in enumerate(range(0, len(names), COLUMNS * bands)):
        sheet = Image.new("RGB", (COLUMNS * SIDE, bands * len(folders) * SIDE), "white")
        draw = ImageDraw.Draw(sheet)
        for place, name in enumerate(names[start : start + COLUMNS * bands]):
            band, column = divmod(place, COLUMNS)
            for row, folder in enumerate(folders):
                if (folder / name).is_file():
                    picture = Image.open(folder / name).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
                    sheet.paste(picture, (column * SIDE, (band * len(folders) + row) * SIDE))
            draw.text((column * SIDE + 3, band * len(folders) * SIDE + 2), Path(name).stem, fill="red")
        sheet.save(options.out / f"{options.results.name}-{number + 1}.png")


if __name__ == "__main__":
    main()
