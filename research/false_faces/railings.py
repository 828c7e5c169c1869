"""False faces before railings: photographs of people put in front of drawn bars, balusters, scrolls and wire mesh.

    python research/false_faces/railings.py DATA [--pictures 80] [--photographed] [--sheet FILE.png]

DATA holds ffhq.zip and celebahq-men-512.zip; faces are of their test sets, 90 to 220 px of scenes 1280 px wide, up to
six in each. What is found is counted for several least scores, small faces without the 0.07 that they need more; a face
is false if its middle lies in no photograph. `--photographed` makes scenes more like photographs: in perspective, lit
from one side, before photographs far out of focus (upside down, so that they show no face), soft, compressed; and with
windows and stacked chairs. `--sheet` writes the false places with the highest scores, to look at. The last line is
JSON.
"""

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from anime2real.face.finder import FaceFinder

ARCHIVES = ("ffhq", "celebahq-men-512")
KINDS = ("bars", "balusters", "scrolls", "mesh")
MORE_KINDS = (*KINDS, "windows", "chairs")
SCORES = (0.3, 0.45, 0.55, 0.62, 0.7, 0.8)
WIDTH = 1280

BALUSTER = ((0.0, 0.1, 0.35), (0.1, 0.2, 0.2), (0.2, 0.5, 0.42), (0.5, 0.7, 0.22), (0.7, 0.9, 0.38), (0.9, 1.0, 0.45))
"""Of its height from and to, and radius, shares of the distance from one to the next."""


