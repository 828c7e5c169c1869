"""How often faces are found that fill their pictures, and how often in pictures that show none.

    python research/close_ups/search_close_ups.py DATA --wheel scikit_image-0.26.0-….whl

pictures.csv names the pictures: a square (left, top, side; px of the archive's picture, enlarged by `factor`, bicubic)
and, where the face in it is known, the middle and the side of the square of its landmarks, px of the square. A face is
found if one lies there: its middle within a third of its side, its side within a factor of 1.6. Whatever is found in
the groups `faceless` and `part` (an eye, a cheek, a mouth, a forehead) is false. DATA holds the archives;
scikit-image's pictures are read from its wheel. Times are medians of processor time. choose_close_ups.py wrote the
table.
"""

import argparse
import csv
import io
import json
import statistics
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.finder import FaceFinder, square_of
from anime2real.face.geometry import Face

TABLE = Path(__file__).with_name("pictures.csv")
WHEEL = "scikit-image"
WITHOUT = ("faceless", "part")
"""Groups that show no face."""


@lru_cache
def opened(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def picture(row: dict[str, str], data: Path, wheel: Path | None) -> Image.Image | None:
    """The picture of a line of the table; None if it is of the wheel and there is none."""
    path = wheel if row["archive"] == WHEEL else data / row["archive"]
    if path is None:
        return None
    image = Image.open(io.BytesIO(opened(path).read(row["member"]))).convert("RGB")
    factor = int(row["factor"])
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    if not row["side"]:
        return image
    left, top, side = (int(row[key]) for key in ("left", "top", "side"))
    return image.crop((left, top, left + side, top + side))


def rows_of(table: Path) -> Iterator[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def lies_there(face: Face, row: dict[str, str]) -> bool:
    """Whether a face is the one that a line of the table tells of; if it tells of none, any is."""
    if not row["face_side"]:
        return True
    x, y, side, _ = square_of(face.landmarks)
    there = float(row["face_side"])
    apart = np.hypot(x - float(row["face_x"]), y - float(row["face_y"]))
    return bool(apart < there / 3 and 1 / 1.6 < side / there < 1.6)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--wheel", type=Path, help="scikit-image's; without it its pictures are left out")
    options = parser.parse_args()
    finder = FaceFinder(threads=1)
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("pictures", "found", "other_faces"), 0))
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in rows_of(TABLE):
        image = picture(row, options.data, options.wheel)
        if image is None:
            continue
        start = time.process_time()
        faces = finder(image)
        seconds[row["group"]].append(time.process_time() - start)
        right = [face for face in faces if row["group"] not in WITHOUT and lies_there(face, row)]
        count = counts[row["group"]]
        count["pictures"] += 1
        count["found"] += bool(right)
        count["other_faces"] += len(faces) - len(right)
        if len(right) != (row["group"] not in WITHOUT) or len(faces) > len(right):
            print(row["name"], [(round(f.score, 2), *(round(v) for v in square_of(f.landmarks)[:3])) for f in faces])
    line = {
        group: {**count, "ms": round(1000 * statistics.median(seconds[group]), 1)} for group, count in counts.items()
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
