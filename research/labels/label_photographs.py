"""Labels the photographs of archives with what two teachers say: face-api's networks and mediapipe's 478 points.

    PYTHONPATH=scripts python research/labels/label_photographs.py DATA CACHE MODEL ffhq.zip -o CACHE/ffhq.seen.npz

CACHE holds mesh.py's points, MODEL face-api's `model` folder (teachers.py). Writes for every picture: sex, probability
of a man; age, years; happy, its probability; openness of mouth and eyes; the colours of cheeks and irises in CIELAB;
the lined-up face, 112 px. photographs.py makes the table from that.
"""

import argparse
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from teachers import HAPPY, SIDE, AgeAndSex, Expression

from anime2real.face.geometry import align, to_template
from anime2real.image.cielab import to_lab

CROP = 192
"""Px of the lined-up face that the networks' squares are cut from."""

SQUARES = ((0.5, 0.55, 0.62), (0.5, 0.55, 0.7), (0.5, 0.55, 0.78))
"""Middle and side of those squares, in shares of its side; the second is seen mirrored."""

BATCH = 64
EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
"""Corner, two points of the upper lid, corner, two of the lower lid; the eye on the left of the picture first."""

REDUCED = Image.Resampling.BOX
IRISES = (468, 473)
CHEEKS = ((50, 101, 205), (280, 330, 425))
PUPIL = 0.4
"""Of an iris's radius: inner limit of the ring whose colour counts; the pupil lies within."""


def main() -> None:
    """Label, and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("archives", nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = AgeAndSex(options.model), Expression(options.model)
    table: dict[str, list[object]] = {}
    small: list[NDArray[np.uint8]] = []
    for name in options.archives:
        mesh = np.load(options.cache / f"{name.removesuffix('.zip')}.mesh.npz")
        points, found = mesh["points"], mesh["found"]
        with zipfile.ZipFile(options.data / name) as archive:
            waiting = []
            for i, member in enumerate(mesh["members"]):
                picture = Image.open(io.BytesIO(archive.read(str(member)))).convert("RGB")
                row = {"archive": name, "member": str(member), "found": bool(found[i]), "px": picture.width}
                row |= _of_points(picture, points[i] * picture.size, bool(found[i]))
                for key, value in row.items():
                    table.setdefault(key, []).append(value)
                waiting.append(_crop(picture, points[i] * picture.size, bool(found[i])))
                if len(waiting) == BATCH or i + 1 == len(found):
                    for key, values in _seen(np.stack(waiting), *networks).items():
                        table.setdefault(key, []).extend(values.tolist())
                    small.append(
                        np.stack([np.asarray(Image.fromarray(c).resize((SIDE, SIDE), REDUCED)) for c in waiting])
                    )
                    waiting = []
        print(name, len(found), flush=True)
    arrays: dict[str, Any] = {key: np.array(values) for key, values in table.items()}
    np.savez(options.out, crops=np.concatenate(small), **arrays)


def _five(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eyes, nose and mouth's corners (5, 2)."""
    eyes = [points[list(eye)].mean(0) for eye in EYES]
    return np.stack([*eyes, points[4], points[61], points[291]]).astype(np.float64)


def _crop(picture: Image.Image, points: NDArray[np.float64], found: bool) -> NDArray[np.uint8]:
    if not found:
        side = min(picture.size)
        return np.asarray(picture.crop((0, 0, side, side)).resize((CROP, CROP)))
    return np.asarray(align(picture, to_template(_five(points)), CROP, beyond="edge"))


