"""Seconds of `anime2real translate` from the shell: one picture, and a folder of them, beside an earlier checkout.

    python benchmarks/command.py [PICTURE …] [--before CHECKOUT] [--copies 4] [--rounds 5]

Each command is a process of its own; the two checkouts take turns. The network alone is timed in this process, in the
batches of the command, so that what is left is all else: Python, reading, finding, pasting, writing. The start is
shared by a folder's pictures: what each further one costs is the difference of that folder and one with a copy of each
picture. CPU seconds say more than wall seconds on a machine with other work. Each command runs once untimed, which
compiles its modules. The last line is JSON, of medians and of the fastest.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from anime2real.bundle.limits import BATCH
from anime2real.bundle.registry import find
from anime2real.network import Network

ROOT = Path(__file__).parent.parent


def timed(checkout: Path, pictures: list[Path], out: Path, compiled: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one command of a checkout, whose compiled modules lie in a folder."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "anime2real", "translate", *map(str, pictures), "-o", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def network_seconds(count: int) -> float:
    """CPU seconds that the network takes for one picture, in batches of `count`, as the command loads it for these."""
    network = Network(find(None, "real"), once=count == 1)
    pixels = np.zeros((count, network.px, network.px, 3), np.uint8)
    network.translate(pixels)
    start = time.process_time()
    for _ in range(3):
        network.translate(pixels)
    return (time.process_time() - start) / 3 / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="*", default=sorted((ROOT / "examples").glob("*.png")))
    parser.add_argument("--before", type=Path, help="an earlier checkout")
    parser.add_argument("--copies", type=int, default=4, help="of each picture, in the folder")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    checkouts = {"now": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    line: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        few, folder, out, compiled = (Path(scratch) / name for name in ("few", "in", "out", "compiled"))
        for place, copies in ((few, 1), (folder, options.copies)):
            place.mkdir()
            for number in range(copies):
                for picture in options.pictures:
                    shutil.copy(picture, place / f"{number}-{picture.name}")
        less, count = len(options.pictures), options.copies * len(options.pictures)
        for what, given, share in (
            ("one", options.pictures[:1], 1), ("few", [few], less), ("folder", [folder], count)
        ):  # fmt: skip
            alone = share * network_seconds(min(share, BATCH))
            seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in checkouts}
            for number in range(options.rounds + 1):
                for name, checkout in checkouts.items():
                    taken = timed(checkout, given, out, compiled)
                    if number:
                        seconds[name].append(taken)
            for name, pairs in seconds.items():
                wall, cpu = (1000 * statistics.median(column) / share for column in zip(*pairs, strict=True))
                line |= {f"{what}_{name}_wall_ms": round(wall, 1), f"{what}_{name}_cpu_ms": round(cpu, 1)}
                line[f"{what}_{name}_beside_network_cpu_ms"] = round(cpu - 1000 * alone / share, 1)
                least = [round(1000 * min(column) / share, 1) for column in zip(*pairs, strict=True)]
                line |= {f"{what}_{name}_least_wall_ms": least[0], f"{what}_{name}_least_cpu_ms": least[1]}
            print(what, json.dumps({key: value for key, value in line.items() if key.startswith(what)}))
        for name in checkouts if count > less else ():
            beside = {what: line[f"{what}_{name}_beside_network_cpu_ms"] for what in ("few", "folder")}
            each = (count * beside["folder"] - less * beside["few"]) / (count - less)
            line[f"further_{name}_beside_network_cpu_ms"] = round(each, 1)
    line["network_cpu_ms"] = round(1000 * network_seconds(BATCH), 1)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
