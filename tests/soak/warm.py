"""Commands in processes that need not import anything first: forks of one that has. Each is a process of its own.

A training spends ten times as long on its imports as on eight small steps; a kill in them shows nothing.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from soak.small import __file__ as SMALL

SOURCE: Final = Path(__file__).parents[2] / "src"

HANGS: Final = 600.0
"""Seconds that a command may take, on a busy machine."""


def environment() -> dict[str, str]:
    """For processes: this source, and one thread, as the tests'."""
    path = os.pathsep.join((str(SOURCE), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def line(arguments: Sequence[str]) -> list[str]:
    """What to run for a command in a process that begins with nothing."""
    return [sys.executable, SMALL, *arguments]


class Warm:
    """The process that forks for each command; one command runs at a time."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="soak-said-"))
        self._process = subprocess.Popen(
            line(["--wait"]), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self, arguments: Sequence[str]) -> "Running":
        """Begin a command."""
        said = (self._folder / "stdout", self._folder / "stderr")
        for path in said:
            path.unlink(missing_ok=True)
        asked = {"arguments": list(arguments), "stdout": str(said[0]), "stderr": str(said[1])}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        number = self.told(HANGS)
        assert number, "the process that forks does not answer"
        return Running(self, int(number), said)

    def told(self, seconds: float) -> str | None:
        """The next line that it prints, if it comes within so many seconds."""
        assert self._process.stdout
        line = b""
        end = time.monotonic() + seconds
        while not line.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                assert not line
                return None
            read = os.read(self._process.stdout.fileno(), 1)
            assert read, "the process that forks has ended"
            line += read
        return line.decode().strip()

    def run(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end.

        Raises:
            subprocess.TimeoutExpired: it does not come to one.
        """
        running = self.start(arguments)
        if (code := running.wait(HANGS)) is None:
            running.kill()
            running.wait(HANGS)
            raise subprocess.TimeoutExpired(list(arguments), HANGS)
        return subprocess.CompletedProcess(list(arguments), code, *running.said())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class Running:
    """A command that runs, in a group of processes of its own.

    Attributes:
        number: of its process, and of the group.
    """

    def __init__(self, by: Warm, number: int, said: tuple[Path, Path]) -> None:
        self._by, self.number, self._said = by, number, said

    def wait(self, seconds: float) -> int | None:
        """Its exit code, negative for a signal; None if it has not ended within so many seconds."""
        told = self._by.told(seconds)
        return None if told is None else int(told)

    def kill(self) -> None:
        """Kill it, and nothing that it has started."""
        os.kill(self.number, signal.SIGKILL)

    def said(self) -> tuple[str, str]:
        """What it printed on stdout and stderr."""
        out, err = (path.read_text(encoding="utf-8", errors="replace") if path.exists() else "" for path in self._said)
        return out, err
