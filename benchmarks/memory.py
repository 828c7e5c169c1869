"""Measures in a process of its own, so that memory is what the one thing took."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any


def memory() -> dict[str, int]:
    """What the kernel says of this process's memory, kB: `RssAnon`, its own now, `VmHWM`, its peak, and others."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return {name: int(kb) for name, kb in re.findall(r"(\w+):\s+(\d+) kB", status)}


def in_a_process(script: str, *arguments: str) -> dict[str, Any]:
    """The line of JSON that a script prints."""
    done = subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
