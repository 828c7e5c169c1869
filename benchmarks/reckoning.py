"""What a million, a hundred million, a thousand million pictures would take: the tables of docs/scale.md, reckoned.

    python benchmarks/reckoning.py
    python benchmarks/reckoning.py --pictures 5e7 --epochs 3 --prepare-ms 40 --gpu-pairs-per-second 300
    python benchmarks/reckoning.py --rates

Nothing is measured here. Each rate is an option, whose default was measured by the command that `--rates` names with
it, or is assumed, which it says too: prices are. Half of the pictures are drawings, the other half photographs, of 256
px. The last line is JSON.
"""

import argparse
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from anime2real.data.duplicates import NEAR

CPU: Final = "2 cores of an EPYC, busy with other work, processor time, 2026-11-30"


def rate(value: float, source: str) -> Any:
    """A rate and where it is from."""
    return field(default=value, metadata={"source": source})


@dataclass(frozen=True)
class Rates:
    """What the tables follow from."""

    prepare_ms: float = rate(27.7, f"prepare --size 256 of 400 frames and 400 photographs of 256 px; {CPU}")
    labels_ms: float = rate(38.1, f"the same with --hair --labels, beyond that; {CPU}")
    shard_ms: float = rate(5.5, f"pack shard of that pack, 5.3, and 0.2 for what tells copies apart; {CPU}")
    translate_ms: float = rate(
        473.0,
        "the mean of translate FOLDER --to real of 120 frames of 256 px, 677, and --to anime of 120 selfies of 256 px, "
        "270; 2 cores of an EPYC, busy with other work, processor time, 2026-12-01",
    )
    search_s: float = rate(82.0, f"benchmarks/duplicates.py --hashes 1e7, sorts by AVX2; {CPU}")
    search_cores: float = rate(
        11.0, "benchmarks/duplicates.py --hashes 1e8 --threads 14, of 32 virtual cores, 2026-11-30"
    )
    equal_drawings: float = rate(
        2.9e-7, "pairs equal under a mask, research/perceptual_hashes.py anime-96.zip, 2026-11-30"
    )
    equal_photographs: float = rate(4.1e-7, "the same of celeba-109.zip, 10,000 aligned photographs")
    compare_us: float = rate(0.04, f"covering_hashes.py, for each such pair under each mask; {CPU}")
    near_drawings: float = rate(4.7e-6, "pairs within 8 bits, research/perceptual_hashes.py anime-96.zip, 2026-11-30")
    near_photographs: float = rate(1.5e-5, "the same of celeba-109.zip, 10,000 aligned photographs")
    look_us: float = rate(0.44, f"thumbnails_alike, for each such pair; {CPU}")
    index_us: float = rate(14.0, "benchmarks/index.py, a picture, of an index opened for the first time; 2026-12-01")
    file_kb: float = rate(11.0, "of these pictures, WebP of 256 px; yours are larger")
    pack_kb: float = rate(262.6, "of that pack: pixels, masks of hair, index")
    shard_kb: float = rate(84.4, "of those shards: WebP without loss")
    result_kb: float = rate(96.0, "of those results, PNG: 107 to real, 86 to anime")
    list_bytes: float = rate(708.0, "benchmarks/listing.py, memory of prepare for each picture, 2026-11-30")
    known_bytes: float = rate(100.0, "memory of each process that trains, for each picture: landmarks, frames, labels")
    gpu_pairs_per_second: float = rate(
        274.5, "galatea, 256 px, batch 8, resident, one H200, benchmarks/streaming.py, 2026-11-30"
    )
    gpu_scaling: float = rate(0.92, "benchmarks/scaling.py --methods galatea: 1.84 times on two H200, 2026-11-30")
    streaming: float = rate(0.994, "benchmarks/streaming.py, galatea, 256 px, one H200, 2026-11-30")
    reads_per_second: float = rate(722.0, f"benchmarks/streaming.py: shards of 256 px, random order, a core; {CPU}")
    pictures_a_pair: float = rate(4.0, "galatea with a real set of its own")
    core_hour: float = rate(0.04, "assumed, in dollars")
    gpu_hour: float = rate(3.5, "assumed, in dollars")
    tb_month: float = rate(23.0, "assumed, in dollars, of an object store")


@dataclass(frozen=True)
class Plan:
    """What is wanted.

    Attributes:
        part: pictures that are prepared together.
        cores, gpus: that work at once.
        epochs: of training.
    """

    part: float
    cores: int
    gpus: int
    epochs: float


