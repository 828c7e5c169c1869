"""Writes pictures.csv, the pictures that search_close_ups.py searches, from the same DATA and wheel.

Run once; the table is kept, so that a better finder meets the same pictures. Faces are where the finder that shipped
then saw them in the whole picture, or, in 96 px drawings that it did not find, with the mirror image around.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from search_close_ups import TABLE, WHEEL, opened, picture

from anime2real.face.finder import FaceFinder, square_of
from anime2real.face.geometry import Face

FIELDS = ("name", "group", "archive", "member", "factor", "left", "top", "side", "face_x", "face_y", "face_side")
SCIKIT = ("brick.png", "cell.png", "clock_motion.png", "coffee.png", "color.png", "grass.png", "gravel.png",
          "horse.png", "hubble_deep_field.jpg", "ihc.png", "logo.png", "moon.png", "motorcycle_left.png", "page.png",
          "phantom.png", "retina.jpg", "rocket.jpg", "text.png")  # fmt: skip
"""Those without a face of a person or an animal."""

PARTS = {"eye": (0.352, 0.476, 0.3), "cheek": (0.68, 0.64, 0.3), "mouth": (0.5, 0.723, 0.34), "brow": (0.5, 0.3, 0.34)}
"""Middle and side of what is cut out of a face's crop, in shares of its side."""

CLOSE = ((0.48, 0.63), (0.58, 0.585), (0.7, 0.56))
"""Close-ups, from eyebrow to chin and up: the side, and how far down the middle is, in shares of the crop's side."""

Row = dict[str, str | int | float]


def cut(row: Row, face: Face, x: float, y: float, side: float, size: tuple[int, int], *, known: bool) -> Row | None:
    """A square of a picture around a place of its face's crop; None if it reaches beyond."""
    back = face.crop.inverse
    middle = back(np.array([x, y]))
    wide = round(side * back.scale)
    left, top = (round(float(v) - wide / 2) for v in middle)
    if left < 0 or top < 0 or left + wide > size[0] or top + wide > size[1] or wide < 40:
        return None
    row = {**row, "left": left, "top": top, "side": wide}
    if known:
        at_x, at_y, there, _ = square_of(face.landmarks)
        row |= {"face_x": round(at_x - left, 1), "face_y": round(at_y - top, 1), "face_side": round(there, 1)}
    return row


class Chooser:
    """Takes pictures of archives in the order of their names."""

    def __init__(self, data: Path, wheel: Path) -> None:
        self.data, self.wheel, self.rows = data, wheel, list[Row]()
        self.finder = FaceFinder(threads=1)

    def names(self, archive: str) -> list[str]:
        return [n for n in sorted(opened(self.data / archive).namelist()) if n.startswith("test/") and n[-1] != "/"]

    def add(self, group: str, row: Row | None) -> None:
        if row is not None:
            number = sum(r["group"] == group for r in self.rows) + 1
            self.rows.append({**row, "group": group, "name": f"{group}-{number:03}"})

    def count(self, group: str, archive: str) -> int:
        return sum(r["group"] == group and r["archive"] == archive for r in self.rows)

    def read(self, archive: str, member: str, factor: int = 1) -> tuple[Row, Image.Image]:
        row: Row = {**dict.fromkeys(FIELDS, ""), "archive": archive, "member": member, "factor": factor}
        image = picture({k: str(v) for k, v in row.items()}, self.data, self.wheel)
        assert image is not None
        return row, image

    def drawings(self) -> None:
        """300 illustrations, and the tight squares of their faces."""
        for member in self.names("anime-96.zip")[:300]:
            row, image = self.read("anime-96.zip", member, 4)
            self.add("drawing", row)
            faces = self.finder(image)
            if faces:
                self.add("tight", cut(row, faces[0], 0.5, 0.585, 0.58, image.size, known=True))

    def photographs(self, archive: str, close: int, parts: int) -> None:
        """Close-ups and parts of faces."""
        for number, member in enumerate(self.names(archive)):
            row, image = self.read(archive, member)
            faces = self.finder(image)
            if not faces:
                continue
            if self.count("close-up", archive) < close:
                side, y = CLOSE[number % len(CLOSE)]
                self.add("close-up", cut(row, faces[0], 0.5, y, side, image.size, known=True))
            if self.count("part", archive) < parts:
                x, y, side = list(PARTS.values())[number % len(PARTS)]
                self.add("part", cut(row, faces[0], x, y, side, image.size, known=False))

    def corners(self, archive: str, count: int, share: float) -> None:
        """The upper corners, left and right by turns."""
        for number, member in enumerate(self.names(archive)[:count]):
            row, image = self.read(archive, member)
            side = round(share * image.width)
            self.add("faceless", {**row, "left": number % 2 * (image.width - side), "top": 0, "side": side})

    def textures(self) -> None:
        """Three squares of each of scikit-image's pictures."""
        random = np.random.default_rng(0)
        for name in SCIKIT:
            row, image = self.read(WHEEL, f"skimage/data/{name}")
            for share in (1.0, 0.6, 0.35):
                side = round(share * min(image.size))
                left, top = (int(random.integers(0, s - side + 1)) for s in image.size)
                self.add("faceless", {**row, "left": left, "top": top, "side": side})


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--wheel", type=Path, required=True, help="scikit-image's")
    options = parser.parse_args()
    chooser = Chooser(options.data, options.wheel)
    chooser.drawings()
    for archive in ("ffhq.zip", "celebahq-men-512.zip"):
        chooser.photographs(archive, close=55, parts=50)
    chooser.photographs("anime-256.zip", close=0, parts=50)
    chooser.corners("celebahq-men-512.zip", 60, 0.25)
    chooser.corners("generated-512.zip", 40, 0.25)
    chooser.corners("anime-256.zip", 60, 0.25)
    chooser.textures()
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(chooser.rows)
    print(f"{TABLE}: {len(chooser.rows)} pictures")


if __name__ == "__main__":
    main()
