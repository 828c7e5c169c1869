"""A process that tries damaged inputs until its time is over; `fuzzing.py` starts and watches it.

    python tests/soak/worker.py KIND ENGINE SEED SECONDS FOLDER

What it tries at the moment lies in FOLDER/now, in memory that both share, so that it is known after a crash; what it
finds is appended to FOLDER/found.jsonl.
"""

import json
import mmap
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from soak.mutate import damaged, replaced
from soak.targets import TARGETS, Target, is_text

NOW_BYTES: Final = 2**20
MOST_MEMORY: Final = 3 * 2**30
"""Bytes that a worker may take: 3 GB, of which ONNX Runtime may be given 2."""


class Now:
    """Shared memory: the number of cases, those that escaped, and what is being tried.

    Args:
        path: of the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(NOW_BYTES))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), NOW_BYTES)

    def _number(self, place: int) -> int:
        return int.from_bytes(self._memory[8 * place : 8 * place + 8])

    def _set(self, place: int, value: int) -> None:
        self._memory[8 * place : 8 * place + 8] = value.to_bytes(8)

    @property
    def cases(self) -> int:
        return self._number(0)

    @property
    def escaped(self) -> int:
        return self._number(1)

    @property
    def input(self) -> tuple[str, bytes]:
        """What is being tried: its label and content, cut off at a megabyte."""
        label, length = self._number(3), self._number(2)
        return self._memory[32 : 32 + label].decode(), self._memory[32 + label : 32 + label + length]

    def begin(self, label: str, content: bytes) -> None:
        """Note what is tried next."""
        name = label.encode()
        content = content[: NOW_BYTES - 32 - len(name)]
        self._memory[32 : 32 + len(name) + len(content)] = name + content
        self._set(3, len(name))
        self._set(2, len(content))

    def done(self, *, escaped: bool = False) -> None:
        """Count a case."""
        self._set(0, self.cases + 1)
        self._set(1, self.escaped + escaped)


class Worker:
    """Tries one target's inputs."""

    def __init__(self, target: Target, folder: Path, seconds: float) -> None:
        self.target, self.now, self.folder = target, Now(folder / "now"), folder
        self.end = time.monotonic() + seconds
        self._found: set[str] = set()

    def over(self) -> bool:
        return time.monotonic() > self.end

    def __call__(self, label: str, content: bytes) -> None:
        """Try an input; what escapes is noted, once for each place that it comes from."""
        self.now.begin(label, content)
        try:
            self.target.attempt(label, content)
        except Exception as error:
            self.now.done(escaped=True)
            self._note(label, content, error)
        else:
            self.now.done()

    def _note(self, label: str, content: bytes, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [at for at in traceback.extract_tb(error.__traceback__) if "anime2real" in at.filename]
        place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        if place in self._found:
            return
        self._found.add(place)
        kept = self.folder / f"escaped-{len(self._found)}"
        kept.write_bytes(content)
        by = f", by {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
        words = f"{label}: {place}{by}: {str(error)[:200]} ({kept})"
        with (self.folder / "found.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")


def at_random(worker: Worker, seed: int) -> None:
    """Bytes and words changed at random."""
    choose, seeds = random.Random(seed), worker.target.seeds
    while not worker.over():
        label, content = choose.choice(seeds)
        worker(label, damaged(content, choose, text=is_text(label)))


def by_hypothesis(worker: Worker, seed: int) -> None:
    """Values of JSON and TOML replaced by others of any kind; bytes by others, where there are no values."""
    import tomllib

    import hypothesis
    import tomli_w
    from hypothesis import strategies as st

    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    values = st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    )
    seeds = worker.target.seeds

    def made(label: str, content: bytes, place: int, value: Any, raw: bytes) -> bytes:
        if label.endswith(".json"):
            return json.dumps(replaced(json.loads(content), place, value)).encode()
        if label.endswith(".jsonl"):
            lines = content.splitlines()
            lines[place % len(lines)] = json.dumps(
                replaced(json.loads(lines[place % len(lines)]), place, value)
            ).encode()
            return b"\n".join(lines) + b"\n"
        if label.endswith(".toml"):
            try:
                return tomli_w.dumps(replaced(tomllib.loads(content.decode()), place, value)).encode()
            except (TypeError, ValueError, AttributeError):  # TOML has no null
                pass
        at = place % (len(content) + 1)
        return content[:at] + raw + content[at + len(raw) :]

    number = 0
    while not worker.over():
        number += 1

        @hypothesis.seed(seed * 1_000_003 + number)
        @hypothesis.settings(
            max_examples=200, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(st.sampled_from(seeds), st.integers(0, 2**31), values, st.binary(max_size=40))
        def some(one: tuple[str, bytes], place: int, value: Any, raw: bytes) -> None:
            if not worker.over():
                worker(one[0], made(*one, place, value, raw))

        some()


def by_atheris(worker: Worker, seed: int) -> None:
    """Inputs chosen by what code they reach: libFuzzer, by atheris. Ends the process."""
    import atheris

    labels = sorted({label for label, _ in worker.target.seeds})
    corpus = worker.folder / "corpus"
    corpus.mkdir()
    for number, (label, content) in enumerate(worker.target.seeds):
        (corpus / str(number)).write_bytes(bytes((labels.index(label),)) + content)

    def one(data: bytes) -> None:
        if data:
            worker(labels[data[0] % len(labels)], data[1:])

    seconds = max(1, round(worker.end - time.monotonic()))
    # Its watch looks once a second and ends the process: at 0 a machine that is busy for a second would do.
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed % 2**31 or 1}",
        "-rss_limit_mb=0",
        "-timeout=60",
        "-verbosity=0",
    ]
    options += ["-max_len=65536", "-len_control=0", str(corpus)]
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


ENGINES: Final[dict[str, Callable[[Worker, int], None]]] = {
    "random": at_random, "hypothesis": by_hypothesis, "atheris": by_atheris,
}  # fmt: skip


def main() -> int:
    kind, engine, seed, seconds, folder = *sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["anime2real"]):
            target = TARGETS[kind](_work(folder))
    else:
        target = TARGETS[kind](_work(folder))
    ENGINES[engine](Worker(target, folder, seconds), seed)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    if most > MOST_MEMORY:
        with (folder / "found.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(f"memory: {most >> 20} MB") + "\n")
    sys.stdout.flush()
    return 0


def _work(folder: Path) -> Path:
    work = folder / "work"
    work.mkdir()
    return work


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()

    os._exit(code)  # servers that were asked have threads of their own
