"""Figures of a training, every few seconds: a line of stats.jsonl, and events for TensorBoard where they are asked for.

A line is {"step", "pairs", "seconds", "pairs_per_second", "learning_rate", "losses": {name: value}}.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from anime2real.atomic import atomic_file
from anime2real.train.run.config import TrainError
from anime2real.train.run.folder import STATS


class Stats:
    """Where the figures go.

    Args:
        file: stats.jsonl, open.
        events: a SummaryWriter, or None.
    """

    def __init__(self, file: IO[str], events: Any = None) -> None:
        self._file, self._events = file, events

    def write(self, figures: dict[str, Any]) -> None:
        """Append the figures of a step."""
        self._file.write(json.dumps(figures) + "\n")
        self._file.flush()
        if self._events is None:
            return
        scalars = {f"losses/{name}": value for name, value in figures["losses"].items()}
        scalars |= {name: figures[name] for name in ("pairs_per_second", "learning_rate")}
        for name, value in scalars.items():
            self._events.add_scalar(name, value, figures["pairs"])
        self._events.flush()


def need_tensorboard() -> None:
    """Refuse to write events, in one line, where TensorBoard is not installed.

    Raises:
        TrainError: it is not.
    """
    if find_spec("tensorboard") is None:
        raise TrainError('--tensorboard needs tensorboard: pip install "anime2real[tensorboard]"')


@contextmanager
def open_stats(root: Path, step: int, say: Callable[[str], object], *, tensorboard: bool = False) -> Iterator[Stats]:
    """The figures of a run, to append to; what a session that was killed wrote after `step` is taken out first.

    Lines that are none are kept aside, in stats.damaged.jsonl; one that a kill cut off at the end is dropped.

    Args:
        root: the run folder.
        step: the steps that the run has behind it.
        say: gets a line if some are kept aside.
        tensorboard: write events below `root` as well; a session's own are never taken out.
    """
    path = root / STATS
    if path.exists():
        lines = path.read_bytes().splitlines(keepends=True)
        steps = [_step_of(line) for line in lines]
        damaged = [line for line, at in zip(lines, steps, strict=True) if at is None and line.endswith(b"\n")]
        if damaged:
            aside = path.with_suffix(".damaged.jsonl")
            with aside.open("ab") as file:
                file.writelines(damaged)
            say(f"{path} has {len(damaged)} damaged lines: they are in {aside.name} now")
        with atomic_file(path) as temporary:
            kept = (line for line, at in zip(lines, steps, strict=True) if at is not None and at <= step)
            temporary.write_bytes(b"".join(kept))
    events = None
    if tensorboard:
        from torch.utils.tensorboard import SummaryWriter

        events = SummaryWriter(str(root / "tensorboard"))
    try:
        with path.open("a", encoding="utf-8") as file:
            yield Stats(file, events)
    finally:
        if events is not None:
            events.close()


def _step_of(line: bytes) -> int | None:
    """The step that a line tells; None for a line that is none."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return step if type(step) is int and line.endswith(b"\n") else None
