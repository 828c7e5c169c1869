"""Whether this code is slower than that of an earlier commit: both run the same benchmarks, by turns, on the CPU.

    python research/beside_commit.py 9bfd74f [--rounds 5]

`benchmarks/translate.py` and `benchmarks/train_step.py --toy` of each commit run on one thread with that commit's own
source, in each round the one first, then the other first. A benchmark's figure is its ratio to a reference in plain
torch, measured beside it in the same process and the same in both commits, so that other work on the machine slows
both. A line a benchmark: the medians, and this code over that; above 1 this code is the faster one.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).parent.parent

STEP: Final = "train_step.py --toy --device cpu --speeds eager --batches 4 --reference-batches 4 --seconds 3"
BENCHMARKS: Final = {
    "translate.py --px 64 --threads 1 --rounds 3": "ratio_batch1",
    f"{STEP} --method cyclegan": "ratio_same_batch4",
    f"{STEP} --method ugatit": "ratio_same_batch4",
    f"{STEP} --method galatea": "ratio_same_batch4",
}
"""What is run, and the figure of its last line that counts."""


def figure(tree: Path, benchmark: str, name: str) -> float:
    """What a benchmark of a tree says."""
    script, *arguments = benchmark.split()
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(tree / "benchmarks" / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return float(json.loads(done.stdout.splitlines()[-1])[name])


def main() -> None:
    """Measure, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    archive = subprocess.run(["git", "archive", options.commit], cwd=TOP, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as held:
            held.extractall(scratch, filter="data")
        trees = [Path(scratch), TOP]
        for benchmark, name in BENCHMARKS.items():
            figures: dict[Path, list[float]] = {tree: [] for tree in trees}
            for turn in range(options.rounds):
                for tree in trees[:: 1 if turn % 2 else -1]:
                    figures[tree].append(figure(tree, benchmark, name))
            before, now = (statistics.median(figures[tree]) for tree in trees)
            print(f"{benchmark}: {before:.2f} then, {now:.2f} now: {now / before:.2f}", flush=True)


if __name__ == "__main__":
    main()
