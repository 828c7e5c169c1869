"""What `train_verdict.py` shows the landmark network: faces, parts of faces, and places in pictures without a face."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from anime2real.face.finder import Candidate, FaceFinder, square_of, suppressed

Square = tuple[float, float, float, float]
"""Middle x and y, side (px) and tilt (radians)."""

KEPT = 256
"""Pixels a side that pictures with faces are kept at."""

TABLE = Path(__file__).with_name("pictures.csv")
LONGER_SIDE = 2400


@dataclass(frozen=True)
class Shown:
    """A picture of `KEPT` px a side, and the square of its largest face."""

    image: Image.Image
    face: Square


def pictures_with_faces(archive: Path, count: int, left_out: set[str], random: np.random.Generator) -> list[Shown]:
    """`count` of the pictures below `train/` in an archive, chosen at random, in which the finder sees a face."""
    find, found = FaceFinder(threads=1), []
    with zipfile.ZipFile(archive) as file:
        names = [name for name in sorted(file.namelist()) if name.startswith("train/") and name.endswith(".webp")]
        for place in random.permutation(len(names)):
            if f"{archive.name}/{names[place]}" in left_out:
                continue
            image = Image.open(io.BytesIO(file.read(names[place]))).convert("RGB")
            image = ImageOps.pad(image, (KEPT, KEPT), Image.Resampling.BICUBIC, (127, 127, 127))
            if faces := find(image):
                found.append(Shown(image, square_of(faces[0].landmarks)))
            if len(found) == count:
                break
    return found


def pictures_without(folder: Path, use: str) -> list[tuple[str, Image.Image]]:
    """The names and pictures that `TABLE` has for a use, `trained on` or `held out`, reduced to `LONGER_SIDE`."""
    found = []
    with TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["use"] == use:
                image = Image.open(folder / row["package"] / row["path"]).convert("RGB")
                image.thumbnail((LONGER_SIDE, LONGER_SIDE))
                found.append((row["path"], image))
    return found


def varied(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Other light, colours, sharpness and grain."""
    if random.random() < 0.5:
        for kind, least, most in (
            (ImageEnhance.Brightness, 0.6, 1.4),
            (ImageEnhance.Contrast, 0.6, 1.4),
            (ImageEnhance.Color, 0.0, 1.6),
        ):
            image = kind(image).enhance(float(random.uniform(least, most)))
    if random.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(float(random.uniform(0.4, 1.2))))
    if random.random() < 0.2:
        image.save(coded := io.BytesIO(), "JPEG", quality=int(random.integers(40, 90)))
        image = Image.open(coded).convert("RGB")
    if random.random() < 0.3:
        grain = np.asarray(image) + random.normal(0, float(random.uniform(1, 8)), (*image.size[::-1], 1))
        image = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    return image


class Grounds:
    """Parts of pictures without a face: the larger a picture, the more often."""

    def __init__(self, pictures: Sequence[Image.Image], random: np.random.Generator) -> None:
        self.sizes = [[image, image.reduce(2)] for image in pictures]
        share = np.sqrt([image.width * image.height for image in pictures])
        self.share, self.random = share / share.sum(), random

    def part(self) -> Image.Image:
        """A square of 160 to 640 px, of what is at least as large in the picture or not much smaller."""
        random, sizes = self.random, self.sizes[int(self.random.choice(len(self.sizes), p=self.share))]
        most = min(sizes[0].size)
        side = float(np.exp(random.uniform(np.log(min(200, most)), np.log(most))))
        px = int(min(640, max(160, side * random.choice((1, 0.8, 0.6, 0.45)))))
        image, side = (sizes[1], side / 2) if side > 2 * px else (sizes[0], side)
        left, top = (random.uniform(0, max(0.0, own - side)) for own in image.size)
        box = left, top, min(left + side, image.width), min(top + side, image.height)
        part = image.resize((px, px), Image.Resampling.BOX, box)
        if random.random() < 0.5:
            part = ImageOps.mirror(part)
        if random.random() < 0.3:
            part = part.rotate(90 * int(random.integers(1, 4)))
        return varied(part, random) if random.random() < 0.5 else part


