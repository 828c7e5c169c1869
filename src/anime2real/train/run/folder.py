"""The run folder: config.toml, environment.json, stats.jsonl, log.txt, samples/, checkpoints/, bundles/."""

import json
import os
import platform
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch

from anime2real import __version__
from anime2real.atomic import atomic_file, remove_partial_files
from anime2real.data.meta import read_meta
from anime2real.train.run.config import TrainConfig, TrainError
from anime2real.train.run.lock import locked
from anime2real.train.run.table import config_from

Kind = TypeVar("Kind", dict[str, Any], list[Any])

LOCK: Final = ".lock"
"""The file that a process holds while it trains in a run folder."""

CONFIG: Final = "config.toml"
STARTED_FROM: Final = "started_from.json"

LARGEST_SIDE: Final = 4096
"""Pixels a side that no pack goes beyond."""

STATS: Final = "stats.jsonl"
"""What the steps have said; there from the first one on."""


@dataclass(frozen=True)
class OpenRun:
    """A run folder that this process alone trains in.

    Attributes:
        root: the folder.
        config: the training, with the budgets that it had before.
        lock: what tells the lock that is held from any other: device, inode.
    """

    root: Path
    config: TrainConfig
    lock: tuple[int, int] | None

    def check(self) -> None:
        """Make sure that the folder is still the one that was opened.

        Raises:
            TrainError: it was deleted, moved, or another run has taken its place.
        """
        if _identity(self.root / LOCK) != self.lock:
            raise TrainError(
                f"{self.root} was deleted or moved while it trained: nothing more of this training can be saved"
            )


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one training lies."""

    root: Path

    @property
    def samples(self) -> Path:
        """Sample grids."""
        return self.root / "samples"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints."""
        return self.root / "checkpoints"

    @property
    def bundles(self) -> Path:
        """Finished translators."""
        return self.root / "bundles"

    @contextmanager
    def open(self, config: TrainConfig, pack: dict[str, Any]) -> Iterator[OpenRun]:
        """Make the folder, or take it up again; inside, no other process trains in it.

        What fails before the first step leaves nothing behind. A run that is given a longer budget than it has gets
        it, and remembers the shorter one.

        Args:
            config: the training.
            pack: meta.json of its pack, kept beside it so that a run can be exported without the pack.

        Raises:
            TrainError: it cannot be made, holds another training (the difference is named), something else altogether,
                or another process trains in it.
        """
        self._check(config)
        made = [path for path in (self.root, *self.root.parents) if not path.exists()]
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainError(f"{self.root} cannot be made ({error.strerror}): name another folder") from error
        before = set(self.root.iterdir())
        with locked(self.root / LOCK, f"another process trains in {self.root}: wait for it, or give another folder"):
            run = OpenRun(self.root, config, _identity(self.root / LOCK))
            try:
                begun, config = self._check(config)  # again: the other process may have begun meanwhile, and be done
                for folder in (self.root, self.samples, self.checkpoints, self.bundles):
                    folder.mkdir(exist_ok=True)
                    remove_partial_files(folder)
                if not begun:
                    with atomic_file(self.root / "pack.json") as temporary:
                        temporary.write_text(json.dumps(pack, indent=1) + "\n", encoding="utf-8")
                if not begun or config.earlier_budgets:
                    with atomic_file(self.root / CONFIG) as temporary:
                        temporary.write_text(config.as_toml(), encoding="utf-8")
                yield replace(run, config=config)
            finally:
                if _identity(self.root / LOCK) == run.lock:
                    self._remove_what_never_began(before, made)

    def _remove_what_never_began(self, before: set[Path], made: list[Path]) -> None:
        """Remove what a session wrote here if it failed before its first step, and the folders that it made."""
        if (self.root / STATS).exists() or any(self.checkpoints.glob("step-*")):
            return
        for path in set(self.root.iterdir()) - before - {self.root / LOCK}:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        if list(self.root.iterdir()) == [self.root / LOCK]:
            with suppress(OSError):  # somebody has put something there meanwhile; Windows removes nothing that is open
                (self.root / LOCK).unlink()
                for path in made:
                    path.rmdir()

    def _check(self, config: TrainConfig) -> tuple[bool, TrainConfig]:
        """Refuse a folder that holds anything but this training.

        Returns:
            whether the training has begun, and its configuration: with the budgets that it had before.
        """
        if self.root.exists() and not self.root.is_dir():
            raise TrainError(f"{self.root} is no folder: name another folder")
        path = self.root / CONFIG
        begun = any(self.checkpoints.glob("step-*"))
        if path.exists() and begun:  # what was refused before its first step is no training to protect
            old = config_from(_read(path), path)
            earlier = old.earlier_budgets
            if config.budget.longer_than(old.budget):
                earlier = (*earlier, old.budget)
                old = replace(old, budget=config.budget)
            config, old = replace(config, earlier_budgets=earlier), replace(old, earlier_budgets=earlier)
            differences = _differences(old.as_table(), config.as_table())
            if differences:
                shorter = "; a budget can only grow" if old.budget != config.budget else ""
                raise TrainError(
                    f"{self.root} holds another training ({'; '.join(differences)}{shorter}): repeat its command to "
                    "resume, or give another folder"
                )
        elif begun:
            raise TrainError(f"{self.root} has checkpoints and no {CONFIG}: put it back, or give a new folder")
        elif not path.exists() and self.root.exists() and any(p.name != LOCK for p in self.root.iterdir()):
            raise TrainError(f"{self.root} is not empty and not a run: give a new folder")
        return begun, config

    def batch_size(self) -> int | None:
        """The batch of a run that has begun; None for a new one.

        Raises:
            TrainError: its configuration cannot be read.
        """
        if not any(self.checkpoints.glob("step-*")):
            return None
        return int(config_from(_read(self.root / CONFIG), self.root / CONFIG).options.batch_size)

    def records(self) -> tuple[TrainConfig, dict[str, Any], dict[str, Any]]:
        """config.toml, pack.json and environment.json.

        Raises:
            TrainError: where one is missing or damaged.
        """
        config = config_from(_read(self.root / CONFIG), self.root / CONFIG)
        facts, path = self._json("environment.json", dict), self.root / "pack.json"
        try:
            pack = read_meta(path)
        except (OSError, ValueError, RecursionError) as error:
            raise TrainError(f"{path} is damaged ({error}): put the meta.json of its pack in its place") from error
        if pack["size"] > LARGEST_SIDE:
            raise TrainError(f"{path} is damaged: it tells of pictures of {pack['size']} px")
        if not {"torch", "hardware"} <= facts.keys():
            raise TrainError(f"{self.root / 'environment.json'} is damaged: it does not tell torch and hardware")
        return config, pack, facts

    def _json(self, name: str, kind: type[Kind]) -> Kind:
        path = self.root / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise TrainError(f"{path} cannot be read: {error or 'it is nested too deep'}") from error
        if not isinstance(value, kind):
            raise TrainError(f"{path} is damaged: it holds no {kind.__name__}")
        return value

    def note_start(self, started_from: Sequence[dict[str, Any]]) -> None:
        """Keep what is to be noted of the bundles that the networks started from, if any: they may change or go."""
        path = self.root / STARTED_FROM
        if not started_from:  # of a session that stopped before its first checkpoint
            path.unlink(missing_ok=True)
            return
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(list(started_from), indent=1) + "\n", encoding="utf-8")

    def started_from(self) -> list[dict[str, Any]]:
        """What `note_start` kept; nothing for a run that started from nothing.

        Raises:
            TrainError: it cannot be read.
        """
        if not (self.root / STARTED_FROM).exists():
            return []
        facts = self._json(STARTED_FROM, list)
        if not all(isinstance(bundle, dict) for bundle in facts):
            raise TrainError(f"{self.root / STARTED_FROM} is damaged: it holds other things than bundles")
        return facts

    def log(self, line: str) -> None:
        """Append a line to log.txt."""
        with (self.root / "log.txt").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def note_environment(self, device: torch.device, extra: dict[str, Any], devices: int = 1) -> dict[str, Any]:
        """Write environment.json (the newest session) and return it; `devices` like this one train together."""
        cuda = device.type == "cuda"
        hardware = torch.cuda.get_device_name(device) if cuda else f"CPU, {os.cpu_count()} cores"
        facts: dict[str, Any] = {
            "anime2real": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "system": f"{platform.system()} {platform.machine()}",
            "hardware": hardware if devices == 1 else f"{devices} × {hardware}",
            **extra,
        }
        with atomic_file(self.root / "environment.json") as temporary:
            temporary.write_text(json.dumps(facts, indent=1) + "\n")
        return facts


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise TrainError(f"{path.parent} is no run that can be read: {path.name}: {why}") from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    result = []
    for key in sorted(old.keys() | new.keys()):
        one, two = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(two, dict):
            result += _differences(one, two, f"{prefix}{key}.")
        elif one != two:
            result.append(f"{prefix}{key} {one!r} there, {two!r} here")
    return result
