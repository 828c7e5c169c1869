"""Methods built from their options, and runs restored from their folders: to export them, or to use them in another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from anime2real.domain import Domain
from anime2real.train.method import Method
from anime2real.train.methods.registry import METHODS
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import TrainConfig, TrainError, TrainOptionError
from anime2real.train.run.folder import RunFolder


@dataclass(frozen=True)
class Restored:
    """A run as its newest checkpoint stands: config.toml, pack.json and environment.json beside it."""

    method: Method
    config: TrainConfig
    pack: dict[str, Any]
    facts: dict[str, Any]
    progress: RunProgress


def build(name: str, options: Any, size: int) -> Method:
    """A method with new weights.

    Args:
        name: of the method.
        options: its configuration.
        size: S, pixels a side.

    Raises:
        TrainError: the pictures do not fit the options, or runs that the options name do not.
    """
    kind: Callable[..., Method] = METHODS[name]
    runs = getattr(options, "maps", ())
    arguments = (options, size, [frozen_translators(Path(run), size) for run in runs]) if runs else (options, size)
    try:
        return kind(*arguments)
    except (MemoryError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "not enough memory"
        raise TrainError(f"{name} cannot be built at {size} px with these options: {reason}") from error


def restore_run(run: Path) -> Restored:
    """A run as its newest checkpoint has it.

    Raises:
        TrainError: if `run` is no run, or has no checkpoint yet.
    """
    folder = RunFolder(run)
    config, pack, facts = folder.records()
    method = build(config.method, config.options, pack["size"])
    method.make_optimizers(config.options.learning_rate)
    method.start_average(len(config.ema_shares))
    progress, passed = checkpoint.load_newest(folder.checkpoints, method)
    if not progress.step:
        raise TrainError(f"{run} has no checkpoint yet" + "".join(f"; {line}" for line in passed))
    method.started_from = folder.started_from()
    method.enter(config.budget.progress(progress.pairs, progress.seconds))
    return Restored(method, config, pack, facts, progress)


def frozen_translators(run: Path, size: int) -> dict[Domain, nn.Module]:
    """The final translators of a run, by the domain that they start from.

    Raises:
        TrainError: if `run` is no run, is of another size, or goes one way only.
    """
    if not run.exists():
        raise TrainOptionError(f"{run} is not there: a map is a run")
    restored = restore_run(run)
    if restored.pack["size"] != size:
        raise TrainError(f"{run} translates {restored.pack['size']} px, this training {size}: maps must be of its size")
    translators = {p.source: p.module for p in restored.method.translators() if p.final and not p.conditions}
    if len(translators) != 2:
        raise TrainError(f"{run} does not offer both directions without a condition: it cannot be a map")
    return {source: module.requires_grad_(False).eval() for source, module in translators.items()}
