"""Sheets to look at without knowing what is what, and the keys that a score needs; the same ones for the same seed.

`photograph_or_not` shuffles single results among real pictures of the same size; `matching` shows a result beside four
inputs, of which one is its own. Sheets carry numbers alone. `look.py` calls both, `score.py` reads keys and answers.
"""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
ROWS, COLUMNS = 3, 5
"""Of single pictures on a sheet."""

MATCHES, CHOICES, SIDE = 12, 4, 148
"""Results on a matching sheet, in two columns; inputs beside each; px of a picture there."""

KEY = "key.csv"
FIELDS = ("sheet", "number", "set", "name", "group", "sex", "right")
GAP = 16
"""Px above a picture, for its number."""


@dataclass(frozen=True)
class Set:
    """Pictures of one making.

    Attributes:
        name: of the candidate, or `genuine`.
        folder: of its pictures, PNGs.
    """

    name: str
    folder: Path

    def names(self) -> list[str]:
        """The stems of its pictures, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.png"))

    def picture(self, name: str, px: int) -> Image.Image:
        """One of them, RGB of px by px."""
        return Image.open(self.folder / f"{name}.png").convert("RGB").resize((px, px), Image.Resampling.LANCZOS)


def noted() -> dict[str, dict[str, str]]:
    """What is noted of the fixed pictures, by name: at least `group` and `sex`."""
    found = {}
    for kind in ("drawings", "photographs"):
        with (HERE / f"{kind}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found[row["name"]] = row | {"group": row.get("group") or row["name"].rpartition("-")[0]}
    return found


def photograph_or_not(
    results: Sequence[Set], genuine: Set, out: Path, *, count: int | None = None, px: int = 256, seed: int = 0
) -> int:
    """Write sheets of single pictures, results among genuine ones, and their key.

    Args:
        results: of candidates; every one shows the same pictures.
        genuine: real pictures of the target domain, lined up as results are.
        out: gets single-NN.png and key.csv.
        count: how many of each candidate's results, chosen by the seed; all if not given.
        px: of a picture.
        seed: of choice and order.

    Returns:
        How many pictures.
    """
    chance = random.Random(seed)
    shown = sorted(set.intersection(*(set(one.names()) for one in results)))
    shown = sorted(chance.sample(shown, min(count or len(shown), len(shown))))
    places = [(one, name) for one in results for name in shown] + [(genuine, name) for name in genuine.names()]
    chance.shuffle(places)
    out.mkdir(parents=True, exist_ok=True)
    facts, key = noted(), []
    each = ROWS * COLUMNS
    for sheet, start in enumerate(range(0, len(places), each), 1):
        page = Image.new("RGB", (COLUMNS * px, ROWS * (px + GAP)), "white")
        for place, (one, name) in enumerate(places[start : start + each]):
            down, along = divmod(place, COLUMNS)
            _put(page, one.picture(name, px), (along * px, down * (px + GAP)), str(start + place + 1))
            key.append(_row(f"single-{sheet:02}", start + place + 1, one, name, facts, ""))
        page.save(out / f"single-{sheet:02}.png")
    _write(out / KEY, key)
    return len(places)


def matching(results: Set, inputs: Set, out: Path, *, count: int = 48, seed: int = 0) -> int:
    """Write sheets with a result beside four inputs each, and their key.

    The other three are of the same group and sex as the right one, so that neither framing nor sex tells; where there
    are too few of them, of the same group.

    Args:
        results: of a candidate.
        inputs: what its network saw, under the same names.
        out: gets matching-NN.png and key.csv.
        count: how many results at most, chosen by the seed.
        seed: of choice and order.

    Returns:
        How many results.
    """
    chance = random.Random(seed)
    facts, names = noted(), sorted(set(results.names()) & set(inputs.names()))
    chosen = chance.sample(names, min(count, len(names)))
    out.mkdir(parents=True, exist_ok=True)
    key = []
    rows = MATCHES // 2
    width = (CHOICES + 1) * SIDE + 2 * GAP
    for sheet, start in enumerate(range(0, len(chosen), MATCHES), 1):
        page = Image.new("RGB", (2 * width, rows * (SIDE + GAP)), "white")
        for place, name in enumerate(chosen[start : start + MATCHES]):
            four = _others(name, names, facts, chance)
            right = chance.randrange(CHOICES)
            four.insert(right, name)
            along, down = divmod(place, rows)
            left, top, number = along * width, down * (SIDE + GAP), start + place + 1
            _put(page, results.picture(name, SIDE), (left, top), str(number))
            for at, other in enumerate(four):
                _put(page, inputs.picture(other, SIDE), (left + GAP + (at + 1) * SIDE, top), "abcd"[at])
            key.append(_row(f"matching-{sheet:02}", number, results, name, facts, "abcd"[right]))
        page.save(out / f"matching-{sheet:02}.png")
    _write(out / KEY, key)
    return len(chosen)


def _others(name: str, names: Sequence[str], facts: dict[str, dict[str, str]], chance: random.Random) -> list[str]:
    """Three other names, as like this one by what is noted as there are."""
    apart = [other for other in names if other != name]
    same = [other for other in apart if _alike(facts, other, name, "group", "sex")]
    near = [other for other in apart if _alike(facts, other, name, "sex")]
    for pool in (same, near, apart):
        if len(pool) >= CHOICES - 1:
            return chance.sample(pool, CHOICES - 1)
    raise ValueError(f"there are {len(names)} pictures: a matching test needs {CHOICES}")


def _alike(facts: dict[str, dict[str, str]], one: str, two: str, *fields: str) -> bool:
    return all(facts.get(one, {}).get(field) == facts.get(two, {}).get(field) for field in fields)


def _put(page: Image.Image, picture: Image.Image, at: tuple[int, int], text: str) -> None:
    page.paste(picture, (at[0], at[1] + GAP))
    ImageDraw.Draw(page).text((at[0] + 4, at[1] + 2), text, fill="black")


def _row(
    sheet: str, number: int, one: Set, name: str, facts: dict[str, dict[str, str]], right: str
) -> dict[str, str | int]:
    told = facts.get(name, {})
    return {
        "sheet": sheet, "number": number, "set": one.name, "name": name, "group": told.get("group", ""),
        "sex": told.get("sex", ""), "right": right,
    }  # fmt: skip


def _write(path: Path, rows: Iterable[dict[str, str | int]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
