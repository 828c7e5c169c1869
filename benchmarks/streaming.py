"""Training speed with streamed pictures against the same with all of them on the device, in one run.

    python benchmarks/streaming.py
    python benchmarks/streaming.py --data pack-128 shards-256
    python benchmarks/streaming.py --device cpu --toy

`cyclegan` at 128 px with batches of 16, and `galatea`, the default recipe with a real set of its own and so four
pictures a pair, at 256 px with batches of 8. For each a pack of `--pictures` made-up pictures, harder to unpack than
photographs, is written in shards to a temporary folder, unless `--data` names one of that size. Then steps as training
takes them are timed by turns: from a pack on the device, from the shards, and so on, `--rounds` times; the rates are
those of all rounds together. `--one-piece` streams from images.npy instead. `--toy` rehearses all of it with tiny
networks; its figures say nothing. The last line is JSON: `ratio` is streamed pairs a second over resident ones, `cost`
the share of the speed that streaming takes, `after` when each part was done; a line like it stands after each round,
should the time run out.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from scaling import BATCHES, SIZES
from train_step import SHIPS, TOY_SIZE, TOYS, Subject, synchronise

from anime2real.data.pack import Pack
from anime2real.data.pack_files import sums_of, write_index, write_meta
from anime2real.data.tar_shards import shard_packs
from anime2real.domain import DOMAINS
from anime2real.face.geometry import TEMPLATE
from anime2real.train.device import find_device
from anime2real.train.loop import RUN_AHEAD
from anime2real.train.picture_source import PictureSource, Resident
from anime2real.train.recipes import options_of
from anime2real.train.sampler import BatchIndices, Sampler
from anime2real.train.step import Speed, TrainingStep
from anime2real.train.streaming import Streamed

BEGUN: Final = time.perf_counter()

WARMUP: Final = 6
"""Steps before the clock starts, the first of which captures the graph; on a CPU one."""


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--pictures", type=int, default=1024, help="of a made-up pack, drawings and photographs together"
    )
    parser.add_argument("--data", nargs="+", type=Path, default=[], help="packs, in one piece or in shards")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each of the two")
    parser.add_argument("--readers", type=int, help="processes that read; as training chooses if not given")
    parser.add_argument("--one-piece", action="store_true", help="stream from images.npy in place of shards")
    parser.add_argument(
        "--deadline", type=float, default=80.0, help="seconds after which no other size or round is begun"
    )
    parser.add_argument("--toy", action="store_true", help="tiny networks and pictures: a rehearsal")
    return parser.parse_args(arguments)


def write_pack(folder: Path, count: int, size: int) -> Path:
    """A pack of made-up pictures: patches with grain, of which WebP needs twice as much as of photographs."""
    random = np.random.default_rng(0)
    folder.mkdir()
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, size, size, 3))
    grain = random.normal(0, 2, (16, size, size, 3)).round().astype(np.uint8)  # negative ones wrap, as do the sums
    for row in range(count):
        coarse = random.integers(20, 236, (8, 8, 3), np.uint8)
        images[row] = np.repeat(np.repeat(coarse, size // 8, 0), size // 8, 1) + grain[row % 16]
    del images
    points = (TEMPLATE * size).tolist()
    entries = [
        {"file": f"made-up/{row}.png", "sha256": f"{row:064x}", "domain": domain, "split": "train", "scale": 1.0}
        | {"landmarks": points, "tilt": 0.0, "frame": None}
        for row, domain in enumerate(["anime"] * (count // 2) + ["real"] * (count - count // 2))
    ]
    write_index(folder, entries)
    halves = {"anime": {"train": count // 2, "test": 0}, "real": {"train": count - count // 2, "test": 0}}
    meta = {"format_version": 1, "size": size, "crop": "face", "counts": halves, "dropped": {}, "bad": []}
    write_meta(folder, {**meta, "sums": sums_of(folder)})
    return folder


def pictures_per_second(pack: Pack, seconds: float = 1.0) -> float:
    """That one core reads in random order, unpacked; by the core's own time, since a machine may be busy."""
    random, count, begun = np.random.default_rng(0), 0, time.process_time()
    while time.process_time() - begun < seconds:
        count += len(pack.images[random.integers(0, len(pack.index), 32)])
    return count / (time.process_time() - begun)