def railing(scene: Image.Image, kind: str, random: np.random.Generator) -> None:
    """Draw a railing over the lower part of a scene."""
    draw = ImageDraw.Draw(scene)
    width, height = scene.size
    colour = tuple(int(level) for level in random.integers(10, 240, 3))
    dark = tuple(level // 2 for level in colour)
    step, top = int(random.integers(18, 70)), int(height * random.uniform(0.2, 0.6))
    thick = max(2, step // int(random.integers(3, 8)))
    for x in range(-step, width + step, step):
        match kind:
            case "bars":
                draw.rectangle((x, top, x + thick, height), fill=colour)
                draw.line((x + thick, top, x + thick, height), fill=dark)
            case "balusters":
                for first, last, radius in BALUSTER:
                    reach, (low, high) = radius * step, (top + (height - top) * share for share in (first, last))
                    draw.ellipse((x - reach, low - 4, x + reach, high + 4), fill=colour, outline=dark)
            case "scrolls":
                draw.line((x, top, x, height), fill=colour, width=thick)
                for y in range(top + step // 2, height, step):
                    for left, begin, end in ((x - step * 0.45, 0, 320), (x, 220, 540)):
                        box = (left, y - step * 0.4, left + step * 0.45, y + step * 0.1)
                        draw.arc(box, begin, end, fill=colour, width=thick)
                    draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=dark)
            case "mesh":
                for start in range(-height, height, step):
                    draw.line((x + start, top, x + start + height, top + height), fill=colour, width=2)
                    draw.line((x + start, top + height, x + start + height, top), fill=colour, width=2)
            case "windows":
                for y in range(top, height, step * 2):
                    draw.rectangle((x + 3, y + 3, x + step * 0.8, y + step * 1.5), fill=dark, outline=colour)
                    draw.line((x + 3, y + step * 0.7, x + step * 0.8, y + step * 0.7), fill=colour, width=thick)
                    draw.line((x + step * 0.42, y + 3, x + step * 0.42, y + step * 1.5), fill=colour, width=thick)
            case "chairs":
                for y in range(top, height, step):
                    draw.arc((x, y, x + step * 0.9, y + step * 1.2), 180, 360, fill=colour, width=thick)
                    for share in (0.2, 0.45, 0.7):
                        draw.line((x + share * step, y + step * 0.2, x + share * step, y + step), fill=dark, width=3)
                    draw.line((x, y + step * 0.7, x + step * 0.9, y + step * 0.7), fill=colour, width=thick)
    draw.rectangle((0, top - 2 * thick, width, top), fill=colour)


def photographed(scene: Image.Image, backdrop: Image.Image, kind: str, random: np.random.Generator) -> Image.Image:
    """The scene with a railing as a photograph may show it."""
    width, height = scene.size
    far = backdrop.transpose(Image.Transpose.ROTATE_180).resize(scene.size).filter(ImageFilter.GaussianBlur(45))
    drawn, mark = Image.new("RGB", scene.size, (1, 2, 3)), (1, 2, 3)
    railing(drawn, kind, random)
    cover = Image.fromarray((np.asarray(drawn) != mark).any(2).astype(np.uint8) * 255)
    light = np.linspace(random.uniform(0.4, 1), random.uniform(0.6, 1.4), width)[None, :, None]
    drawn = Image.fromarray((np.asarray(drawn) * light).clip(0, 255).astype(np.uint8))
    sunk, off = random.uniform(0, 0.35, 2) * height, random.uniform(-0.2, 0.2, 2) * width
    corners = (off[0], -sunk[0], off[1], height + sunk[0], width - off[1], height + sunk[1], width - off[0], -sunk[1])
    drawn, cover = (
        layer.transform(scene.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC) for layer in (drawn, cover)
    )
    far.paste(drawn, (0, 0), cover)
    return far


def main() -> None:
    """Make scenes, look for faces, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pictures", type=int, default=80)
    parser.add_argument("--photographed", action="store_true")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    random, finder = np.random.default_rng(0), FaceFinder(threads=1)
    archives = [zipfile.ZipFile(options.data / f"{name}.zip") for name in ARCHIVES]
    names = [[n for n in sorted(a.namelist()) if n.startswith("test/") and n.endswith(".webp")] for a in archives]
    found: list[tuple[bool, float]] = []
    places: list[tuple[float, Image.Image]] = []
    people = 0
    for number in range(options.pictures):
        height = int(random.integers(640, 960))
        scene = Image.fromarray(random.integers(60, 200, (6, 9, 3), np.uint8)).resize((WIDTH, height))
        if options.photographed:
            backdrop = Image.open(io.BytesIO(archives[0].read(names[0][int(random.integers(len(names[0])))])))
            kind = MORE_KINDS[number % len(MORE_KINDS)]
            scene = photographed(scene, backdrop.convert("RGB"), kind, random)
        else:
            railing(scene, KINDS[number % len(KINDS)], random)
        squares: list[tuple[int, int, int]] = []
        for _ in range(int(random.integers(0, 7))):
            which = int(random.integers(len(archives)))
            name = names[which][int(random.integers(len(names[which])))]
            side = int(random.integers(90, 220))
            x, y = int(random.integers(WIDTH - side)), int(random.integers(height - side))
            if any(abs(x - a) < max(side, s) and abs(y - b) < max(side, s) for a, b, s in squares):
                continue
            person = Image.open(io.BytesIO(archives[which].read(name))).convert("RGB").resize((side, side))
            mask = Image.new("L", (side, side))
            ImageDraw.Draw(mask).ellipse((side * 0.08, 0, side * 0.92, side), fill=255)
            scene.paste(person, (x, y), mask.filter(ImageFilter.GaussianBlur(2)))
            squares.append((x, y, side))
        if options.photographed:
            buffer = io.BytesIO()
            soft = scene.filter(ImageFilter.GaussianBlur(float(random.uniform(0.3, 1.5))))
            soft.save(buffer, "JPEG", quality=int(random.integers(55, 92)))
            scene = Image.open(buffer)
        noisy = np.asarray(scene) + random.normal(0, 4, (height, WIDTH, 1))
        scene = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        if options.sheet and number < 12:
            scene.save(options.sheet.with_stem(f"{options.sheet.stem}-{number:02}"))
        for face in finder(scene, score=min(SCORES)):
            left, top, right, bottom = face.box
            at = (left + right) / 2, (top + bottom) / 2
            own = any(x < at[0] < x + side and y < at[1] < y + side for x, y, side in squares)
            found.append((own, face.score))
            if not own:
                places.append((face.score, scene.crop(face.box).resize((160, 160))))
        people += len(squares)
    places = sorted(places, key=lambda pair: -pair[0])[:24]
    print("the highest scores of false places:", *(f"{score:.2f}" for score, _ in places))
    if options.sheet:
        sheet = Image.new("RGB", (8 * 160, 3 * 160))
        for number, (_, place) in enumerate(places):
            sheet.paste(place, (number % 8 * 160, number // 8 * 160))
        sheet.save(options.sheet)
    told = {
        str(least): {
            "faces": sum(o for o, s in found if s >= least),
            "false": sum(not o for o, s in found if s >= least),
        }
        for least in SCORES
    }
    for least, counts in told.items():
        print(f"score {least}: {counts['faces']} of {people} faces, {counts['false']} false")
    print(json.dumps({"pictures": options.pictures, "people": people, "scores": told}))


if __name__ == "__main__":
    main()
