"""Memory and time of a pack's index, of made-up rows: made anew, and opened again.

    python benchmarks/index.py [--rows 1e6] [--processes 1] [--folder FOLDER]

Writes an index.jsonl as of a pack with faces, hair and labels, and opens it twice, each time in a process of its own:
the first makes `index.columns`, with the help of others if `--processes` says so, the second maps it. The last line is
JSON: bytes a picture on the disk, seconds, and how much more memory of its own (not that of mapped files, which the
system takes back) a process has at its peak than one that opens a pack of a single picture; a line like it stands
after each step.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import in_a_process, memory

from anime2real.data.index import Index
from anime2real.data.workers import processes_here


def write(path: Path, rows: int) -> None:
    """An index of so many rows."""
    random = np.random.default_rng(0)
    entries = []
    for row in range(min(rows, 1000)):
        entry: dict[str, Any] = {"domain": ("anime", "real")[row % 2], "split": "train", "scale": 1.1, "weight": 1.0}
        entry |= {"landmarks": np.round(random.random((5, 2)) * 256, 2).tolist(), "tilt": float(random.normal())}
        entry |= {"frame": np.round(random.random((2, 3)), 6).tolist(), "who": [0.31, 0.24], "hair": [40.1, 10.2, 7.9]}
        entries.append(json.dumps(entry, sort_keys=True)[1:])
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, rows, 1000):
            file.write("".join(
                f'{{"file": "pictures/{row:012d}.jpg", "sha256": "{row:064x}", {entry}\n'
                for row, entry in zip(range(start, min(start + 1000, rows)), entries, strict=False)
            ))  # fmt: skip


def opened(path: Path, processes: int) -> dict[str, Any]:
    """Open an index, read of it what training does, and say what that took."""
    begun = time.perf_counter()
    index = Index(path, processes_here(processes) if processes > 1 else None)
    seconds = time.perf_counter() - begun
    cpu = sum(os.times()[:4])  # of the processes that have ended, too
    rows = np.random.default_rng(0).integers(0, len(index), 1000)
    begun = time.perf_counter()
    for row in rows.tolist():
        assert index[row]["file"] == f"pictures/{row:012d}.jpg"
    assert not np.isnan(index.column("landmarks")[rows]).any()
    found = {
        "rows": len(index),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "ms_a_row": round(time.perf_counter() - begun, 4),
    }
    told = memory()
    return found | {"own_kb": told["RssAnon"], "peak_kb": told["VmHWM"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--folder", type=Path, help="for the index; a temporary one if not given")
    parser.add_argument("--processes", type=int, default=1, help="that make the columns")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        print(json.dumps(opened(options.open, options.processes)))
        return
    rows, begun = round(options.rows), time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        few, path = Path(folder) / "few.jsonl", Path(folder) / "index.jsonl"
        write(few, 1)
        write(path, rows)
        lines: dict[str, Any] = {"rows": rows, "processes": options.processes}
        lines["seconds_to_write"] = round(time.perf_counter() - begun, 2)
        lines["bytes_a_line"] = round(path.stat().st_size / rows, 1)
        print(json.dumps(lines), flush=True)
        nothing = in_a_process(__file__, "--open", str(few))
        for name in ("made", "again"):
            found = in_a_process(__file__, "--processes", str(options.processes), "--open", str(path))
            own = (found["own_kb"] - nothing["own_kb"]) * 1024 / rows
            lines[name] = {"seconds": found["seconds"], "cpu_seconds": found["cpu_seconds"]}
            lines[name] |= {"own_bytes_a_picture": round(own, 1), "own_mb": round(found["own_kb"] / 1024, 1)}
            lines[name] |= {"ms_to_read_a_line": found["ms_a_row"]}
            lines[name] |= {"peak_with_mapped_mb": round(found["peak_kb"] / 1024)}
            lines["disk_gb"] = round(sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e9, 2)
            print(json.dumps(lines), flush=True)


if __name__ == "__main__":
    main()
