"""What was answered, in SQLite: nothing is lost by a crash, and several people answer at once.

A rater is a random word; nothing else is known of anybody.
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
from anime2real.study.trials import Plan, StudyError, Trial

DATABASE: Final = "answers.sqlite"

_TABLE = """
create table if not exists answers (
    rater text not null,
    trial text not null,
    chosen text not null,
    refused text not null,
    milliseconds integer not null check (milliseconds >= 0),
    answered text not null,
    primary key (rater, trial)
) strict
"""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        rater: who.
        trial: to what.
        chosen, refused: a method, `real` or `spoiled`.
        milliseconds: from when both pictures stood there.
    """

    rater: str
    trial: Trial
    chosen: str
    refused: str
    milliseconds: int


class Answers:
    """The answers of a study.

    Args:
        plan: the study.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._trials = {trial.name: trial for trial in plan.trials}
        self._path = plan.folder / DATABASE
        with self._open() as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute(_TABLE)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own: threads share none; a writer waits for another up to 10 s."""
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise StudyError(f"{self._path} cannot be used ({error}): is it another program's?") from error

    def record(self, rater: str, trial: str, chosen: int, milliseconds: int) -> bool:
        """Keep an answer; the first one to a trial counts.

        Args:
            rater: who.
            trial: its name.
            chosen: 0 or 1, the side in the plan's order.
            milliseconds: it took.

        Returns:
            whether it was new.

        Raises:
            StudyError: no such trial, or no such side.
        """
        if trial not in self._trials or chosen not in (0, 1):
            raise StudyError(f"there is no side {chosen} of a trial {trial!r} in this study")
        sides = self._trials[trial].sides
        row = (rater, trial, sides[chosen].what, sides[1 - chosen].what, max(0, milliseconds))
        with self._open() as connection:
            cursor = connection.execute(
                "insert or ignore into answers values (?, ?, ?, ?, ?, ?)",
                (*row, datetime.now(UTC).isoformat(timespec="seconds")),
            )
            return cursor.rowcount == 1

    def of(self, rater: str) -> set[str]:
        """Names of the trials that a rater has answered."""
        with self._open() as connection:
            return {name for (name,) in connection.execute("select trial from answers where rater = ?", (rater,))}

    def next(self, rater: str) -> tuple[Trial, bool, int] | None:
        """The rater's next trial, whether its sides are exchanged, and how many have been answered; None at the end."""
        done = self.of(rater)
        left = (pair for pair in self._plan.for_rater(rater) if pair[0].name not in done)
        following = next(left, None)
        return None if following is None else (*following, len(done))

    def all(self) -> list[Answer]:
        """Every answer, oldest first."""
        with self._open() as connection:
            rows = connection.execute(
                "select rater, trial, chosen, refused, milliseconds from answers order by answered, rater, trial"
            ).fetchall()
        return [Answer(r, self._trials[t], chosen, refused, ms) for r, t, chosen, refused, ms in rows]

    def export(self, path: Path) -> int:
        """Write a CSV with a line an answer; returns how many."""
        answers = self.all()
        with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["rater", "trial", "kind", "to", "chosen", "refused", "milliseconds"])
            for a in answers:
                table.writerow([a.rater, a.trial.name, a.trial.kind, a.trial.to, a.chosen, a.refused, a.milliseconds])
        return len(answers)
