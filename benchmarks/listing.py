"""Memory of `prepare` for each picture: while an archive of made-up names is listed, and while its pictures are read.

    python benchmarks/listing.py [--pictures 1e6] [--folder FOLDER]

Writes a zip archive of so many empty files, named as pictures are, and lists it as `prepare` does, in a process of its
own; then makes the columns of what is known of each. The last line is JSON: bytes a picture beyond what a process has
that lists a single one, at the peak, and of the list and the columns, which stay until all pictures are read.
"""

import argparse
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from memory import in_a_process, memory

from anime2real.data.members import list_source
from anime2real.data.shards import Facts


def write(path: Path, pictures: int) -> None:
    """An archive of so many empty files."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(pictures):
            archive.writestr(zipfile.ZipInfo(f"train/{number:012d}.jpg"), b"")


def listed(path: Path) -> dict[str, Any]:
    """List an archive, fill the columns, and say what that took."""
    begun = time.process_time()
    listing = list_source(path, "anime", None)
    seconds, peak = time.process_time() - begun, memory()["VmHWM"]
    facts = Facts.empty(len(listing.members))
    for column in facts.columns().values():
        column[...] = 1  # memory that nobody has written to is none
    assert len(facts.sums) == len(listing.members)
    return {"cpu_seconds": round(seconds, 2), "peak_kb": peak, "kept_kb": memory()["RssAnon"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=float, default=1e6)
    parser.add_argument("--folder", type=Path, help="for the archive; a temporary one if not given")
    parser.add_argument("--list", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        print(json.dumps(listed(options.list)))
        return
    pictures = round(options.pictures)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        few, path = Path(folder) / "few.zip", Path(folder) / "pictures.zip"
        write(few, 1)
        write(path, pictures)
        nothing, found = (in_a_process(__file__, "--list", str(each)) for each in (few, path))
    line = {name: round((found[f"{name}_kb"] - nothing[f"{name}_kb"]) * 1024 / pictures) for name in ("peak", "kept")}
    print(json.dumps({
        "pictures": pictures, "bytes_a_picture_at_the_peak": line["peak"], "bytes_a_picture_kept": line["kept"],
        "cpu_seconds": found["cpu_seconds"],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
