"""What a soak has done and found, added up over its runs in one file."""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from anime2real.atomic import atomic_file

COUNTED: Final = ("kills", "full_disks", "read_only", "cases", "engines", "left_out")
"""What is counted by kind."""

BAD: Final = ("lost", "escaped", "hung", "tracebacks")
"""What must stay 0: results lost or half-written, exceptions and deaths beside the one line, cases without an end, and
tracebacks."""

FINDINGS: Final = 50
"""Of which the file keeps the words."""


class Tally:
    """Counts by kind, what must be 0, and a line for each finding."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
        self.bad: Counter[str] = Counter()
        self.findings: list[str] = []

    def add(self, what: str, kind: str, count: int = 1) -> None:
        """Count something done."""
        self.counts[what][kind] += count

    def find(self, bad: str, words: str) -> None:
        """Count something that must not be."""
        assert bad in BAD
        self.bad[bad] += 1
        self.findings.append(f"{bad}: {words}")

    def record(self) -> dict[str, Any]:
        """All of it, for JSON."""
        counts = {name: dict(sorted(found.items())) for name, found in self.counts.items()}
        return {
            **counts, "all_kills": self.counts["kills"].total(), "all_cases": self.counts["cases"].total(),
            **{name: self.bad[name] for name in BAD}, "runs": 1, "seconds": round(time.monotonic() - self.started),
            "findings": self.findings[:FINDINGS],
        }  # fmt: skip

    def added_to(self, path: Path | None) -> dict[str, Any]:
        """The sums of this run and of those before it in a file, which holds them from now on; alone without a file."""
        own = self.record()
        if path is None:
            return own
        with FileLock(f"{os.path.abspath(path)}.lock"):
            before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            total = _sum(before, own)
            with atomic_file(path) as temporary:
                temporary.write_text(json.dumps(total) + "\n", encoding="utf-8")
        return total


def _sum(one: Any, two: Any) -> Any:
    if isinstance(two, dict):
        return {key: _sum(one.get(key), two.get(key)) for key in dict.fromkeys((*one, *two))} if one else two
    if two is None or one is None:
        return one if two is None else two
    return (one + two)[:FINDINGS] if isinstance(two, list) else one + two