def as_it_is(given: Shown, grounds: Grounds) -> tuple[Image.Image, Square]:
    """A picture at some size."""
    return reduced(given, int(grounds.random.integers(96, 400)))


def turned(given: Shown, grounds: Grounds) -> tuple[Image.Image, Square]:
    """A picture, turned by up to 0.95 radians."""
    image, (x, y, side, tilt) = as_it_is(given, grounds)
    turn = float(grounds.random.uniform(-0.95, 0.95))
    across, down = x - image.width / 2, y - image.height / 2
    image = image.rotate(-np.degrees(turn), Image.Resampling.BICUBIC, expand=True)
    x = image.width / 2 + np.cos(turn) * across - np.sin(turn) * down
    y = image.height / 2 + np.sin(turn) * across + np.cos(turn) * down
    return image, (float(x), float(y), side, tilt + turn)


def small(given: Shown, grounds: Grounds) -> tuple[Image.Image, Square]:
    """A picture so reduced that its face has 22 to 110 px, on a ground."""
    random = grounds.random
    side = float(np.exp(random.uniform(np.log(22), np.log(110))))
    image, (x, y, side, tilt) = reduced(given, max(8, round(KEPT * side / given.face[2])))
    ground = grounds.part().resize((2 * image.width, 2 * image.width))
    left, top = (int(random.integers(0, image.width)) for _ in range(2))
    ground.paste(image, (left, top))
    return ground, (x + left, y + top, side, tilt)


def tight(given: Shown, grounds: Grounds) -> tuple[Image.Image, Square]:
    """A face cut from eyebrow to chin, or a little wider."""
    x, y, side, tilt = given.face
    reach = side * float(grounds.random.uniform(0.28, 0.75))
    left, top, right, bottom = max(0.0, x - reach), max(0.0, y - reach), min(KEPT, x + reach), min(KEPT, y + reach)
    width = int(grounds.random.integers(64, 400))
    share = width / (right - left)
    size = width, max(8, round((bottom - top) * share))
    image = given.image.resize(size, Image.Resampling.BICUBIC, (left, top, right, bottom))
    return image, ((x - left) * share, (y - top) * share, side * share, tilt)


def reduced(given: Shown, px: int) -> tuple[Image.Image, Square]:
    """A picture of so many px a side."""
    share, (x, y, side, tilt) = px / KEPT, given.face
    image = given.image.resize((px, px), Image.Resampling.BOX if share < 1 else Image.Resampling.BICUBIC)
    return image, (x * share, y * share, side * share, tilt)


WAYS: tuple[Callable[[Shown, Grounds], tuple[Image.Image, Square]], ...] = (as_it_is, turned, small, tight)
"""How faces are shown."""


def part_of_a_face(given: Shown, random: np.random.Generator) -> Image.Image:
    """Some 0.26 to 0.48 of a face's side, somewhere in it: an eye, a cheek, a mouth or a forehead."""
    x, y, side, _ = given.face
    reach, px = side * float(random.uniform(0.13, 0.24)), int(random.integers(100, 300))
    x, y = x + float(random.uniform(-0.35, 0.35)) * side, y + float(random.uniform(-0.5, 0.45)) * side
    x, y = (min(max(at, reach), KEPT - reach) for at in (x, y))
    return given.image.resize((px, px), Image.Resampling.BICUBIC, (x - reach, y - reach, x + reach, y + reach))


def beside(square: Square, random: np.random.Generator, share: float) -> Square:
    """A square a little off, `share` times as far as the finder's first ones may be."""
    x, y, side, tilt = square
    across, down, grown = random.normal(0, share, 3)
    return x + 0.04 * side * across, y + 0.04 * side * down, side * float(np.exp(0.08 * grown)), tilt


def candidates(find: FaceFinder, image: Image.Image) -> list[Candidate]:
    """What the detector takes for faces, one at each place."""
    return suppressed(find.candidates(image))
