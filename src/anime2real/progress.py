"""The progress of long work, a line on stderr, drawn by rich, if that is a terminal; and other lines on stderr."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any


class Progress:
    """A line that says what is being done, how much of it, and how long the rest will take.

    It is drawn from the first call on, and only if stderr is a terminal; rich is imported then.

    Args:
        quiet: draw nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, total: int | None = None, note: str = "") -> None:
        """Report progress.

        Args:
            what: the work, such as `looking for faces`; other work replaces the line.
            done, total: how many things are done, of how many if that is known.
            note: text after the name of the work, such as its speed.
        """
        if self._quiet or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
        for name, task in self._tasks.items():
            self._bar.update(task, visible=name == what)
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(_printable(what), total=total)
        said = _printable(f"{what}  {note}".rstrip())
        self._bar.update(self._tasks[what], completed=done, total=total, description=said)

    def close(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar, self._tasks = None, {}

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def tell(line: str) -> None:
    """Print a line on stderr; nothing stops if it cannot be printed, as on a full disk, or where nobody reads it."""
    from anime2real.image.decode import printable  # not above: `--help` needs no Pillow

    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)


@contextmanager
def told_when_stopped(say: Callable[[], str]) -> Iterator[None]:
    """Let an interruption tell how far the work was, and what is kept of it."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        stopped.args = (say(),)
        raise


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Lines for stdout go through the bar where both are one terminal, and straight to it where it is a file or a pipe.
    return Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())


def _printable(text: str) -> str:
    from rich.markup import escape

    from anime2real.image.decode import printable

    return escape(printable(text))
