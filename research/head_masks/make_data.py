"""Makes what the head network learns from: photographs and what `galatea` draws of them, under one mask; drawings too.

    python research/head_masks/make_data.py celebamask-256.zip celebamask-parts-256.zip \
        --drawings anime-256.zip anime-96.zip -o head

Photographs have masks: the palette PNGs of the second archive, in which 1 to 12 and 15 are parts of the face, 13 hair
and 14 a hat. Each is drawn by the bundle that ships; its mask stays, since the drawing keeps the place of everything.
Drawings have none: each becomes a person, whose mask `train.py` finds. 100 photographs, chosen by the hash of their
names, are kept for testing, with their drawings. Crops are those of `paste`, reduced to `SIDE` px.
"""

import argparse
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import align
from anime2real.pipeline import NoFaceError, crop_faces, faces_in, translate_crops
from anime2real.translator import Translator

SIDE = 128
TESTED = 100
FACE = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15)
HAIR = (13, 14)


def pictures_of(archive: Path, folder: str = "train/", step: int = 1) -> Iterator[tuple[str, bytes]]:
    """Name and content of every `step`th picture below a folder of an archive."""
    with zipfile.ZipFile(archive) as file:
        for name in sorted(n for n in file.namelist() if n.startswith(folder) and not n.endswith("/"))[::step]:
            yield Path(name).stem, file.read(name)


def both(translator: Translator, content: bytes) -> tuple[Any, Any, NDArray[np.uint8], NDArray[np.uint8]] | None:
    """The crop's frame, the picture, the crop and its translation, (`SIDE`, `SIDE`, 3); None without a face."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    try:
        faces = faces_in(image, threads=1)[:1]
    except NoFaceError:
        return None
    crops = crop_faces(image, faces, translator.bundle)
    made = translate_crops(translator, [crops])[0][0]
    small = (np.asarray(Image.fromarray(p).resize((SIDE, SIDE), Image.Resampling.BOX)) for p in (crops.pixels[0], made))
    before, after = small
    return crops.frames[0], image, before, after


def main() -> None:
    """Write data.npz."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("parts", type=Path)
    parser.add_argument("--drawings", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=450, help="drawings of each archive")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    draws = Translator.load("galatea", to="anime", threads=1)
    parts = dict(pictures_of(options.parts))
    tested = set(sorted(parts, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:TESTED])
    rows: list[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], bool]] = []
    for name, content in pictures_of(options.photographs):
        if name in parts and (found := both(draws, content)):
            frame, image, before, after = found
            classes = np.asarray(Image.open(io.BytesIO(parts[name])))
            planes = np.zeros((*classes.shape, 3), np.uint8)
            planes[..., 0], planes[..., 1] = np.isin(classes, FACE) * 255, np.isin(classes, HAIR) * 255
            mask = align(Image.fromarray(planes).resize(image.size), frame, SIDE, beyond="mirror")
            rows.append((before, after, np.asarray(mask)[..., :2], name in tested))
    makes = Translator.load("galatea", to="real", threads=1)
    drawings = []
    for archive in options.drawings:
        with zipfile.ZipFile(archive) as file:
            step = max(1, len(file.namelist()) // options.count)
        found_ones = (both(makes, content) for _, content in pictures_of(archive, step=step))
        drawings += [(one[2], one[3]) for one in found_ones if one]
    options.output.mkdir(parents=True, exist_ok=True)
    np.savez(
        options.output / "data.npz", photographs=np.stack([row[0] for row in rows]),
        drawn=np.stack([row[1] for row in rows]), masks=np.stack([row[2] for row in rows]),
        test=np.array([row[3] for row in rows]), drawings=np.stack([one[0] for one in drawings]),
        people=np.stack([one[1] for one in drawings]),
    )  # fmt: skip
    print(f"{len(rows)} photographs, drawn; {len(drawings)} drawings, made people")


if __name__ == "__main__":
    main()
