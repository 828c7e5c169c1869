"""Memory and time of a pack's index, of made-up rows: made anew, and opened again.

    python benchmarks/index.py [--rows 1e6] [--folder FOLDER]

Writes an index.jsonl as of a pack with faces, hair and labels, and opens it twice, each time in a process of its own:
the first makes `index.columns`, the second maps it. The last line is JSON: bytes a picture on the disk, seconds, and
how much more memory of its own (not that of mapped files, which the system takes back) a process has at its peak than
one that opens a pack of a single picture.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import in_a_process, memory

from anime2real.data.index import Index


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
        for row in range(rows):
            file.write(f'{{"file": "pictures/{row:012d}.jpg", "sha256": "{row:064x}", {entries[row % len(entries)]}\n')


def opened(path: Path) -> dict[str, Any]:
    """Open an index, read of it what training does, and say what that took."""
    begun = time.perf_counter()
    index = Index(path)
    seconds = time.perf_counter() - begun
    rows = np.random.default_rng(0).integers(0, len(index), 1000)
    begun = time.perf_counter()
    for row in rows.tolist():
        assert index[row]["file"] == f"pictures/{row:012d}.jpg"
    assert not np.isnan(index.column("landmarks")[rows]).any()
    found = {"rows": len(index), "seconds": round(seconds, 2), "ms_a_row": round(time.perf_counter() - begun, 4)}
    told = memory()
    return found | {"own_kb": told["RssAnon"], "peak_kb": told["VmHWM"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--folder", type=Path, help="for the index; a temporary one if not given")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        print(json.dumps(opened(options.open)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        few, path = Path(folder) / "few.jsonl", Path(folder) / "index.jsonl"
        write(few, 1)
        write(path, round(options.rows))
        nothing, made, again = (in_a_process(__file__, "--open", str(p)) for p in (few, path, path))
        kept = path.with_suffix(".columns")
        lines = {"rows": made["rows"], "bytes_a_line": round(path.stat().st_size / made["rows"], 1)}
        if kept.is_file():
            lines["bytes_of_columns"] = round(kept.stat().st_size / made["rows"], 1)
    for name, found in (("made", made), ("again", again)):
        own = (found["own_kb"] - nothing["own_kb"]) * 1024 / found["rows"]
        lines[name] = {"seconds": found["seconds"], "own_bytes_a_picture": round(own, 1)}
        lines[name] |= {"own_mb": round(found["own_kb"] / 1024, 1), "ms_to_read_a_line": found["ms_a_row"]}
        lines[name] |= {"peak_with_mapped_mb": round(found["peak_kb"] / 1024)}
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
