"""What a training says: every line to log.txt and, unless it is quiet, to stderr, where a terminal shows a bar."""

import sys
from types import TracebackType
from typing import Self

from anime2real.progress import Progress, tell
from anime2real.train.run.folder import RunFolder


class TrainingReporter:
    """Reports a training line by line; used as a context, at whose end what a terminal shows goes.

    Args:
        folder: the run, whose log.txt gets every line; None for a process that writes nothing, and says nothing.
        quiet: nothing on stderr.
    """

    def __init__(self, folder: RunFolder | None, *, quiet: bool) -> None:
        quiet = quiet or folder is None
        self._folder, self._quiet = folder, quiet
        self._live = sys.stderr.isatty()
        self._progress = Progress(quiet=quiet)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()

    def __call__(self, line: str) -> None:
        """Say a line that stays."""
        self._log(line)
        if not self._quiet:
            tell(line)

    def progress(self, done: int, total: int, rate: str, line: str) -> None:
        """Say how far the training is.

        Args:
            done, total: of the budget, in its unit.
            rate: how fast it is, for a terminal.
            line: everything, for the log and for where there is no terminal.
        """
        self._log(line)
        if self._live:
            self._progress("training", done, total, rate)
        elif not self._quiet:
            tell(line)

    def _log(self, line: str) -> None:
        if self._folder is not None:
            self._folder.log(line)
