"""The table of research/tilt.md, from what `anime2real evaluate --json` wrote for each way and turn.

    python research/tilt_table.py MEASURED --ways none plane … -o research/tilt.json

MEASURED holds WAY-TURN.json for the turns 0, 15 and 30 (`measure_tilt.sh`). Each bin of |tilt| is read from the
turn that fills it most; drawings, which lean of themselves, are turned by 30° alone. ± is half of the 95 % bootstrap
interval's width. `-o` keeps all of it in one file.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

TURNS = {"real": (0, 30), "anime": (0, 15, 30)}
"""By the domain that is translated to."""


def read(folder: Path, ways: list[str]) -> dict[str, dict[int, dict[str, Any]]]:
    """Reports by way and turn.

    Raises:
        OSError: one is missing.
    """
    turns = TURNS["anime"]
    return {way: {t: json.loads((folder / f"{way}-{t}.json").read_text()) for t in turns} for way in ways}


def result(report: dict[str, Any], target: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in report["results"] if r["to"] == target)
    return found


def fullest(results: dict[int, dict[str, Any]], place: int) -> dict[str, Any]:
    """The bin at a place, of the turn that has most pictures in it."""
    bins: list[dict[str, Any]] = [r["tilt_bins"][place] for r in results.values()]
    return max(bins, key=lambda b: int(b["images"]))


def told(bin_: dict[str, Any], name: str, factor: float) -> str:
    value, interval = bin_[name], bin_[f"{name}_interval"]
    if value is None:
        return "–"
    return f"{factor * value:.1f} ± {factor * (interval[1] - interval[0]) / 2:.1f}"


def table(reports: dict[str, dict[int, dict[str, Any]]], target: str) -> list[str]:
    """One direction, as Markdown."""
    results = {way: {turn: result(turns[turn], target) for turn in TURNS[target]} for way, turns in reports.items()}
    any_way = next(iter(results.values()))
    bins = [fullest(any_way, place) for place in range(4)]
    names = [f"{b['from']:.0f}–{b['to']:.0f}°" if b["to"] < 180 else f"over {b['from']:.0f}°" for b in bins]
    heads = [f"{name} ({b['images']})" for name, b in zip(names, bins, strict=True)]
    lines = []
    for title, name, factor in (
        ("face rate, %", "face_rate", 100),
        ("tilt error, degrees", "tilt_mae_degrees", 1),
        ("arrangement, % of the eye distance", "arrangement_nme", 100),
    ):
        lines += ["", f"To {target}, {title}, by the tilt of the input (pictures):", ""]
        lines += ["| way | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
        for way, turns in results.items():
            cells = [told(fullest(turns, place), name, factor) for place in range(len(heads))]
            lines.append(f"| `{way}` | " + " | ".join(cells) + " |")
    lines += ["", f"To {target}, KID-VGG ·10³ of the pictures as they are:", "", "| way | KID-VGG |", "|---|---|"]
    for way, turns in results.items():
        kid = turns[0]["kid"]["VGG"]
        lines.append(f"| `{way}` | {1e3 * kid['mean']:.1f} ± {1e3 * kid['std']:.1f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--ways", nargs="+", required=True)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    try:
        reports = read(options.measured, options.ways)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    for target in ("real", "anime"):
        print("\n".join(table(reports, target)))
    if options.output is not None:
        options.output.write_text(json.dumps(reports, indent=1) + "\n")


if __name__ == "__main__":
    main()