def reckoned(pictures: float, rates: Rates, plan: Plan) -> dict[str, dict[str, float]]:
    """Core hours, GPU hours, terabytes, gigabytes of memory on one machine and dollars, by what is done."""
    prepare = pictures * (rates.prepare_ms + rates.labels_ms) / 3.6e6
    parts = max(1.0, pictures / plan.part)
    # Copies are looked for among the drawings, and among the photographs; in each part, and then in all of them.
    of_each = pictures / 2
    search = pictures * rates.search_s / 1e7 / 3600
    masks = 2 ** (NEAR + 1) - 1
    equal = masks * (rates.equal_drawings + rates.equal_photographs) * rates.compare_us
    near = (rates.near_drawings + rates.near_photographs) * rates.look_us
    pairs_of_copies = (equal + near) * of_each**2 / 2 / 3.6e9
    searches = 2 if parts > 1 else 1
    joined = search + pairs_of_copies
    shard = pictures * (rates.shard_ms / 3.6e6 + rates.index_us / 3.6e9)
    pairs = plan.epochs * of_each
    speed = rates.gpu_pairs_per_second * rates.streaming * (rates.gpu_scaling if plan.gpus > 1 else 1.0)
    gpu_hours = pairs / speed / 3600
    readers = rates.gpu_pairs_per_second * rates.pictures_a_pair / rates.reads_per_second
    translate = pictures * rates.translate_ms / 3.6e6
    lines = {
        "prepare": {"cores": prepare, "tb": pictures * (rates.file_kb + rates.pack_kb) / 1e9,
                    "memory_gb": min(pictures, plan.part) * rates.list_bytes / 1e9},
        # Parts are searched where they are prepared; threads of one machine join them.
        "copies": {"cores": searches * search + pairs_of_copies, "hours": joined / rates.search_cores,
                   "tb": pictures * 3.2 / 1e9 if parts > 1 else 0.0, "memory_gb": 5 + pictures / 1e9},
        "shards": {"cores": shard, "tb": pictures * rates.shard_kb / 1e9, "memory_gb": 1.0},
        "train": {"cores": gpu_hours * readers, "gpus": gpu_hours, "memory_gb": pictures * rates.known_bytes / 1e9},
        "translate": {"cores": translate, "tb": pictures * (rates.file_kb + rates.result_kb) / 1e9, "memory_gb": 0.5},
    }  # fmt: skip
    for line in lines.values():
        line.setdefault("hours", line["gpus"] / plan.gpus if "gpus" in line else line["cores"] / plan.cores)
        own = "gpus" not in line  # a GPU's price holds the cores beside it
        line["dollars"] = line["cores"] * rates.core_hour * own + line.get("gpus", 0.0) * rates.gpu_hour
        line["dollars_a_month"] = line.get("tb", 0.0) * rates.tb_month
    return lines


WORDS: Final = {
    "prepare": "prepare, hair, labels", "copies": "leave copies out", "shards": "write shards",
    "train": "train", "translate": "translate on the CPU",
}  # fmt: skip


def table(pictures: float, lines: dict[str, dict[str, float]]) -> list[str]:
    """Lines of Markdown."""
    head = f"| {pictures:,.0f} pictures | core hours | GPU hours | hours | TB | GB of memory | $ | $ a month |"
    rows = [head, "|---|---|---|---|---|---|---|---|"]
    for name, line in lines.items():
        columns = [line["cores"], line.get("gpus"), line["hours"], line.get("tb"), line["memory_gb"]]
        columns += [line["dollars"], line["dollars_a_month"] if line.get("tb") else None]
        rows.append(f"| {WORDS[name]} | {' | '.join(map(short, columns))} |")
    return rows


def short(value: float | None) -> str:
    """Two digits that count."""
    if value is None:
        return ""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.2g}"


def main(arguments: list[str] | None = None) -> None:
    """Reckon and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=float, nargs="+", default=[1e6, 1e8, 1e9])
    parser.add_argument("--part", type=float, default=1e7, help="pictures that are prepared together")
    parser.add_argument("--cores", type=int, default=64, help="that work at once")
    parser.add_argument("--gpus", type=int, default=8, help="that train together")
    parser.add_argument("--epochs", type=float, default=1.0, help="of training")
    parser.add_argument("--rates", action="store_true", help="print where each rate is from")
    for one in fields(Rates):
        name, source = f"--{one.name.replace('_', '-')}", one.metadata["source"].replace("%", "%%")
        parser.add_argument(name, type=float, default=one.default, help=source)
    options = vars(parser.parse_args(arguments))
    rates = Rates(**{one.name: options[one.name] for one in fields(Rates)})
    plan = Plan(options["part"], options["cores"], options["gpus"], options["epochs"])
    if options["rates"]:
        print("\n".join(f"{one.name}: {getattr(rates, one.name):g}; {one.metadata['source']}" for one in fields(Rates)))
    all_lines = {}
    for pictures in options["pictures"]:
        all_lines[f"{pictures:.0f}"] = lines = reckoned(pictures, rates, plan)
        print("\n".join([*table(pictures, lines), ""]))
    print(json.dumps({"plan": asdict(plan), "rates": asdict(rates), "pictures": all_lines}))


if __name__ == "__main__":
    main()
