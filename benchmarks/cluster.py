"""Pictures a second and core of `anime2real translate` by itself and on a Ray cluster of this machine.

    python benchmarks/cluster.py [PICTURE …] [--few 64] [--many 512]

Both translate few pictures, then many, all copies of those given; the difference is what a further picture costs, and
what is left is what it costs to begin. Processor time is that of all processes: of the command, and of the cluster,
which runs from before the first command to after the last. It says more than the clock on a machine with other work.
The last line is JSON: the ratio is the throughput a core on the cluster to that of the plain command, by processor time
and, a core for each actor, by the clock. A cluster takes some processor time even when it has nothing to do, the more
by picture the longer that takes: of a busy machine the ratio without it says more.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-c", "import sys; from anime2real.cli.main import main; sys.exit(main())", "translate")


class Processors(Thread):
    """Adds up what all that this process started takes of the processors, also what has ended: it looks all the time.

    Ray does not wait for its workers, so the system does not add them up.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._taken: dict[tuple[int, str], int] = {}
        self.start()

    def run(self) -> None:
        while True:
            self._look()
            time.sleep(0.1)

    def _look(self) -> None:
        processes: dict[int, list[str]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has ended
                processes[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        for process, fields in processes.items():
            ancestor = process
            while ancestor in processes and ancestor != os.getpid():
                ancestor = int(processes[ancestor][1])
            if ancestor == os.getpid() != process:
                self._taken[process, fields[19]] = int(fields[11]) + int(fields[12])  # by when it was started, too

    def seconds(self) -> float:
        """So far."""
        self._look()
        return sum(list(self._taken.values())) / os.sysconf("SC_CLK_TCK")


def timed(processors: Processors, folder: Path, out: Path, *options: str) -> tuple[float, float]:
    """Processor and wall seconds of one command."""
    before, start = processors.seconds(), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([*COMMAND, str(folder), "-o", str(out), *options], env=environment, check=True, capture_output=True)
    wall = time.perf_counter() - start
    shutil.rmtree(out)
    return processors.seconds() - before, wall


def copies(pictures: list[Path], folder: Path, count: int) -> Path:
    """So many pictures in a folder."""
    folder.mkdir()
    for number in range(count):
        picture = pictures[number % len(pictures)]
        shutil.copy(picture, folder / f"{number:06d}{picture.suffix}")
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="*", default=sorted((ROOT / "examples").glob("*.png")))
    parser.add_argument("--few", type=int, default=64)
    parser.add_argument("--many", type=int, default=512)
    options = parser.parse_args()
    from ray.cluster_utils import Cluster  # not above: what it takes is told without it

    cores = len(os.sched_getaffinity(0))
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT / "src")}
    processors, cluster = Processors(), Cluster()
    cluster.add_node(num_cpus=cores, include_dashboard=False)
    time.sleep(5)  # until it has started
    before = processors.seconds()
    time.sleep(10)
    idle = (processors.seconds() - before) / 10
    line: dict[str, Any] = {"cores": cores, "pictures": options.many - options.few}
    with tempfile.TemporaryDirectory() as scratch:
        few, many = (copies(options.pictures, Path(scratch) / str(n), n) for n in (options.few, options.many))
        for name, asked in (("plain", ()), ("ray", ("--ray", cluster.address))):
            (begin, begin_wall), (whole, wall) = (
                timed(processors, each, Path(scratch) / "out", *asked) for each in (few, many)
            )
            line[f"{name}_ms_a_picture"] = round(1000 * (whole - begin) / line["pictures"], 1)
            line[f"{name}_wall_ms_a_picture"] = round(1000 * (wall - begin_wall) / line["pictures"], 1)
            print(
                f"{name}, processor time: {options.few} pictures {begin:.1f} s, {options.many} pictures {whole:.1f} s"
            )
            print(
                f"{name}, by the clock: {options.few} pictures {begin_wall:.1f} s, {options.many} pictures {wall:.1f} s"
            )
    cluster.shutdown()
    line["idle_cluster_share_of_a_core"] = round(idle, 3)
    ray_ms = line["ray_ms_a_picture"]
    line["ratio"] = round(line["plain_ms_a_picture"] / ray_ms, 3)
    line["ratio_without_idling"] = round(
        line["plain_ms_a_picture"] / (ray_ms - idle * line["ray_wall_ms_a_picture"]), 3
    )
    line["wall_ratio"] = round(line["plain_wall_ms_a_picture"] / line["ray_wall_ms_a_picture"], 3)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
