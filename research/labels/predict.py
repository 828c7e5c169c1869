"""The label network's answers for all drawings and photographs.

    python research/labels/predict.py CACHE -o drawings-all.csv

Of the drawings, whose crops crops.py made of whole archives: a table with the labels of drawings.csv where somebody has
looked (`looked_at` is 1) and the network's elsewhere; `face` is 0 where no face was found and the crop is a guess. Of
photographs: CACHE/ffhq.pred.npz and so on, from which photographs.py takes glasses.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from label_data import AGES, EYES, HERE, NAMES, SEXES
from numpy.typing import NDArray

from anime2real.face.who import LABELS

BATCH = 32
KNOWN_SEX = {"anime-256": -1.0}
"""Archives of women alone, where nobody has looked."""


def main() -> None:
    """Ask the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=LABELS, help="the network (default: the package's)")
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(options.model), settings, providers=["CPUExecutionProvider"])
    for path in sorted(options.cache.glob("*.seen.npz")):
        seen = np.load(path)
        target = options.cache / path.name.replace(".seen.", ".pred.")
        np.savez(target, member=seen["member"], labels=asked(session, seen["crops"]))
    with (HERE / "drawings.csv").open(newline="", encoding="utf-8") as file:
        looked = {(r["archive"], r["member"]): r for r in csv.DictReader(file)}
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("archive", "member", *NAMES, "face", "looked_at"))
        for stem in ("anime-96", "anime-256"):
            faces = np.load(options.cache / f"{stem}.faces.npz")
            answers = asked(session, np.load(options.cache / f"{stem}.crops.npy", mmap_mode="r"))
            for member, score, values in zip(map(str, faces["members"]), faces["scores"], answers, strict=True):
                row = looked.get((f"{stem}.zip", member))
                if not member.startswith("train/") or (row and row["usable"] == "0"):
                    continue
                said = of_looking(row) if row else [round(float(v), 2) for v in values]
                if not row and stem in KNOWN_SEX:
                    said[0] = KNOWN_SEX[stem]
                writer.writerow((f"{stem}.zip", member, *said, int(score > 0), int(row is not None)))


def asked(session: onnxruntime.InferenceSession, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Labels (N, 6) of crops (N, 112, 112, 3)."""
    found = []
    for start in range(0, len(crops), BATCH):
        image = np.asarray(crops[start : start + BATCH]).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        found.append(session.run(["labels"], {"image": image})[0])
    return np.concatenate(found)


def of_looking(row: dict[str, str]) -> list[Any]:
    """The same six of a row of drawings.csv."""
    smile, glasses = int(row["smile"] == "1"), int(row["glasses"])
    return [2 * SEXES[row["sex"]] - 1, AGES[row["age"]], int(row["mouth_open"]), smile, EYES[row["eyes"]], glasses]


if __name__ == "__main__":
    main()
