"""Runs of the lab book side by side, a GPU each, on a machine that one has for an hour.

    python research/people/side_by_side.py WORK take PART.zip …        # parts of new_pictures/split_for_upload.py
    python research/people/side_by_side.py WORK warm D G               # two steps of each, so that kernels are there
    python research/people/side_by_side.py WORK go --seconds 1500 D G  # the pack, then the runs, to end in 1,500 s
    python research/people/side_by_side.py WORK look                   # how far all is
    python research/people/side_by_side.py WORK bring FOLDER D G       # bundles, figures and last samples of the runs

Before `go`, WORK holds table.csv (new_pictures/make_pack.py table) and models/, the enlarger's. `warm` and `go` return
at once, and work on without the shell that gave them; a machine without a GPU does all of it on the CPU. `--together`
gives a run all GPUs: more pairs in the same minutes (give it `--more="--batch-size 64"` on four). Of runs that are
through people/discriminators.py takes the discriminators; `--discriminators FILE` goes on with them.
"""

import argparse
import itertools
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

MAKE_PACK = Path(__file__).parents[1] / "new_pictures" / "make_pack.py"
CLEAN = "celebahq-men-512.zip,generated-512.zip,celebamask-256.zip,ffhq.zip"
"""The sources that no enlarger has drawn."""

STUDENT = ("student", "--set", f"real_set={CLEAN}", "--ema-shares", "0.1")
RUNS = {
    "D": STUDENT,
    "G": (*STUDENT, "--set", "adversarial_share=1"),
    "A": (*STUDENT, "--to", "anime", "--set", "skin_taught=1"),
    "thick": ("autoencoder", "--preset", "thick", "--pairing", "matched"),
}
"""Entries 61 to 63 of the lab book, and the autoencoder that the founding paper wished for."""

SOME = 24
"""Pictures of each source that runs are warmed up on."""


def devices() -> list[str]:
    """What runs are given by turns."""
    import torch

    return [f"cuda:{card}" for card in range(torch.cuda.device_count())] or ["cpu"]


def started(log: Path, *command: object) -> subprocess.Popen[bytes]:
    """A Python command that is on its way, its output in a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        return subprocess.Popen([sys.executable, *map(str, command)], stdout=file, stderr=subprocess.STDOUT)


def begin_again(given: argparse.Namespace) -> None:
    """Give the same command once more, to a process that outlasts this one."""
    with (given.work / f"{given.command}.log").open("wb") as file:
        subprocess.Popen(
            [sys.executable, *sys.argv, "--until", str(time.time() + (given.seconds or 0))],
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def prepare(work: Path, pictures: Path, pack: Path, *, enlarge: bool) -> None:
    """The pack, of what has been taken; small pictures are enlarged first, on all GPUs."""
    if (pack / "meta.json").exists():
        return
    begun, places = time.perf_counter(), devices()
    if enlarge:
        options = [("--device", place, "--shard", f"{i}/{len(places)}") for i, place in enumerate(places)]
        logs = [work / f"enlarge-{i}.log" for i in range(len(places))]
        ours = (MAKE_PACK, "enlarge", pictures, "--models", work / "models")
        shards = [started(log, *ours, *own) for log, own in zip(logs, options, strict=True)]
        codes = [one.wait() for one in shards]
        if any(codes):
            raise SystemExit(f"pictures could not be enlarged: {work}/enlarge-*.log")
        print(f"enlarged after {time.perf_counter() - begun:.0f} s", flush=True)
    subprocess.run(
        [sys.executable, MAKE_PACK, "prepare", pictures, pack, work / "table.csv", "--processes", str(os.cpu_count())],
        check=True,
    )
    print(f"prepared after {time.perf_counter() - begun:.0f} s", flush=True)


def train(given: argparse.Namespace, pack: Path, folder: Path, budget: Sequence[str], head_start: float) -> None:
    """All runs at once, a device each, or each on all devices."""
    runs, places = [], devices()
    for name, place in zip(given.runs, itertools.cycle(places)):
        options = [*RUNS[name], *shlex.split(given.more)]
        if options[0] == "student":
            options += ["--set", f"head_start={0 if given.discriminators else head_start}"]
            options += ["--set", f"discriminators_from={given.discriminators}"] if given.discriminators else []
        command = ("-m", "anime2real", "train", *options, "--data", pack, "-o", folder / name, "--quiet", *budget)
        if given.together:
            on_all = ("-m", "torch.distributed.run", "--nproc-per-node", len(places), *command)
            runs.append(started(folder / f"{name}.log", *on_all))
            runs[-1].wait()
        else:
            runs.append(started(folder / f"{name}.log", *command, "--device", place))
    print(f"ended with {[run.wait() for run in runs]}", flush=True)


def warm(given: argparse.Namespace) -> None:
    """Two steps of each run, on a few pictures as they came."""
    if given.until is None:
        begin_again(given)
        return
    work = given.work
    for source in sorted((work / "pictures").iterdir()):
        place = work / "some" / source.name / "train"
        place.mkdir(parents=True, exist_ok=True)
        for path in sorted((source / "train").glob("*.webp"))[:SOME]:
            shutil.copy(path, place)
    prepare(work, work / "some", work / "some-pack", enlarge=False)
    train(given, work / "some-pack", work / "warm", ("--steps", "2"), head_start=0.5)


def go(given: argparse.Namespace) -> None:
    """The pack, then the runs."""
    if given.until is None:
        begin_again(given)
        return
    prepare(given.work, given.work / "pictures", given.work / "pack", enlarge=True)
    minutes = (given.until - time.time()) / 60
    train(given, given.work / "pack", given.work, ("--minutes", f"{minutes:.2f}"), head_start=given.head_start)


def look(work: Path) -> None:
    """The last lines of all that is written as it goes."""
    for path in sorted([*work.glob("*.log"), *work.glob("warm/*.log"), *work.glob("*/stats.jsonl")]):
        lines = path.read_text(errors="replace").splitlines()
        print(f"{path.relative_to(work)}: {lines[-1] if lines else ''}")


def bring(given: argparse.Namespace) -> None:
    """Copy what is worth keeping of runs that are through."""
    for name in given.runs:
        run, place = given.work / name, given.folder / name
        shutil.copytree(run / "bundles", place / "bundles", dirs_exist_ok=True)
        for each in (*run.glob("*.toml"), *run.glob("*.json*"), run / "log.txt", max(run.glob("samples/*.png"))):
            shutil.copy(each, place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("take").add_argument("parts", type=Path, nargs="+")
    commands.add_parser("look")
    one = commands.add_parser("bring")
    one.add_argument("folder", type=Path), one.add_argument("runs", choices=RUNS, nargs="+")
    for name in ("warm", "go"):
        one = commands.add_parser(name)
        one.add_argument("runs", choices=RUNS, nargs="+")
        one.add_argument("--discriminators", type=Path, help="a file that people/discriminators.py has written")
        one.add_argument(
            "--more", default="", help='options of every `anime2real train`, as in --more="--batch-size 8"'
        )
        one.add_argument("--together", action="store_true", help="one run after the other, each on all GPUs")
        one.add_argument("--seconds", type=float, required=name == "go", help="until the runs end")
        one.add_argument("--head-start", type=float, default=0.15)
        one.add_argument("--until", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.command == "take":
        (given.work / "pictures").mkdir(exist_ok=True)
        for part in given.parts:
            subprocess.run([sys.executable, MAKE_PACK, "extract", part, given.work / "pictures"], check=True)
    elif given.command == "look":
        look(given.work)
    else:
        {"warm": warm, "go": go, "bring": bring}[given.command](given)


if __name__ == "__main__":
    main()