class Turns:
    """A training that goes on whenever its turn has come.

    Args:
        subject: what is trained.
        source: of its pictures.
        draws: of its steps.
    """

    def __init__(
        self, subject: Subject, source: PictureSource, draws: Iterator[BatchIndices], batch: int, speed: Speed
    ) -> None:
        self.device, self.batch, self.draws = subject.device, batch, draws
        self.step = TrainingStep(subject.build(batch), source.pictures, batch, speed, *source.annotations)
        self.pairs, self.seconds = 0, 0.0
        self.take(WARMUP if self.device.type == "cuda" else 1)

    def take(self, least: int, seconds: float = 0.0) -> tuple[int, float]:
        """Steps for so long, `least` of them at least; how many they were, and the seconds that they took."""
        ahead: deque[torch.cuda.Event] = deque()
        synchronise(self.device)
        begun, steps = time.perf_counter(), 0
        while steps < least or time.perf_counter() - begun < seconds:
            self.step.step(next(self.draws), 2e-4, [0.001])
            if self.device.type == "cuda":
                ahead.append(torch.cuda.Event())
                ahead[-1].record()
                if len(ahead) > RUN_AHEAD:
                    ahead.popleft().synchronize()
            steps += 1
        synchronise(self.device)
        return steps, time.perf_counter() - begun

    def measure(self, seconds: float) -> float:
        """Pairs a second of one turn, after two steps that fill what has run dry."""
        self.take(2)
        steps, elapsed = self.take(2, seconds)
        self.pairs, self.seconds = self.pairs + steps * self.batch, self.seconds + elapsed
        return steps * self.batch / elapsed


def subject_of(method: str, toy: bool, device: torch.device) -> Subject:
    """What is trained, without pictures."""
    given: dict[str, Any] = dict(TOYS[method]) if toy else (dict(SHIPS) if method == "galatea" else {})
    preset = "quick" if method == "galatea" and toy else "default"
    given |= {"min_scale": 0.65} if method == "galatea" else {}
    size = TOY_SIZE if toy else SIZES[method]
    return Subject(method, options_of(method, preset, **given), size, torch.empty(0, device=device))


def packs_of(size: int, options: argparse.Namespace, folder: Path) -> tuple[Pack, Pack]:
    """A pack of so many pixels a side for the device, and the one of the same pictures that is streamed."""
    given = next((pack for pack in map(Pack, options.data) if pack.size == size), None)
    whole = given or Pack(write_pack(folder / "whole", 64 if options.toy else options.pictures, size))
    if options.one_piece or whole.in_shards:
        return whole, whole
    shard_packs([whole.folder], folder / "shards", quiet=True)
    return whole, Pack(folder / "shards")


def measured(method: str, options: argparse.Namespace, device: torch.device, folder: Path) -> Iterator[dict[str, Any]]:
    """Both rates of a method, after each round."""
    subject, batch = subject_of(method, options.toy, device), 2 if options.toy else BATCHES[method]
    whole, pack = packs_of(subject.size, options, folder)
    speed, after = Speed.best(device), {"packs": since_start()}
    told: dict[str, Any] = {"px": subject.size, "batch": batch, "pictures": len(pack.index)}
    told["pictures_per_second_a_core"] = round(pictures_per_second(pack), 1)
    if pack.in_shards:
        told["shard_bytes_a_picture"] = sum(pack.meta["shards"]["bytes"]) // len(pack.index)
    with ExitStack() as open_sources:
        built = subject.build(batch)
        streamed = Streamed(pack, built, device, batch, options.readers)
        sources: dict[str, PictureSource] = {"resident": Resident(whole, built, device), "streamed": streamed}
        print(f"{method}, {subject.size} px: {streamed.told}", file=sys.stderr, flush=True)
        rows = [pack.rows(domain, "train") for domain in DOMAINS]
        draw_of = Sampler(rows[0], rows[1], batch, 0, rows if built.wants_real_set else ()).draw
        # The processes that read start while the first step is captured.
        draws = {name: open_sources.enter_context(source.draws(draw_of, 0)) for name, source in sources.items()}
        turns = {}
        for name, source in sources.items():
            turns[name] = Turns(subject, source, draws[name], batch, speed)
            after[name] = since_start()
        rounds: list[dict[str, float]] = []
        while len(rounds) < options.rounds and not (rounds and since_start() > options.deadline):
            seconds = 0.1 if options.toy else options.seconds
            rounds.append({name: round(turn.measure(seconds), 2) for name, turn in turns.items()})
            rates = {name: turn.pairs / turn.seconds for name, turn in turns.items()}
            ratio = rates["streamed"] / rates["resident"]
            told |= {f"{name}_pairs_per_second": round(rate, 2) for name, rate in rates.items()}
            told |= {"ratio": round(ratio, 4), "cost": round(1 - ratio, 4), "readers": streamed.readers}
            yield told | {"rounds": rounds, "after": after | {"rounds": since_start()}} | peaks(device)
        for turn in turns.values():
            turn.step.renew()


def peaks(device: torch.device) -> dict[str, float]:
    """Memory at its peak, GB."""
    found = {"host_peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)}
    if device.type == "cuda":
        found["device_peak_gb"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
    return found


def since_start() -> float:
    """Seconds since this script began."""
    return round(time.perf_counter() - BEGUN, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parsed(arguments)
    device = find_device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    lines: dict[str, Any] = {"torch": torch.__version__, "device": name}
    for method in options.methods:
        if lines.keys() & set(SIZES) and since_start() > options.deadline:
            lines[method] = "not begun, the time had run out"
            print(json.dumps(lines), flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            for found in measured(method, options, device, Path(folder)):
                lines[method] = found
                print(json.dumps(lines), flush=True)


if __name__ == "__main__":
    main()
