"""The table of the photographs' labels, from what the teachers saw.

    cd research/labels
    python photographs.py CACHE --young young.csv --glasses glasses.csv --reserved ../fixed_sheets/photographs.csv

CACHE holds label_photographs.py's files. Columns: sex from -1 (woman) to 1 (man), age in years, the probabilities of an
open mouth, a smile, open eyes and glasses, CIELAB of the cheeks (skin_) and of the irises (eye_), `keep` and why not.
Empty where it is not known. An archive of men or of women says so itself, unless the teacher is
sure of the contrary; glasses are those of glasses.csv (`glasses_known` is 1) or the label
network's.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

LEAST_AGE = 19.0
"""Years by the teacher under which a photograph is left out, as in leave_out_children.py; younger by its spread too."""

SPREAD = 0.5
"""Of the standard deviation over the teacher's looks, taken off the age before it is compared."""

OPEN_MOUTH = (0.06, 0.02)
"""Gap of the lips in distances of the eyes at which a mouth is as likely open as not, and how soft that is."""

OPEN_EYES = (0.12, 0.02)
"""Height of the lids' gap in widths of the eye, likewise: of the eye that is open wider."""

MOST_TURN = 0.75
"""Of the nose between the sides of the face: beyond it is a profile, where half of the labels mean nothing."""

SURE = 0.6
"""How sure the teacher has to be to be right against an archive: a dozen of the men are women."""

KNOWN_SEX = {"celebahq-men-512.zip": 1.0, "selfie-256.zip": -1.0}
IRIS_LEAST_PX = 200
"""Width of pictures from which the colour of the irises is believed."""

SAID = ("sex", "age", "mouth_open", "smile", "eyes_open", "glasses", "glasses_known")
COLOURS = ("skin_L", "skin_a", "skin_b", "eye_L", "eye_a", "eye_b")
COLUMNS = ("archive", "member", *SAID, *COLOURS, "keep", "why_not")


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--glasses", type=Path, help="archive, member and probability of glasses")
    parser.add_argument("--reserved", type=Path, nargs="*", default=[], help="tables of what to keep out")
    parser.add_argument("-o", "--out", type=Path, default=Path("photographs.csv"))
    parser.add_argument("--young", type=Path, help="a table of pictures that look under age to the eye")
    options = parser.parse_args()
    glasses = {(r["archive"], r["member"]): float(r["glasses"]) for r in _rows(options.glasses)}
    reserved = {(r["archive"], r["member"]) for path in options.reserved for r in _rows(path)}
    young = {(r["archive"], r["member"]) for r in _rows(options.young)}
    written = []
    for path in sorted(options.cache.glob("*.seen.npz")):
        seen = dict(np.load(path))
        seen.pop("crops")
        predicted = path.with_name(path.name.replace(".seen.", ".pred."))
        seen["network"] = (
            np.load(predicted)["labels"][:, 5] if predicted.exists() else np.full(len(seen["age"]), np.nan)
        )
        for i in range(len(seen["member"])):
            row = _row({k: v[i] for k, v in seen.items()}, glasses, reserved)
            if (row["archive"], row["member"]) in young:
                row |= {"keep": 0, "why_not": "young"}
            if row["member"].startswith("train/"):
                written.append(row)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(written)
    kept = sum(r["keep"] for r in written)
    print(f"{options.out.name}: {len(written)}, {kept} kept")


def _rows(path: Path | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _row(seen: dict[str, Any], glasses: dict[tuple[str, str], float], reserved: set[tuple[str, str]]) -> dict[str, Any]:
    archive, member = str(seen["archive"]), str(seen["member"])
    sex = 2 * float(seen["man"]) - 1
    if sex * (known := KNOWN_SEX.get(archive, 0.0)) > -SURE:
        sex = known or sex
    why = _why_not(seen, (archive, member) in reserved)
    row: dict[str, Any] = {"archive": archive, "member": member, "keep": int(not why), "why_not": why}
    if not seen["found"]:
        return {**row, "sex": KNOWN_SEX.get(archive, "")}
    row |= {
        "sex": round(sex, 2),
        "age": round(float(seen["age"]), 1),
        "mouth_open": _soft(seen["mouth_gap"], *OPEN_MOUTH),
        "smile": round(float(seen["happy"]), 2),
        "eyes_open": _soft(max(seen["eye_left"], seen["eye_right"]), *OPEN_EYES),
        "glasses": glasses.get((archive, member), _rounded(seen["network"])),
        "glasses_known": int((archive, member) in glasses),
    }
    for name, of in (("skin", seen["skin"]), ("eye", seen["iris"])):
        known = np.isfinite(of[0]) and (name == "skin" or seen["px"] >= IRIS_LEAST_PX)
        row |= {f"{name}_{c}": round(float(v), 1) if known else "" for c, v in zip("Lab", of, strict=True)}
    return row


def _why_not(seen: dict[str, Any], reserved: bool) -> str:
    if reserved:
        return "fixed sheet"
    if not seen["found"]:
        return "no face"
    if seen["age"] - SPREAD * seen["age_spread"] < LEAST_AGE:
        return "young"
    return "profile" if abs(seen["turn"]) > MOST_TURN else ""


def _rounded(value: float) -> float | str:
    return round(float(value), 2) if np.isfinite(value) else ""


def _soft(value: float, middle: float, width: float) -> float:
    return round(float(1 / (1 + np.exp(-(value - middle) / width))), 2)


if __name__ == "__main__":
    main()
