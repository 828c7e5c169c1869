"""How a run is trained this time, and where that left it."""

from dataclasses import dataclass, field
from pathlib import Path

from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.step import Speed


@dataclass(frozen=True)
class Session:
    """What may differ between two sessions of one run.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `cuda:1`, …
        speed: the means to use; `None` for the best that the device has.
        checkpoint_seconds: between checkpoints.
        log_seconds: between lines of stats.jsonl and of progress.
        tensorboard: write events for TensorBoard beside stats.jsonl.
        quiet: no progress on stderr.
        readers: processes that read pictures as the steps need them, also where all fit into the device's memory;
            `None` for as many as there are cores to spare, and only where not all fit.
    """

    device: str = "auto"
    speed: Speed | None = None
    checkpoint_seconds: float = 120.0
    log_seconds: float = 5.0
    tensorboard: bool = False
    quiet: bool = False
    readers: int | None = None


@dataclass
class Status:
    """Where a finished or stopped session left the run."""

    finished: bool
    progress: RunProgress
    bundles: list[Path] = field(default_factory=list)
