"""Memory for each picture of `prepare`, while names are listed and pictures read, and of `translate`, and its start.

    python benchmarks/listing.py [--pictures 1e6] [--folder FOLDER]

Writes a zip archive of so many empty files, named as pictures are, and lists it as `prepare` does, in a process of its
own; then makes the columns of what is known of each. The last line is JSON: bytes a picture beyond what a process has
that lists a single one, at the peak, and of the list and the columns, which stay until all pictures are read. Then a
tenth as many empty files in folders of a thousand, and as many in one folder, get the places of their results as
`translate` gives them: bytes a picture at the peak beyond those of one folder of a thousand, and processor seconds
until it knows the first.
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
from anime2real.image.files import Search
from anime2real.outcome import Options
from anime2real.results import Places


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


def write_files(folder: Path, pictures: int, each: int) -> Path:
    """A folder of folders of so many empty files each."""
    for number in range(pictures):
        path = folder / f"{number // each:06d}" / f"{number:09d}.jpg"
        if number % each == 0:
            path.parent.mkdir(parents=True)
        path.touch()
    return folder


def placed(folder: Path) -> dict[str, Any]:
    """Go over the places of the results of a folder's pictures."""
    begun = time.process_time()
    output = folder.with_name("out")
    items = iter(Places(Search([folder], output=output), output, Options(), lambda path, options: None))
    next(items)
    seconds = time.process_time() - begun
    return {"seconds": round(seconds, 3), "pictures": 1 + sum(1 for _ in items), "peak_kb": memory()["VmHWM"]}


def placing(folder: Path, pictures: int) -> dict[str, Any]:
    """What is measured of `translate`."""
    layouts = {"few": (1000, 1000), "folders": (pictures, 1000), "one_folder": (pictures, pictures)}
    found = {}
    for name, layout in layouts.items():
        found[name] = in_a_process(__file__, "--place", str(write_files(folder / name, *layout)))
        assert found[name]["pictures"] == layout[0]
    line = {}
    for name in ("folders", "one_folder"):
        line[f"translate_bytes_a_picture_in_{name}"] = round(
            (found[name]["peak_kb"] - found["few"]["peak_kb"]) * 1024 / pictures
        )
        line[f"translate_cpu_seconds_to_the_first_in_{name}"] = found[name]["seconds"]
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=float, default=1e6)
    parser.add_argument("--folder", type=Path, help="for the archive; a temporary one if not given")
    parser.add_argument("--list", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.place:
        print(json.dumps(placed(options.place)))
        return
    if options.list:
        print(json.dumps(listed(options.list)))
        return
    pictures = round(options.pictures)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        few, path = Path(folder) / "few.zip", Path(folder) / "pictures.zip"
        write(few, 1)
        write(path, pictures)
        translate = placing(Path(folder), max(1000, pictures // 10))
        nothing, found = (in_a_process(__file__, "--list", str(each)) for each in (few, path))
    line = {name: round((found[f"{name}_kb"] - nothing[f"{name}_kb"]) * 1024 / pictures) for name in ("peak", "kept")}
    print(json.dumps({
        "pictures": pictures, "bytes_a_picture_at_the_peak": line["peak"], "bytes_a_picture_kept": line["kept"],
        "cpu_seconds": found["cpu_seconds"], **translate,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
