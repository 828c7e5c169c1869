"""The answers, in an SQLite database: a crash loses none, and several raters answer at once.

A rater is a random word that was issued here; nothing else is stored about anybody.
"""

import csv
import secrets
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

_RATERS = """
create table if not exists raters (rater text primary key, issued text not null) strict
"""

_ANSWERS = """
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
        chosen, rejected: the sources of the two pictures: a method, `real` or `spoiled`; both empty if the rater could
            not tell.
        milliseconds: from the moment when both pictures were shown.
        answered: when, ISO 8601, UTC.
    """

    rater: str
    trial: Trial
    chosen: str
    rejected: str
    milliseconds: int
    answered: str = ""

    @property
    def decided(self) -> bool:
        """Whether the rater chose a picture."""
        return self.chosen != ""


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
            connection.execute(_ANSWERS)
            known = connection.execute("select 1 from sqlite_master where name = 'raters'").fetchone()
            connection.execute(_RATERS)
            if known is None:  # of a study from before raters were kept: whoever has answered counts
                connection.execute("insert into raters select rater, min(answered) from answers group by rater")

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """A new connection: threads cannot share one; a writer waits up to 10 s for another."""
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            locked = isinstance(error, sqlite3.OperationalError)  # or full, or not to be written to
            way = "allow writing there, and make room" if locked else "is it another program's?"
            raise StudyError(f"{self._path} cannot be used ({error}): {way}") from error

    def issue(self, rater: str | None = None) -> str:
        """Let a rater answer, under a new random word if none is given; returns the word."""
        word = rater or secrets.token_hex(8)
        with self._connect() as connection:
            connection.execute("insert or ignore into raters values (?, ?)", (word, _now()))
        return word

    def record(self, rater: str, trial: str, chosen: int | None, milliseconds: int) -> bool:
        """Store an answer; only a rater's first answer to a trial counts.

        Args:
            rater: who answered.
            trial: its name.
            chosen: 0 or 1, the side in the order of the study's file; None if the rater cannot tell.
            milliseconds: how long the rater took.

        Returns:
            Whether it was the first.

        Raises:
            StudyError: no such trial, no such side, or a rater who was never issued.
        """
        if trial not in self._trials or chosen not in (0, 1, None):
            raise StudyError(f"there is no side {chosen} of a trial {trial!r} in this study")
        sides = self._trials[trial].sides
        sources = ("", "") if chosen is None else (sides[chosen].source, sides[1 - chosen].source)
        row = (rater, trial, *sources, max(0, milliseconds))
        with self._connect() as connection:
            _check_issued(connection, rater)
            cursor = connection.execute("insert or ignore into answers values (?, ?, ?, ?, ?, ?)", (*row, _now()))
            return cursor.rowcount == 1

    def undo(self, rater: str) -> bool:
        """Forget a rater's last answer, whose trial is then the next one that is not answered; whether there was one.

        Raises:
            StudyError: the rater was never issued.
        """
        with self._connect() as connection:
            _check_issued(connection, rater)
            last = "select rowid from answers where rater = ? order by rowid desc limit 1"
            return connection.execute(f"delete from answers where rowid = ({last})", (rater,)).rowcount == 1

    def answered(self, rater: str) -> set[str]:
        """The names of the trials that a rater has answered.

        Raises:
            StudyError: the rater was never issued.
        """
        with self._connect() as connection:
            _check_issued(connection, rater)
            return {name for (name,) in connection.execute("select trial from answers where rater = ?", (rater,))}

    def next(self, rater: str) -> tuple[Trial, bool, int] | None:
        """The rater's next trial, whether its sides are swapped, and how many are answered; None after the last.

        Raises:
            StudyError: the rater was never issued.
        """
        done = self.answered(rater)
        remaining = (pair for pair in self._study.for_rater(rater) if pair[0].name not in done)
        following = next(remaining, None)
        return None if following is None else (*following, len(done))

    def all(self) -> list[Answer]:
        """Every answer of raters who were issued, oldest first."""
        with self._connect() as connection:
            rows = connection.execute(
                "select rater, trial, chosen, rejected, milliseconds, answered from answers join raters using (rater) "
                "order by answered, rater, trial"
            ).fetchall()
        return [Answer(r, self._trials[t], chosen, rejected, ms, at) for r, t, chosen, rejected, ms, at in rows]

    def export(self, path: Path) -> int:
        """Write a CSV file with a line an answer; returns how many."""
        answers = self.all()
        with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["rater", "trial", "kind", "to", "chosen", "rejected", "milliseconds"])
            for a in answers:
                table.writerow([a.rater, a.trial.name, a.trial.kind, a.trial.to, a.chosen, a.rejected, a.milliseconds])
        return len(answers)


def _check_issued(connection: sqlite3.Connection, rater: str) -> None:
    if connection.execute("select 1 from raters where rater = ?", (rater,)).fetchone() is None:
        raise StudyError(f"this study has issued no rater {rater[:40]!r}: load its page without the part behind #")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
