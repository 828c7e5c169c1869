"""Scores what somebody answered who looked at blind sheets (blind.py), with Wilson's 95 % intervals.

    python research/fixed_sheets/score.py KEY ANSWERS

KEY is a key.csv. ANSWERS, a CSV file with the header `number,answer,faults`, has a line a number. Of single pictures
the answer is `g` (taken for genuine: a photograph, or a drawing by hand), `c` (convincing at a glance, given away by a
second look), `m` (looks made, nothing is broken) or `b` (broken), and `faults` names in a word each what is wrong. Of
matching sheets it is the letter of the input.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from anime2real.errors import UserError
from anime2real.measure.figures import share

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """The lines of a CSV file with a header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def joined(key: Path, answers: Path) -> list[Row]:
    """The key's rows with `answer` and `faults`.

    Raises:
        UserError: a number has no answer or two, or an answer is none of those that there are.
    """
    rows = read(key)
    allowed = "abcd" if any(row["right"] for row in rows) else "gcmb"
    given: dict[str, Row] = {}
    for answer in read(answers):
        if answer["number"] in given:
            raise UserError(f"{answers}: number {answer['number']} has two answers")
        if answer["answer"] not in tuple(allowed):
            raise UserError(f"{answers}: number {answer['number']} has the answer {answer['answer']!r}, not {allowed}")
        given[answer["number"]] = answer
    if missing := [row["number"] for row in rows if row["number"] not in given]:
        raise UserError(f"{answers}: no answer for number {', '.join(missing[:10])}")
    return [
        row | {"answer": given[n]["answer"], "faults": given[n].get("faults") or ""}
        for row in rows
        if (n := row["number"])
    ]


def apart(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each set: all, those of each group, and those of men."""
    for name in sorted({row["set"] for row in rows}):
        of = [row for row in rows if row["set"] == name]
        yield name, of
        groups = sorted({row["group"] for row in of})
        for group in groups if len(groups) > 1 else []:
            yield f"{name}: {group}", [row for row in of if row["group"] == group]
        if men := [row for row in of if row["sex"] == "man"]:
            yield f"{name}: all men", men


def rate(rows: Sequence[Row], met: Sequence[bool]) -> str:
    """A share in percent with its interval."""
    figure = share(np.array(met, bool))
    if figure is None:
        return "–"
    low, high = (100 * v for v in figure["interval"])
    return f"{sum(met)}, {100 * figure['value']:.0f} % ({low:.0f} to {high:.0f})"


def single_table(rows: Sequence[Row]) -> str:
    """A row a set: taken for genuine, convincing, broken; then the faults of each set, the most frequent first."""
    lines = [
        "| | pictures | taken for genuine | convincing at a glance (these, too) | broken |",
        "|---|---|---|---|---|",
    ]
    for name, of in apart(rows):
        cells = [rate(of, [row["answer"] in letters for row in of]) for letters in ("g", "gc", "b")]
        lines.append(f"| {name} | {len(of)} | {' | '.join(cells)} |")
    for name in sorted({row["set"] for row in rows}):
        for letter, word in (("b", "broken"), ("m", "looks made")):
            counted = Counter(
                fault
                for row in rows
                if row["set"] == name and row["answer"] == letter
                for fault in row["faults"].split()
            )
            if counted:
                lines += ["", f"{name}, {word}: " + ", ".join(f"{fault} {n}" for fault, n in counted.most_common())]
    return "\n".join(lines)


def matching_table(rows: Sequence[Row]) -> str:
    """A row a set: how many were matched; chance is a quarter."""
    lines = ["| | results | matched, of four |", "|---|---|---|"]
    for name, of in apart(rows):
        lines.append(f"| {name} | {len(of)} | {rate(of, [row['answer'] == row['right'] for row in of])} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table of a key and its answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key", type=Path)
    parser.add_argument("answers", type=Path)
    options = parser.parse_args()
    rows = joined(options.key, options.answers)
    print(matching_table(rows) if any(row["right"] for row in rows) else single_table(rows))


if __name__ == "__main__":
    main()
