"""Write tests/golden/picture_way.json: the faces and crops of some pictures, which Python and JavaScript are held to.

    python research/write_picture_way.py

Run it after a change that is meant to move faces or crops, and look at what moved.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.face.geometry import Similarity
from anime2real.image.decode import decode
from anime2real.pipeline import crop_faces, faces_in

TOP: Final = Path(__file__).parent.parent
GOLDEN: Final = TOP / "tests" / "golden" / "picture_way.json"
PICTURES: Final = (
    *sorted((TOP / "examples").glob("*.png")),
    TOP / "docs" / "pictures" / "astronaut.jpg",
    TOP / "docs" / "pictures" / "galatea-hard-to-anime.png",  # many faces of both domains, some tilted by 40 degrees
)
CROPPED: Final = 4
"""Faces of a picture whose crops are kept, the largest ones."""

PX: Final = 64
GRID: Final = 8
ABOUT: Final = {
    "size": "width and height of the picture, px",
    "faces": "the largest first; box (left, top, right, bottom) and landmarks in px of the picture, tilt in degrees "
    "clockwise on screen, domain, score in [0, 1]",
    "crops": f"of the {CROPPED} largest faces, lined up (keep_tilt false) and as tilted as in the picture (true)",
    "frame": "(x, y) px of the picture to (a x - b y + tx, b x + a y + ty) in the unit square of the crop",
    "landmarks": "of crops: shares of the crop's side",
    "grid": f"the crop of {PX} px reduced to {GRID}x{GRID} means, rows of RGB, 0-255",
}


def picture_way(path: Path) -> dict[str, Any]:
    """What the way of a picture finds and cuts out."""
    image = decode(path).image
    faces = faces_in(image, threads=1)
    bundle = Bundle(method="none", source="anime", target="real", px=PX)
    crops = []
    for keep_tilt in (False, True):
        cut = crop_faces(image, faces[:CROPPED], bundle, keep_tilt=keep_tilt)
        for number, (pixels, frame, landmarks) in enumerate(zip(cut.pixels, cut.frames, cut.landmarks, strict=True)):
            crops.append(
                {"face": number, "keep_tilt": keep_tilt, "px": PX, "frame": numbers(frame),
                 "landmarks": np.round(landmarks, 5).tolist(), "grid": means(pixels)}
            )  # fmt: skip
    return {
        "picture": path.relative_to(TOP).as_posix(), "size": list(image.size),
        "faces": [face.as_record() for face in faces], "crops": crops,
    }  # fmt: skip


def numbers(frame: Similarity) -> dict[str, float]:
    """A similarity as JSON."""
    a, b, tx, ty = frame.linear.real, frame.linear.imag, frame.shift.real, frame.shift.imag
    return {"a": round(a, 9), "b": round(b, 9), "tx": round(tx, 6), "ty": round(ty, 6)}


def means(pixels: np.ndarray) -> list[list[list[int]]]:
    """A crop (S, S, 3) reduced to `GRID` by `GRID`."""
    small = Image.fromarray(pixels).resize((GRID, GRID), Image.Resampling.BOX)
    return np.asarray(small).tolist()  # type: ignore[no-any-return]


if __name__ == "__main__":
    cases = ",\n".join(json.dumps(picture_way(path)) for path in PICTURES)
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(f'{{"about": {json.dumps(ABOUT)},\n"cases": [\n{cases}\n]}}\n', encoding="utf-8")
    print(f"{GOLDEN}: {len(PICTURES)} pictures")
