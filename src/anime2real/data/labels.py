"""Whom a pack's pictures show, and how often each is drawn.

A table gives sex, age and expression where somebody knows them; the label network reads the rest off the faces.
Pictures get weights, so that men and women, young and old, and small sources are seen in stated shares, however many of
each there are.
"""

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.data.pack import EXPRESSION, Pack, PackError
from anime2real.data.pack_files import write_both
from anime2real.domain import DOMAINS, Domain
from anime2real.face.finder import default_labeller
from anime2real.face.geometry import Face, align
from anime2real.face.who import LABEL_CROP, LABELS, Labels
from anime2real.progress import Progress

MEN: Final[Mapping[Domain, float]] = {"real": 0.5, "anime": 0.35}
"""The share of men that each domain is drawn with; drawn men are too few for half."""

AGES: Final = ((0, 30, 0.40), (30, 45, 0.32), (45, 60, 0.18), (60, 200, 0.10))
"""Ages of photographs, from, below, and the share that each sex is drawn with."""

BALANCE: Final = 0.75
"""A source of n pictures gets a share in proportion to n to the power of 1 - BALANCE."""

MOST: Final[Mapping[Domain, float]] = {"real": 6.0, "anime": 8.0}
"""Times that a picture is drawn more often than the mean one, at most."""

PERCENTILES: Final = (2, 98)
"""Of the drawings' ages: the youngest and the oldest that networks learn to draw."""

LEAST_WEIGHT: Final = 0.0001
"""Of a picture that is trained on; 0 is that of pictures which are neither trained on nor shown."""

LEFT_OUT: Final = "left out"

_SEXES: Final = {"man": 1.0, "woman": -1.0, "": None}
_CHUNK: Final = 64


@dataclass(frozen=True)
class Known:
    """A line of a table of labels.

    Attributes:
        sex: from -1 (woman) to 1 (man); None if not said.
        age: in years; None if not said.
        expression: `EXPRESSION`, each from 0 (no) to 1 (yes); None if not all are said.
        weight: how often the picture is drawn beside others like it.
        keep: whether it may be trained on.
    """

    sex: float | None = None
    age: float | None = None
    expression: tuple[float, ...] | None = None
    weight: float = 1.0
    keep: bool = True

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be read off the face."""
        return None not in (self.sex, self.age, self.expression)


def read_table(path: Path) -> dict[str, Known]:
    """A CSV table of labels, by the pictures' names as index.jsonl has them.

    Its columns are archive, member, sex (man, woman or a number from -1 to 1), age in years, and, if it likes,
    mouth_open, smile, eyes_open and glasses (each from 0 to 1), weight, and keep (0 for what to leave out of training).
    Empty cells are not said.

    Raises:
        PackError: it cannot be read, lacks a column, or a cell is out of its range.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            missing = {"archive", "member", "sex", "age"} - set(lines.fieldnames or ())
            if missing:
                raise PackError(f"{path} has no column {' or '.join(sorted(missing))}")
            return {f"{line['archive']}/{line['member']}": _known(path, lines.line_num, line) for line in lines}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PackError(f"{path} cannot be read ({error}): give a table with commas, archive,member,sex,age") from error


def _known(path: Path, number: int, line: Mapping[str, str | None]) -> Known:
    cells = {name: (line.get(name) or "").strip().lower() for name in ("sex", "age", "weight", "keep", *EXPRESSION)}
    try:
        sex = _SEXES[cells["sex"]] if cells["sex"] in _SEXES else float(cells["sex"])
        age = float(cells["age"]) if cells["age"] else None
        said = [float(cells[name]) for name in EXPRESSION if cells[name]]
        weight, keep = float(cells["weight"] or 1.0), float(cells["keep"] or 1.0) != 0
    except ValueError as error:
        raise PackError(f"{path}, line {number}: sex is man, woman or a number, all other labels numbers") from error
    if not (-1 <= (sex or 0) <= 1 and 0 <= (age or 0) <= 200 and 0 < weight < np.inf):
        raise PackError(f"{path}, line {number}: a sex goes from -1 to 1, an age from 0 to 200, a weight is above 0")
    if not all(0 <= value <= 1 for value in said):
        raise PackError(f"{path}, line {number}: {', '.join(EXPRESSION)} go from 0 to 1")
    return Known(sex, age, tuple(said) if len(said) == len(EXPRESSION) else None, weight, keep)


