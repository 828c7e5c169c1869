"""Workers that fuzz, watched from outside: one that dies, hangs or says too much is a finding."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from soak.commands import TRACES
from soak.tally import Tally
from soak.warm import environment
from soak.worker import Now

HANGS: Final = 60.0
"""Seconds that one case may take, on a busy machine."""

STARTS: Final = 300.0
"""Seconds until the first case: imports, and a toy training."""

GUIDED: Final = ("pictures", "models", "configs", "bundles", "packs")
"""Kinds that atheris fuzzes, too: their readers are Python, whose coverage it sees."""

STRUCTURED: Final = ("configs", "bundles", "packs", "runs", "requests")
"""Kinds that have values, which Hypothesis replaces."""


def engines(kind: str) -> list[str]:
    """The ways in which a kind is fuzzed here."""
    guided = ["atheris"] if kind in GUIDED and find_spec("atheris") else []
    return ["random", *(["hypothesis"] if kind in STRUCTURED else []), *guided]


def fuzz(kind: str, engine: str, seconds: float, tally: Tally) -> None:
    """Let a worker fuzz for so many seconds, and count what it does and finds."""
    memory = Path("/dev/shm")
    base = tempfile.mkdtemp(prefix="soak-", dir=memory if os.access(memory, os.W_OK) else None)
    folder = Path(base)
    now = Now(folder / "now")
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), kind, engine, str(time.time_ns() % 2**40)]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, str(seconds), base], env=environment(), stdout=said, stderr=said, start_new_session=True
        )
        hung = watch(process, now)
    printed = (folder / "said").read_text(encoding="utf-8", errors="replace")
    tally.add("cases", kind, now.cases)
    tally.add("engines", engine, now.cases)
    label, content = now.input
    kept = Path(tempfile.gettempdir()) / f"soak-{kind}-{time.time_ns()}"
    words = f"{kind} by {engine}, {label}"
    if hung:
        kept.write_bytes(content)
        tally.find("hung", f"{words}: {kept}")
    elif process.returncode:
        kept.write_bytes(content)
        tally.find("escaped", f"{words}: the process ends with {process.returncode}: {printed[-3000:]} ({kept})")
    found = folder / "found.jsonl"
    lines = [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()] if found.exists() else []
    for line in lines:
        tally.find("escaped", f"{kind} by {engine}, {line}")
    tally.bad["escaped"] += max(0, now.escaped - len(lines))
    if any(trace in printed for trace in TRACES) and not process.returncode:
        tally.find("tracebacks", f"{words}: {printed[-600:]}")
    if not lines:
        shutil.rmtree(folder, ignore_errors=True)


def watch(process: subprocess.Popen[bytes], now: Now) -> bool:
    """Wait for a worker; one that hangs is killed, and True."""
    cases, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        if now.cases != cases:
            cases, since = now.cases, time.monotonic()
        elif time.monotonic() - since > (HANGS if cases else STARTS):
            process.kill()
            process.wait()
            return True
    return False
