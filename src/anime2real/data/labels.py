"""Whom a pack's pictures show, and how often each is drawn.

A table gives sex and age where somebody knows them; `face/who.py` reads the rest off the faces. Pictures get weights,
so that men and women, young and old, and small sources are seen in stated shares, however many of each there are.
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

from anime2real.bundle.format import OLDEST, YOUNGEST
from anime2real.data.pack import Pack, PackError, write_both
from anime2real.domain import DOMAINS, Domain
from anime2real.face.detector import MODELS
from anime2real.face.finder import LABEL_CROP, LABELS, default_labeller
from anime2real.face.geometry import Face, align
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

LEFT_OUT: Final = "left out"

_SEXES: Final = {"man": 1.0, "woman": -1.0, "": None}
_CHUNK: Final = 64


@dataclass(frozen=True)
class Known:
    """A line of a table of labels.

    Attributes:
        sex: from -1 (woman) to 1 (man); None if not said.
        age: in years; None if not said.
        weight: how often the picture is drawn beside others like it.
    """

    sex: float | None
    age: float | None
    weight: float


def read_table(path: Path) -> dict[str, Known]:
    """A CSV table of labels, by the pictures' names as index.jsonl has them.

    Its columns are archive, member, sex (man, woman or a number from -1 to 1), age in years, and, if it likes, weight.
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
    cells = {name: (line.get(name) or "").strip().lower() for name in ("sex", "age", "weight")}
    try:
        sex = _SEXES[cells["sex"]] if cells["sex"] in _SEXES else float(cells["sex"])
        known = Known(sex, float(cells["age"]) if cells["age"] else None, float(cells["weight"] or 1.0))
    except ValueError as error:
        raise PackError(f"{path}, line {number}: sex is man, woman or a number, age and weight numbers") from error
    if not (-1 <= (known.sex or 0) <= 1 and 0 <= (known.age or 0) <= 200 and 0 < known.weight < np.inf):
        raise PackError(f"{path}, line {number}: a sex goes from -1 to 1, an age from 0 to 200, a weight is above 0")
    return known


def add_labels(folder: Path, *, table: Path | None = None, progress: Progress | None = None) -> int:
    """Give each picture of a pack `who` and `weight` in index.jsonl; labels that are there are read anew.

    Photographs of people whom the table says are under `YOUNGEST` are left out of training.

    Args:
        folder: of the pack, prepared with the crop rule face or tilted.
        table: what is known already, as `read_table` reads it.
        progress: gets how many pictures are done.

    Returns:
        The number of pictures that the table knew.

    Raises:
        PackError: it is no whole pack or was prepared without looking for faces, or the table is wrong.
    """
    pack = Pack(folder)
    if pack.landmarks is None:
        raise PackError(f"{folder} has no landmarks, which labels need: prepare it with --crop face or tilted")
    pack.check()
    known = {} if table is None else read_table(table)
    entries: list[dict[str, Any]] = []
    for entry, (sex, age) in zip(pack.index, _read(pack, progress), strict=True):
        told = known.get(entry["file"], Known(None, None, 1.0))
        sex, age = sex if told.sex is None else told.sex, age if told.age is None else told.age
        # Nobody comes back who was left out before, by a table or otherwise.
        split = LEFT_OUT if entry["domain"] == "real" and age < YOUNGEST else entry["split"]
        who = [round(sex, 3), round(min(max(age, YOUNGEST), OLDEST) / 100, 3)]
        entries.append({**entry, "split": split, "who": who, "weight": told.weight})
    if table is not None and not known.keys() & {entry["file"] for entry in entries}:
        raise PackError(f"{table} names no picture of {folder}: archive and member make its names, as in index.jsonl")
    for domain in DOMAINS:
        trained = [entry for entry in entries if (entry["domain"], entry["split"]) == (domain, "train")]
        if not trained:
            raise PackError(f"{folder} would have no {domain} picture left to train on")
        for entry, weight in zip(trained, weights(trained, domain), strict=True):
            entry["weight"] = round(float(weight), 4)
    drawn = [100 * e["who"][1] for e in entries if (e["domain"], e["split"]) == ("anime", "train")]
    facts = {
        "network": hashlib.sha256((MODELS / LABELS).read_bytes()).hexdigest(),
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


def _read(pack: Pack, progress: Progress | None) -> Iterator[tuple[float, float]]:
    """Sex and age of every picture as its face looks."""
    labeller = default_labeller()
    for start in range(0, len(pack.index), _CHUNK):
        crops = []
        for entry, pixels in zip(pack.index[start : start + _CHUNK], pack.images[start : start + _CHUNK], strict=True):
            face = Face(np.array(entry["landmarks"]), entry["domain"], 1.0)
            crops.append(np.asarray(align(Image.fromarray(np.asarray(pixels)), face.crop, LABEL_CROP, beyond="edge")))
        for labels in labeller.of_crops(np.stack(crops)):
            yield labels.sex, labels.age
        if progress is not None:
            progress("reading labels", start + len(crops), len(pack.index))


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