def add_labels(folder: Path, *, table: Path | None = None, progress: Progress | None = None) -> int:
    """Give each picture of a pack `who`, `expression` and `weight` in index.jsonl; labels that are there are read anew.

    Left out of training are photographs of people whom the table says are under `YOUNGEST`, and what it does not keep.

    Args:
        folder: of the pack, prepared with the crop rule face or tilted.
        table: what is known already, as `read_table` reads it.
        progress: gets how many pictures are done.

    Returns:
        The number of pictures that the table knew.

    Raises:
        PackError: it is no whole pack, has label maps or was prepared without looking for faces, or the table is wrong.
    """
    pack = Pack(folder)
    pack.need_one_piece("add labels to")
    pack.need_pictures("sex and age")
    if pack.landmarks is None:
        raise PackError(f"{folder} has no landmarks, which labels need: prepare it with --crop face or tilted")
    pack.check()
    known = {} if table is None else read_table(table)
    told = [known.get(entry["file"], Known()) for entry in pack.index]
    asked = [row for row, of_one in enumerate(told) if not of_one.complete]
    read = dict(zip(asked, _read(pack, asked, progress), strict=True))
    entries = [_labelled(*each, read.get(row)) for row, each in enumerate(zip(pack.index, told, strict=True))]
    if table is not None and not known.keys() & {entry["file"] for entry in entries}:
        raise PackError(f"{table} names no picture of {folder}: archive and member make its names, as in index.jsonl")
    for domain in DOMAINS:
        trained = _trained(entries, domain)
        if not trained:
            raise PackError(f"{folder} would have no {domain} picture left to train on")
        for entry, weight in zip(trained, weights(trained, domain), strict=True):
            entry["weight"] = max(round(float(weight), 4), LEAST_WEIGHT)
    drawn = [100 * entry["who"][1] for entry in _trained(entries, "anime")]
    facts = {
        "network": hashlib.sha256(LABELS.read_bytes()).hexdigest(),
        "known": sum(entry["file"] in known for entry in entries),
        "left_out": sum(entry["split"] == LEFT_OUT for entry in entries),
        "ages": {"real": [YOUNGEST, OLDEST], "anime": [round(float(v)) for v in np.percentile(drawn, PERCENTILES)]},
    }
    counts = {
        domain: {split: sum((e["domain"], e["split"]) == (domain, split) for e in entries) for split in of_domain}
        for domain, of_domain in pack.meta["counts"].items()
    }
    write_both(folder, entries, {**pack.meta, "counts": counts, "labels": facts})
    return int(facts["known"])


def _trained(entries: Sequence[dict[str, Any]], domain: Domain) -> list[dict[str, Any]]:
    """Those of a domain that are trained on."""
    return [entry for entry in entries if (entry["domain"], entry["split"]) == (domain, "train")]


def _labelled(entry: Mapping[str, Any], told: Known, seen: Labels | None) -> dict[str, Any]:
    """An entry with what a table says, and for what it does not, with what the face looks like."""
    sex, age, expression = told.sex, told.age, told.expression
    if seen is not None:
        sex, age = seen.sex if sex is None else sex, seen.age if age is None else age
        expression = expression or tuple(getattr(seen, name) for name in EXPRESSION)
    assert sex is not None
    assert age is not None
    assert expression is not None
    # Nobody comes back who was left out before, by a table or otherwise.
    leave = not told.keep or (entry["domain"] == "real" and age < YOUNGEST)
    return {
        **entry,
        "split": LEFT_OUT if leave else entry["split"],
        "who": [round(sex, 3), round(min(max(age, YOUNGEST), OLDEST) / 100, 3)],
        "expression": [round(2 * value - 1, 2) for value in expression],
        "weight": 0.0 if entry.get("weight") == 0 else told.weight,
    }


def _read(pack: Pack, rows: Sequence[int], progress: Progress | None) -> Iterator[Labels]:
    """What the faces of these pictures look like."""
    labeller = default_labeller()
    for start in range(0, len(rows), _CHUNK):
        crops = []
        for row in rows[start : start + _CHUNK]:
            entry, picture = pack.index[row], Image.fromarray(np.asarray(pack.images[row]))
            face = Face(np.array(entry["landmarks"]), entry["domain"], 1.0)
            crops.append(np.asarray(align(picture, face.crop, LABEL_CROP, beyond="edge")))
        yield from labeller.of_crops(np.stack(crops))
        if progress is not None:
            progress("reading labels", start + len(crops), len(rows))


def weights(entries: Sequence[Mapping[str, Any]], domain: Domain) -> NDArray[np.float64]:
    """How often pictures of a domain are drawn, in the mean 1: by `BALANCE`, then by `MEN` and `AGES`.

    Groups without anybody leave their shares to the others.

    Args:
        entries: of the index, with `file`, `who` and a `weight` to begin with.
        domain: theirs.
    """
    sources = np.array([str(entry["file"]).split("/", 1)[0] for entry in entries])
    _, places, sizes = np.unique(sources, return_inverse=True, return_counts=True)
    result = np.array([entry["weight"] for entry in entries], np.float64) * sizes[places] ** -BALANCE
    who = np.array([entry["who"] for entry in entries])
    men, age = who[:, 0] > 0, 100 * who[:, 1]
    groups = []
    for of_sex, share in ((men, MEN[domain]), (~men, 1 - MEN[domain])):
        ages = AGES if domain == "real" else ((0, 200, 1.0),)
        groups += [(of_sex & (age >= low) & (age < high), share * of_age) for low, high, of_age in ages]
    for group, share in groups:
        if group.any():
            result[group] *= share / result[group].sum()
    result = np.minimum(result, MOST[domain] * result.mean())
    return np.asarray(result / result.mean())


def shares(pack: Pack) -> dict[str, dict[str, float]]:
    """The shares of men, ages and sources that training draws, by domain; empty for a pack without labels."""
    if pack.weights is None or pack.who is None:
        return {}
    result: dict[str, dict[str, float]] = {}
    for domain in DOMAINS:
        rows = pack.rows(domain, "train")
        drawn = pack.weights[rows] / pack.weights[rows].sum()
        men, age, sources = pack.who[rows, 0] > 0, 100 * pack.who[rows, 1], np.array(pack.sources(rows))
        of_domain = {"men": drawn[men].sum()}
        for low, high, _ in AGES:
            name = f"under {high}" if not low else f"{low} and over" if high > OLDEST else f"{low} to {high - 1}"
            of_domain[name] = drawn[(age >= low) & (age < high)].sum()
        of_domain |= {name: drawn[sources == name].sum() for name in sorted(set(sources))}
        result[domain] = {name: round(float(share), 3) for name, share in of_domain.items()}
    return result
