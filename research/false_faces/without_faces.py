"""False faces in pictures that show none: whole, and nine parts of each.

    python research/false_faces/without_faces.py FOLDER [--use "trained on"]

pictures.csv names the pictures, of packages of Debian 12 that lie unpacked in FOLDER (README.md says how). Each is
reduced to 2,400 px, and looked at whole and in nine parts of half its sides that overlap. Every face that is found is
told, and how many pictures and parts have one. The last line is JSON.
"""

import argparse
import json
from pathlib import Path

from views import pictures_without

from anime2real.face.finder import SCORE, FaceFinder


def main() -> None:
    """Look, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--use", choices=("held out", "trained on"), default="held out")
    parser.add_argument("--score", type=float, default=SCORE, help="lowest of a face")
    options = parser.parse_args()
    find, whole, parts, faces = FaceFinder(threads=1), 0, 0, 0
    pictures = pictures_without(options.folder, options.use)
    for name, image in pictures:
        width, height = image.width // 4, image.height // 4
        boxes = [(x * width, y * height, (x + 2) * width, (y + 2) * height) for y in range(3) for x in range(3)]
        for place, box in enumerate([(0, 0, *image.size), *boxes]):
            found = find(image.crop(box), score=options.score)
            faces += len(found)
            whole, parts = whole + bool(found and not place), parts + bool(found and place)
            for face in found:
                print(f"{name} {box}: {face.score:.2f}, {face.domain}", flush=True)
    line = {"pictures": len(pictures), "with_false_face": whole, "parts": 9 * len(pictures), "parts_with": parts}
    print(json.dumps(line | {"false_faces": faces}))


if __name__ == "__main__":
    main()
