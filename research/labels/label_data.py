"""Crops and labels that the label network learns from, who is held back, and how a crop is spoilt.

Used by train_labels.py and predict.py.
"""

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

HERE = Path(__file__).parent
SIDE = 112
HELD_OUT = 300
HELD_OUT_SOUGHT = 60
"""Men, and as many women, of the sheets that were sought out for men."""

NAMES = ("sex", "age", "mouth_open", "smile", "eyes_open", "glasses")
AGES = {"childlike": 18.0, "young": 20.0, "adult": 32.0, "old": 60.0}
"""Years that stand for how old a drawing looks; nobody is younger than 18."""

SEXES = {"woman": 0.0, "unclear": 0.5, "man": 1.0}
EYES = {"closed": 0.0, "one": 0.5, "open": 1.0}


def drawings(cache: Path) -> dict[str, Any]:
    """Crops, targets (N, 6), their weights and who is held back."""
    where: dict[tuple[str, str], NDArray[np.uint8]] = {}
    for stem in ("anime-96", "anime-256"):
        members = np.load(cache / f"{stem}.faces.npz")["members"]
        crops = np.load(cache / f"{stem}.crops.npy", mmap_mode="r")
        where |= {(f"{stem}.zip", str(m)): crops[i] for i, m in enumerate(members)}
    rows = [r for r in rows_of(HERE / "drawings.csv") if r["usable"] == "1" and (r["archive"], r["member"]) in where]
    drawn = rows_of(cache / "drawn.csv")
    where |= {
        (r["archive"], r["member"]): crop for r, crop in zip(drawn, np.load(cache / "drawn.crops.npy"), strict=True)
    }
    rows += drawn
    targets = np.array(
        [
            (
                SEXES[r["sex"]],
                AGES[r["age"]],
                float(r["mouth_open"]),
                float(r["smile"] == "1"),
                EYES[r["eyes"]],
                float(r["glasses"]),
            )
            for r in rows
        ],
        np.float32,
    )
    weights = np.ones_like(targets)
    weights[:, 1] = np.where(targets[:, 1] > AGES["young"], 1.2, 0.4)  # most look young, and the loss is a median's
    weights[targets[:, 0] == SEXES["unclear"], 0] = 0.4
    weights[targets[:, 0] == SEXES["man"], 0] = 2.6
    weights[targets[:, 5] == 1, 5] = 3.0
    chosen = [r["sheet"][0] in "de" for r in rows]  # sheets in the order of a hash; others were sought out
    data = _set(rows, np.stack([where[r["archive"], r["member"]] for r in rows]), targets, weights, chosen)
    sought = [[r["sheet"][0] == "m" and r["sex"] == sex for r in rows] for sex in ("man", "woman")]
    data["sought"] = np.logical_or(*(_first(rows, may, HELD_OUT_SOUGHT) for may in sought))
    return data


def photographs(cache: Path, most: int) -> dict[str, Any]:
    """The same of at most so many photographs of an archive."""
    table = {(r["archive"], r["member"]): r for r in rows_of(HERE / "photographs.csv")}
    rows, crops = [], []
    for path in sorted(cache.glob("*.seen.npz")):
        seen = np.load(path)
        held = seen["crops"]
        names = list(zip(map(str, seen["archive"]), map(str, seen["member"]), strict=True))
        usable = [i for i, n in enumerate(names) if n in table and table[n]["keep"] == "1"]
        usable = sorted(usable, key=lambda i: sum_of(*names[i]))[:most]
        rows += [table[names[i]] for i in usable]
        crops.append(held[usable])
    targets = np.array(
        [((float(r["sex"]) + 1) / 2, *(float(r[k] or "nan") for k in NAMES[1:])) for r in rows], np.float32
    )
    weights = np.isfinite(targets).astype(np.float32)
    weights[:, 1] *= np.interp(targets[:, 1], [20, 26, 32, 42, 52, 62], [3.0, 1.8, 1.0, 1.0, 2.0, 4.0])  # rarer ages
    weights[:, 5] *= np.array([r["glasses_known"] == "1" for r in rows])
    return _set(rows, np.concatenate(crops), np.nan_to_num(targets), weights, [True] * len(rows))


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sum_of(archive: str, member: str) -> str:
    """Hash by which pictures are chosen."""
    return hashlib.sha256(f"labels/{archive}/{member}".encode()).hexdigest()


def _set(
    rows: list[dict[str, str]],
    crops: NDArray[np.uint8],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    may: list[bool],
) -> dict[str, Any]:
    return {
        "rows": rows, "crops": crops, "targets": targets, "weights": weights,
        "held": _first(rows, may, HELD_OUT), "sought": np.zeros(len(rows), bool),
    }  # fmt: skip


def _first(rows: list[dict[str, str]], may: list[bool], count: int) -> NDArray[np.bool_]:
    """The first so many by hash of those that may be."""
    order = sorted((sum_of(r["archive"], r["member"]), i) for i, r in enumerate(rows) if may[i])
    chosen = np.zeros(len(rows), bool)
    chosen[[i for _, i in order[:count]]] = True
    return chosen


def spoilt(crop: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """A crop as others show it: moved a little, tight, sharp, small, soft, grey, tinted, JPEG, mirrored or not."""
    picture = Image.fromarray(crop)
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle, scale = random.normal(0, 5), np.exp(random.normal(0, 0.06))
    c, s = np.cos(np.radians(angle)) / scale, np.sin(np.radians(angle)) / scale
    x, y = SIDE / 2 + random.normal(0, 0.025 * SIDE, 2)
    matrix = (c, -s, x - c * SIDE / 2 + s * SIDE / 2, s, c, y - s * SIDE / 2 - c * SIDE / 2)
    if random.random() < 0.2:  # a tight crop, whose edge is repeated beyond it
        x0, y0, x1, y1 = (round(SIDE * v) for v in random.uniform((0, 0.02, 0.75, 0.75), (0.25, 0.3, 1, 1)))
        inside = np.asarray(picture)[y0:y1, x0:x1]
        picture = Image.fromarray(np.pad(inside, ((y0, SIDE - y1), (x0, SIDE - x1), (0, 0)), "edge"))
    edged = np.pad(np.asarray(picture), ((SIDE // 4,) * 2, (SIDE // 4,) * 2, (0, 0)), "edge")
    shift = SIDE // 4
    matrix = (*matrix[:2], matrix[2] + shift, *matrix[3:5], matrix[5] + shift)
    picture = Image.fromarray(edged).transform(
        (SIDE, SIDE), Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
    )
    if random.random() < 0.3:  # as an enlarger or a larger drawing has it
        picture = picture.filter(ImageFilter.UnsharpMask(random.uniform(1, 2.5), int(random.integers(50, 250)), 0))
    elif random.random() < 0.4:
        small = int(random.integers(28, 90))
        picture = picture.resize((small, small), Image.Resampling.BOX).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if random.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.6)))
    if random.random() < 0.25:
        picture = picture.convert("L").convert("RGB")
    elif random.random() < 0.4:
        gain = np.exp(random.normal(0, 0.18, 3)) * np.exp(random.normal(0, 0.15))
        picture = Image.fromarray(np.clip(np.asarray(picture) * gain, 0, 255).astype(np.uint8))
    if random.random() < 0.4:
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=int(random.integers(20, 80)))
        picture = Image.open(held).convert("RGB")
    return np.asarray(picture)
