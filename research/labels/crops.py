"""Lined-up faces of every picture of an archive, as the label network sees them.

    python research/labels/crops.py DATA anime-96.zip CACHE

CACHE/anime-96.crops.npy: (N, 112, 112, 3) uint8, the crop of the project's own landmarks; CACHE/anime-96.faces.npz:
members, scores (N,), landmarks (N, 5, 2) as shares of the picture's sides. Small pictures are enlarged before they are
searched. Where no face is found the score is 0 and the crop is where the archive's faces lie in the median.
"""

import argparse
import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.finder import FaceFinder
from anime2real.face.geometry import align, to_template

SIDE = 112

LEAST = 256
"""Px that the shorter side is brought to before a face is looked for."""

LEAST_SCORE = 0.4


def main() -> None:
    """Write the crops of one archive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("archive")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--labelled", type=Path, help="a table: only the members that it has")
    options = parser.parse_args()
    stem = options.archive.removesuffix(".zip")
    finder = FaceFinder(threads=1)
    with zipfile.ZipFile(options.data / options.archive) as archive:
        members = sorted(n for n in archive.namelist() if not n.endswith("/"))
        if options.labelled:
            with options.labelled.open(newline="", encoding="utf-8") as file:
                wanted = {r["member"] for r in csv.DictReader(file) if r["archive"] == options.archive}
            members = [m for m in members if m in wanted]
        crops = np.lib.format.open_memmap(
            options.cache / f"{stem}.crops.npy", "w+", np.uint8, (len(members), SIDE, SIDE, 3)
        )
        landmarks, scores = np.full((len(members), 5, 2), np.nan), np.zeros(len(members))
        for i, member in enumerate(members):
            picture = _picture(archive, member)
            if faces := finder(picture, score=LEAST_SCORE):
                crops[i] = np.asarray(align(picture, faces[0].crop, SIDE, beyond="edge"))
                landmarks[i], scores[i] = faces[0].landmarks / picture.size, faces[0].score
        usual = np.nanmedian(landmarks, 0)
        for i in np.flatnonzero(scores == 0).tolist():
            picture = _picture(archive, members[i])
            landmarks[i] = usual
            crops[i] = np.asarray(align(picture, to_template(usual * picture.size), SIDE, beyond="edge"))
    crops.flush()
    np.savez(options.cache / f"{stem}.faces.npz", members=members, scores=scores, landmarks=landmarks)
    print(f"{stem}: {(scores > 0).sum()} of {len(members)} found")


def _picture(archive: zipfile.ZipFile, member: str) -> Image.Image:
    picture = Image.open(io.BytesIO(archive.read(member))).convert("RGB")
    if (factor := LEAST / min(picture.size)) > 1:
        size = round(picture.width * factor), round(picture.height * factor)
        return picture.resize(size, Image.Resampling.BICUBIC)
    return picture


if __name__ == "__main__":
    main()
