"""Seconds of `anime2real translate` from the shell: one picture, and a folder of them, beside an earlier checkout.

    python benchmarks/command.py [PICTURE …] [--before CHECKOUT] [--copies 4] [--rounds 5]

Each command is a process of its own; the checkouts take turns. What all but the network costs is measured twice. The
network alone is timed in this process, as the command runs it, and taken off; and the command runs with its network
loaded but not called (`without`: crops come back as they went in), which leaves Python, reading, finding, pasting,
writing. The start is shared by a folder's pictures: what each further one costs is the difference of that folder and
one with a copy of each picture. CPU seconds say more than wall seconds on a machine with other work. Each command runs
once untimed, which compiles its modules. The last line is JSON, of medians and of the fastest.
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


WITHOUT = """
import anime2real.cli.main as command
quick = command.quick
def without(tokens):
    call = quick(tokens)
    def run():
        from anime2real.network import Network  # as late as the command itself
        Network._run = lambda self, pixels, *_: pixels
        return call()
    return run
command.quick = without
command.program()
"""
"""The program, whose network gives back what it is given."""


def timed(
    checkout: Path, pictures: list[Path], out: Path, compiled: Path, *, without: bool = False
) -> tuple[float, float]:
    """Wall and CPU seconds of one command of a checkout, whose compiled modules lie in a folder."""
    shutil.rmtree(out, ignore_errors=True)
    program = ["-c", WITHOUT] if without else ["-m", "anime2real"]
    command = [sys.executable, *program, "translate", *map(str, pictures), "-o", str(out)]
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
            seconds: dict[tuple[str, bool], list[tuple[float, float]]] = {
                (name, without): [] for name in checkouts for without in (False, True)
            }
            for number in range(options.rounds + 1):
                for (name, without), pairs in seconds.items():
                    taken = timed(checkouts[name], given, out, compiled, without=without)
                    if number:
                        pairs.append(taken)
            for (name, without), pairs in seconds.items():
                kind = f"{what}_{name}_without" if without else f"{what}_{name}"
                wall, cpu = (1000 * statistics.median(column) / share for column in zip(*pairs, strict=True))
                line |= {f"{kind}_wall_ms": round(wall, 1), f"{kind}_cpu_ms": round(cpu, 1)}
                if not without:
                    line[f"{kind}_beside_network_cpu_ms"] = round(cpu - 1000 * alone / share, 1)
                least = [round(1000 * min(column) / share, 1) for column in zip(*pairs, strict=True)]
                line |= {f"{kind}_least_wall_ms": least[0], f"{kind}_least_cpu_ms": least[1]}
            print(what, json.dumps({key: value for key, value in line.items() if key.startswith(what)}))
        for name in checkouts if count > less else ():
            for figure in ("beside_network_cpu_ms", "without_cpu_ms", "without_least_cpu_ms", "without_wall_ms"):
                few_each, each = (line[f"{what}_{name}_{figure}"] for what in ("few", "folder"))
                line[f"further_{name}_{figure}"] = round((count * each - less * few_each) / (count - less), 1)
    line["network_cpu_ms"] = round(1000 * network_seconds(BATCH), 1)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
