"""The drawings that somebody looked at as a table for `prepare --labels`, which reads the others' labels off the faces.

    python research/labels/looked.py DATA -o drawings-looked.csv

DATA holds the archives; drawings of anime-256.zip that nobody looked at are women, as all of that set are.
"""

import argparse
import csv
import zipfile
from pathlib import Path

from label_data import HERE, NAMES
from predict import KNOWN_SEX, of_looking


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    with (HERE / "drawings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("archive", "member", *NAMES, "keep"))
        for row in rows:
            writer.writerow((row["archive"], row["member"], *of_looking(row), row["usable"]))
        looked = {(row["archive"], row["member"]) for row in rows}
        for stem, sex in KNOWN_SEX.items():
            with zipfile.ZipFile(options.data / f"{stem}.zip") as archive:
                members = [name for name in archive.namelist() if name.startswith("train/") and name.endswith(".webp")]
            others = [name for name in sorted(members) if (f"{stem}.zip", name) not in looked]
            writer.writerows((f"{stem}.zip", name, sex, *[""] * (len(NAMES) - 1), "") for name in others)


if __name__ == "__main__":
    main()
