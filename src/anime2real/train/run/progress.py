"""What a training says: to log.txt always, to stderr unless it is quiet, with a bar on a terminal."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from anime2real.train.run.folder import RunFolder


class Reporter:
    """Reports a training line by line; used as a context, so that a bar ends with it.

    Args:
        folder: the run, whose log.txt gets every line.
        quiet: nothing on stderr.
    """

    def __init__(self, folder: RunFolder, *, quiet: bool) -> None:
        self._folder, self._quiet = folder, quiet
        self._bar: Progress | None = None
        if not quiet and sys.stderr.isatty():
            columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("", total=1.0, visible=False)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, line: str) -> None:
        """Say a line that stays."""
        self._folder.log(line)
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        elif not self._quiet:
            print(line, file=sys.stderr, flush=True)

    def progress(self, share: float, rate: str, line: str) -> None:
        """Say how far the training is.

        Args:
            share: of the budget, in [0, 1].
            rate: how fast it is, which stands beside a bar.
            line: everything, for the log and where there is no bar.
        """
        self._folder.log(line)
        if self._bar is not None:
            self._bar.update(self._task, completed=share, description=rate, visible=True)
        elif not self._quiet:
            print(line, file=sys.stderr, flush=True)
