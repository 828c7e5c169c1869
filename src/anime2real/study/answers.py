"""The answers, in an SQLite database: a crash loses none, and several raters answer at once.

A rater is a random word; nothing else is stored about anybody.
"""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from anime2real.atomic import atomic_file
from anime2real.study.trials import Study, StudyError, Trial

DATABASE: Final = "answers.sqlite"

_TABLE = """
create table if not exists answers (
    rater text not null,
    trial text not null,
    chosen text not null,
    rejected text not null,
    milliseconds integer not null check (milliseconds >= 0),
    answered text not null,
    primary key (rater, trial)
) strict
"""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        rater: who answered.
        trial: that was answered.
        chosen, rejected: the sources of the two pictures: a method, `real` or `spoiled`.
        milliseconds: from the moment when both pictures were shown.
    """

    rater: str
    trial: Trial
    chosen: str
    rejected: str
    milliseconds: int


class Answers:
    """The answers of a study.

    Args:
        study: its trials, and the folder where the database lies.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._trials = {trial.name: trial for trial in study.trials}
        self._path = study.folder / DATABASE
        with self._connect() as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute(_TABLE)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """A new connection: threads cannot share one; a writer waits up to 10 s for another."""
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise StudyError(f"{self._path} cannot be used ({error}): is it another program's?") from error

    def record(self, rater: str, trial: str, chosen: int, milliseconds: int) -> bool:
        """Store an answer; only a rater's first answer to a trial counts.

        Args:
            rater: who answered.
            trial: its name.
            chosen: 0 or 1, the side in the order of the study's file.
            milliseconds: how long the rater took.

        Returns:
            Whether it was the first.

        Raises:
            StudyError: no such trial, or no such side.
        """
        if trial not in self._trials or chosen not in (0, 1):
            raise StudyError(f"there is no side {chosen} of a trial {trial!r} in this study")
        sides = self._trials[trial].sides
        row = (rater, trial, sides[chosen].source, sides[1 - chosen].source, max(0, milliseconds))
        with self._connect() as connection:
            cursor = connection.execute(
                "insert or ignore into answers values (?, ?, ?, ?, ?, ?)",
                (*row, datetime.now(UTC).isoformat(timespec="seconds")),
            )
            return cursor.rowcount == 1

    def answered(self, rater: str) -> set[str]:
        """The names of the trials that a rater has answered."""
        with self._connect() as connection:
            return {name for (name,) in connection.execute("select trial from answers where rater = ?", (rater,))}

    def next(self, rater: str) -> tuple[Trial, bool, int] | None:
        """The rater's next trial, whether its sides are swapped, and how many are answered; None after the last."""
        done = self.answered(rater)
        remaining = (pair for pair in self._study.for_rater(rater) if pair[0].name not in done)
        following = next(remaining, None)
        return None if following is None else (*following, len(done))

    def all(self) -> list[Answer]:
        """Every answer, oldest first."""
        with self._connect() as connection:
            rows = connection.execute(
                "select rater, trial, chosen, rejected, milliseconds from answers order by answered, rater, trial"
            ).fetchall()
        return [Answer(r, self._trials[t], chosen, rejected, ms) for r, t, chosen, rejected, ms in rows]

    def export(self, path: Path) -> int:
        """Write a CSV file with a line an answer; returns how many."""
        answers = self.all()
        with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["rater", "trial", "kind", "to", "chosen", "rejected", "milliseconds"])
            for a in answers:
                table.writerow([a.rater, a.trial.name, a.trial.kind, a.trial.to, a.chosen, a.rejected, a.milliseconds])
        return len(answers)
