"""The run folder: config.toml, environment.json, stats.jsonl, log.txt, samples/, checkpoints/, bundles/."""

import json
import os
import platform
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from filelock import FileLock, Timeout

from anime2real import __version__
from anime2real.atomic import atomic_file
from anime2real.train.run.config import TrainConfig, TrainError

LOCK: Final = ".lock"
"""The file that a process holds while it trains in a run folder."""

STATS: Final = "stats.jsonl"
"""What the steps have said; there from the first one on."""


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
    def open(self, config: TrainConfig, pack: dict[str, Any]) -> Iterator[None]:
        """Make the folder, or take it up again; inside, no other process trains in it.

        What fails before the first step leaves nothing behind.

        Args:
            config: the training.
            pack: meta.json of its pack, kept beside it so that a run can be exported without the pack.

        Raises:
            TrainError: it holds another training (the difference is named), something else altogether, or another
                process trains in it.
        """
        table = config.as_table()
        self._check(table)
        made = [path for path in (self.root, *self.root.parents) if not path.exists()]
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise TrainError(f"another process trains in {self.root}: wait for it, or give another folder") from error
        try:
            with self._nothing_left_of_a_failed_start():
                begun = self._check(table)  # again: the other process may have begun meanwhile, and be done
                for folder in (self.samples, self.checkpoints, self.bundles):
                    folder.mkdir(exist_ok=True)
                if not begun:
                    with atomic_file(self.root / "config.toml") as temporary:
                        temporary.write_text(config.as_toml(), encoding="utf-8")
                    with atomic_file(self.root / "pack.json") as temporary:
                        temporary.write_text(json.dumps(pack, indent=1) + "\n", encoding="utf-8")
                yield
        finally:
            lock.release()
            if list(self.root.iterdir()) == [self.root / LOCK]:
                with suppress(OSError):  # another process has begun here meanwhile
                    (self.root / LOCK).unlink()
                    for path in made:
                        path.rmdir()

    @contextmanager
    def _nothing_left_of_a_failed_start(self) -> Iterator[None]:
        """Remove what a session writes here if it fails before its first step."""
        before = set(self.root.iterdir())
        try:
            yield
        except BaseException:
            if not (self.root / STATS).exists() and not any(self.checkpoints.glob("step-*")):
                for path in set(self.root.iterdir()) - before:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
            raise

    def _check(self, table: dict[str, Any]) -> bool:
        """Refuse a folder that holds anything but this training; returns whether the training has begun."""
        path = self.root / "config.toml"
        begun = any(self.checkpoints.glob("step-*"))
        if path.exists() and begun:  # what was refused before its first step is no training to protect
            differences = _differences(_read(path), table)
            if differences:
                raise TrainError(
                    f"{self.root} holds another training ({'; '.join(differences)}): repeat its command to resume, "
                    "or give another folder"
                )
        elif not path.exists() and self.root.exists() and any(p.name != LOCK for p in self.root.iterdir()):
            raise TrainError(f"{self.root} is not empty and not a run: give a new folder")
        return begun

    def records(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """config.toml, pack.json and environment.json.

        Raises:
            TrainError: where one is missing or cannot be read.
        """
        table = _read(self.root / "config.toml")
        try:
            pack, facts = (json.loads((self.root / f"{n}.json").read_text()) for n in ("pack", "environment"))
        except (OSError, ValueError) as error:
            raise TrainError(f"{self.root} is not a complete run: {error}") from error
        return table, pack, facts

    def note_start(self, started_from: Sequence[dict[str, Any]]) -> None:
        """Keep what is to be noted of the bundles that the networks started from, if any: they may change or go."""
        path = self.root / "started_from.json"
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
        path = self.root / "started_from.json"
        try:
            return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []
        except (OSError, ValueError) as error:
            raise TrainError(f"{path} cannot be read: {error}") from error

    def log(self, line: str) -> None:
        """Append a line to log.txt."""
        with (self.root / "log.txt").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def note_environment(self, device: torch.device, extra: dict[str, Any]) -> dict[str, Any]:
        """Write environment.json (the newest session) and return it."""
        cuda = device.type == "cuda"
        facts: dict[str, Any] = {
            "anime2real": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "system": f"{platform.system()} {platform.machine()}",
            "hardware": torch.cuda.get_device_name(device) if cuda else f"CPU, {os.cpu_count()} cores",
            **extra,
        }
        with atomic_file(self.root / "environment.json") as temporary:
            temporary.write_text(json.dumps(facts, indent=1) + "\n")
        return facts


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path.parent} is no run that can be read: {error}") from error


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    result = []
    for key in sorted(old.keys() | new.keys()):
        one, two = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(two, dict):
            result += _differences(one, two, f"{prefix}{key}.")
        elif one != two:
            result.append(f"{prefix}{key} {one!r} there, {two!r} here")
    return result
