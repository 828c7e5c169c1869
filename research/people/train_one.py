"""One of the runs of "people who fit the drawing", by its name; the same command resumes.

    python research/people/train_one.py G2 PACK RUN --minutes 18.5 --device cuda:2

`--mode` says how much of the speed to ask for: `graph` all of it, `streams` without the captured graph, `eager` neither
kernels of our own nor streams. `smoke` tries them in this order for a few steps each and writes the first that works to
RUN.mode, which a later run reads. A run that cannot be started exits with 1.
"""

import argparse
import shutil
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from anime2real.train.config import Budget, TrainConfig
from anime2real.train.stepper import Speed

from anime2real.train.loop import Sitting, find_device, train
from anime2real.train.methods.galatea_options import GalateaConfig

RECIPES: dict[str, dict[str, Any]] = {
    "G0": {},
    "G0b": {},  # another seed
    "G1": {"decoder": "pixels"},
    "G2": {"penalty": 1.6},
    "G2b": {"penalty": 5.0},
    "G3": {"who": True, "start_from": ("galatea",)},
    "G3p": {"decoder": "pixels", "start_from": ("galatea",)},
    "G3w": {"start_from": ("galatea",)},
}
SEEDS = {"G0b": 1}
MODES = ("graph", "streams", "eager")


def speed_of(mode: str, device: torch.device) -> Speed:
    best = Speed.best(device)
    if mode == "streams":
        return replace(best, graph=False)
    return replace(best, graph=False, fused=False, compile=False, streams=False) if mode == "eager" else best


def go(options: argparse.Namespace, mode: str, run: Path, budget: Budget, log_seconds: float = 5.0) -> bool:
    small = {"width": 8, "patch_width": 8, "projection_width": 8} if options.toy else {}
    recipe = {"least_scale": 0.65, "batch_size": options.batch_size, **RECIPES[options.name], **small}
    if options.toy or options.smoke:
        recipe["start_from"] = ()
    config = TrainConfig(
        "galatea",
        GalateaConfig(**recipe),
        budget,
        seed=SEEDS.get(options.name, 0),
        further_averages=(0.1,),
        samples=options.samples,
    )
    speed = speed_of(mode, find_device(options.device))
    sitting = Sitting(options.device, speed, checkpoint_seconds=options.checkpoint_seconds, log_seconds=log_seconds)
    return train(config, options.pack, run, sitting).finished


def smoke(options: argparse.Namespace) -> int:
    for mode in MODES:
        run = options.run.with_suffix(f".smoke-{mode}")
        shutil.rmtree(run, ignore_errors=True)
        start = time.perf_counter()
        try:
            go(options, mode, run, Budget(pairs=options.smoke * options.batch_size), log_seconds=0.5)
        except Exception:  # whatever it is, the next mode may work
            traceback.print_exc()
            print(f"smoke {options.name} {mode}: FAILED", flush=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        options.run.with_suffix(".mode").write_text(mode)
        print(f"smoke {options.name} {mode}: works, {time.perf_counter() - start:.0f} s", flush=True)
        return 0
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(RECIPES))
    parser.add_argument("pack", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=18.5)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--checkpoint-seconds", type=float, default=240.0)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--smoke", type=int, help="try the modes for so many steps each, and write down what works")
    parser.add_argument("--toy", action="store_true", help="small networks, for a rehearsal on a CPU")
    options = parser.parse_args()
    if options.smoke:
        return smoke(options)
    told = options.run.with_suffix(".mode")
    mode = options.mode or (told.read_text() if told.is_file() else "graph")
    budget = Budget(pairs=options.steps * options.batch_size) if options.steps else Budget(minutes=options.minutes)
    try:
        return 0 if go(options, mode, options.run, budget) else 130
    except Exception:
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    sys.exit(main())
