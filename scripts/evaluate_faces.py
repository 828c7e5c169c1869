"""How well faces are found: the figures of docs/faces.md but for the landmarks', which `train_landmarks.py` prints.

    python scripts/evaluate_faces.py --anime anime-256.zip --real selfie-256.zip --empty horse.png moon.png …

The archives' `test/` pictures are searched whole, turned by 45° either way, and 80 to 220 px large on a ground of
`GROUND` px, where faces have some 40 to 110 px. Those without faces are searched whole and in crops. Times are medians
on one core. The last line is JSON.
"""

import argparse
import io
import json
import statistics
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from anime2real.face.finder import FaceFinder


def test_pictures(archive: Path) -> Iterator[Image.Image]:
    """The pictures below `test/`."""
    with zipfile.ZipFile(archive) as file:
        for name in sorted(file.namelist()):
            if name.startswith("test/") and not name.endswith("/"):
                yield Image.open(io.BytesIO(file.read(name))).convert("RGB")


GROUND = 400

TURN = 45
"""Degrees."""

SMALL = 150
"""How many small pictures of each archive are searched."""


def turned(finder: FaceFinder, pictures: Sequence[Image.Image]) -> dict[str, int]:
    """In how many pictures, turned either way, a face is found."""
    ways = [image.rotate(turn, Image.Resampling.BICUBIC, expand=True) for image in pictures for turn in (-TURN, TURN)]
    return {"pictures": len(ways), "found": sum(bool(finder(image)) for image in ways)}


def small(finder: FaceFinder, pictures: Sequence[Image.Image], random: np.random.Generator) -> dict[str, int]:
    """How many pictures have a face found in them that lie reduced on a ground, and how many others are found."""
    found = others = 0
    for number in range(SMALL):
        side = int(random.integers(80, 221))
        ground = Image.fromarray(random.integers(60, 200, (4, 4, 3), np.uint8)).resize((GROUND, GROUND))
        left, top = (int(random.integers(0, GROUND - side + 1)) for _ in range(2))
        ground.paste(pictures[number % len(pictures)].resize((side, side), Image.Resampling.LANCZOS), (left, top))
        middles = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (face.box for face in finder(ground))]
        inside = [left < x < left + side and top < y < top + side for x, y in middles]
        found, others = found + any(inside), others + inside.count(False)
    return {"pictures": SMALL, "found": found, "beside": others}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anime", nargs="*", type=Path, default=[])
    parser.add_argument("--real", nargs="*", type=Path, default=[])
    parser.add_argument("--empty", nargs="*", type=Path, default=[])
    parser.add_argument("--crops", type=int, default=9, help="random crops of each picture without a face")
    parser.add_argument("--seed", type=int, default=0, help="of crops and places")
    options = parser.parse_args()
    finder = FaceFinder(threads=1)
    line: dict[str, object] = {}
    for domain, archives in (("anime", options.anime), ("real", options.real)):
        for archive in archives:
            found = several = right = total = 0
            seconds = []
            pictures = list(test_pictures(archive))
            for image in pictures:
                start = time.perf_counter()
                faces = finder(image)
                seconds.append(time.perf_counter() - start)
                total += 1
                found += bool(faces)
                several += len(faces) > 1
                right += bool(faces) and faces[0].domain == domain
            line[archive.name] = {
                "pictures": total,
                "found": found,
                "domain_right": right,
                "more_than_one": several,
                "ms_a_picture": round(1000 * statistics.median(seconds), 1),
                "turned": turned(finder, pictures),
                "small": small(finder, pictures, np.random.default_rng(options.seed)),
            }
    random = np.random.default_rng(options.seed)
    searched = false = 0
    for path in options.empty:
        image = Image.open(path).convert("RGB")
        parts = [image]
        for _ in range(options.crops):
            side = int(min(image.size) * random.uniform(0.3, 0.9))
            left, top = (int(random.integers(0, s - side + 1)) for s in image.size)
            parts.append(image.crop((left, top, left + side, top + side)))
        for part in parts:
            faces = finder(part)
            searched += 1
            false += len(faces)
            if faces:
                print(f"{path.name} {part.size}: {[round(face.score, 2) for face in faces]}")
    line["empty"] = {"pictures": searched, "false_faces": false}
    image = Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8))
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        finder.look(image, [(128.0, 128.0, 150.0, 0.1)])
        seconds.append(time.perf_counter() - start)
    line["ms_a_look"] = round(1000 * statistics.median(seconds), 2)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