def _seen(crops: NDArray[np.uint8], age_and_sex: AgeAndSex, expression: Expression) -> dict[str, NDArray[np.float32]]:
    """What the networks say of lined-up faces (N, S, S, 3): means over squares."""
    image = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    ages, men, happy = [], [], []
    with torch.inference_mode():
        for i, (x, y, side) in enumerate(SQUARES):
            theta = torch.tensor([[side, 0, 2 * x - 1], [0, side, 2 * y - 1]]).expand(len(image), -1, -1)
            grid = F.affine_grid(theta, [len(image), 3, SIDE, SIDE], align_corners=False)
            face = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
            face = (face.flip(3) if i == 1 else face).contiguous(memory_format=torch.channels_last)
            age, man = age_and_sex(face)
            ages.append(age)
            men.append(man)
            happy.append(expression(face)[:, HAPPY])
    return {
        "age": torch.stack(ages).mean(0).numpy(),
        "age_spread": torch.stack(ages).std(0).numpy(),
        "man": torch.stack(men).mean(0).numpy(),
        "happy": torch.stack(happy).mean(0).numpy(),
    }


def _of_points(picture: Image.Image, points: NDArray[np.float64], found: bool) -> dict[str, object]:
    """What the points tell: openness, the mouth's shape, turning of the head, colours."""
    nothing = np.full(3, np.nan)
    if not found:
        keys = ("mouth_gap", "mouth_width", "corners_up", "eye_left", "eye_right", "turn")
        return {**dict.fromkeys(keys, np.nan), "skin": nothing, "iris": nothing}
    length = lambda a, b: float(np.hypot(*(points[a] - points[b])))  # noqa: E731
    five = _five(points)
    apart = float(np.hypot(*(five[1] - five[0])))
    down = np.array([-(five[1] - five[0])[1], (five[1] - five[0])[0]]) / apart
    middle = (points[13] + points[14]) / 2
    corners = (points[61] + points[291]) / 2
    openness = [(length(e[1], e[5]) + length(e[2], e[4])) / (2 * length(e[0], e[3])) for e in EYES]
    left, right = length(1, 234), length(1, 454)
    pixels = np.asarray(picture)
    return {
        "mouth_gap": length(13, 14) / apart,
        "mouth_width": length(61, 291) / apart,
        "corners_up": float((middle - corners) @ down) / apart,
        "eye_left": openness[0],
        "eye_right": openness[1],
        "turn": (left - right) / (left + right),
        "skin": _skin(pixels, points, apart),
        "iris": _iris(pixels, points, openness),
    }


def _skin(pixels: NDArray[np.uint8], points: NDArray[np.float64], apart: float) -> NDArray[np.float64]:
    """Median CIELAB of six small squares on both cheeks."""
    half = max(1, round(0.08 * apart))
    found = []
    for cheek in CHEEKS:
        for point in cheek:
            x, y = (round(float(v)) for v in points[point])
            patch = pixels[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
            found.append(patch.reshape(-1, 3))
    every = np.concatenate(found)
    return np.median(to_lab(every), 0) if len(every) else np.full(3, np.nan)


def _iris(pixels: NDArray[np.uint8], points: NDArray[np.float64], openness: list[float]) -> NDArray[np.float64]:
    """Median CIELAB of the lower halves of both irises, without pupil and glints; nan where eyes are closed or tiny."""
    taken = []
    for start, openness_of in zip(IRISES, openness, strict=True):
        centre = points[start]
        radius = float(np.hypot(*(points[start + 1 : start + 5] - centre).T).mean())
        if openness_of < 0.18 or radius < 2.5:
            continue
        left, top = (max(0, int(v - radius)) for v in centre)
        part = pixels[top : top + int(2 * radius) + 3, left : left + int(2 * radius) + 3]
        rows, columns = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
        far = np.hypot(columns + 0.5 - centre[0], rows + 0.5 - centre[1]) / radius
        ring = (far > PUPIL) & (far < 0.85) & (rows + 0.5 > centre[1] - 0.1 * radius)
        taken.append(part[ring])
    every = np.concatenate(taken) if taken else np.empty((0, 3))
    if len(every) < 8:
        return np.full(3, np.nan)
    lab = to_lab(every)
    return np.median(lab[lab[:, 0] <= np.quantile(lab[:, 0], 0.9)], 0)


if __name__ == "__main__":
    main()
