"""Training speed of several GPUs against one, at the same batch a GPU, in one run.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --methods galatea --processes 2 --seconds 20
    python benchmarks/scaling.py --toy

`galatea` is the default recipe at 256 px with batches of 8 a GPU, `cyclegan` the paper's at 128 px with 16. Each is
measured with one process and with several, one a GPU: steps as training takes them, with all that the processes tell
each other (gradients, losses' counts, pools, the clock), on random pictures that lie on the device. The processes start
once: the first measures alone, while the others take the steps of its warm-up and then wait, so that kernels are built
and convolutions chosen once for both. Several count only if the captured step passes the parity check that every
training run makes, which comes last (`parity_holds`). What `--timeout` cuts tells what was found by then. `--toy`
rehearses all of it on a CPU, where processes share the cores; its figures say nothing. The last line is JSON: `ratio`
is pairs a second of several processes over those of one, `seconds` when each part was done.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from train_step import SHIPS, SPEEDS, TOY_SIZE, TOYS, Subject, synchronise

from anime2real.train.accelerated.parity import preflight
from anime2real.train.distributed import Processes, processes, started
from anime2real.train.loop import RUN_AHEAD
from anime2real.train.recipes import options_of
from anime2real.train.step import Speed, TrainingStep

SIZES: Final = {"cyclegan": 128, "galatea": 256}
BATCHES: Final = {"cyclegan": 16, "galatea": 8}
"""Pairs a GPU."""
WARMUP: Final = 8
"""Steps before the clock starts."""


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--processes", type=int, default=2, help="against one; two or more")
    parser.add_argument("--batch", type=int, help="pairs a GPU; 8 of galatea and 16 of cyclegan if not given")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement, after its warm-up")
    parser.add_argument("--speed", choices=list(SPEEDS), help="the fastest that the device has if not given")
    parser.add_argument("--timeout", type=float, default=240.0, help="seconds for one measurement to be done")
    parser.add_argument("--toy", action="store_true", help="tiny networks and pictures on the CPU: a rehearsal")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)  # one of the processes
    return parser.parse_args(arguments)


def subject_of(method: str, device: torch.device, *, toy: bool) -> Subject:
    """A method and pictures for it, the same in every process."""
    size = TOY_SIZE if toy else SIZES[method]
    given: dict[str, Any] = dict(TOYS[method]) if toy else {}
    if method == "galatea" and not toy:
        given |= SHIPS
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (512, size, size, 3), dtype=torch.uint8, generator=generator)
    preset = "quick" if method == "galatea" and toy else "default"
    return Subject(method, options_of(method, preset, **given), size, pictures.to(device))


def pairs_per_second(subject: Subject, together: Processes, speed: Speed, batch: int, seconds: float) -> float:
    """Of all processes together, `batch` pairs in each: steps and what the loop does between them."""
    sampler = subject.sampler(batch * together.world_size)
    training_step = TrainingStep(
        subject.build(batch * together.world_size), subject.pictures, batch, speed, subject.landmarks
    )
    ahead: deque[torch.cuda.Event] = deque()
    begun, now, steps = 0.0, 0.0, -WARMUP
    while steps < 0 or now - begun < seconds:
        draw = sampler.draw(steps + WARMUP).part(together.rank, together.world_size)
        training_step.step(draw, 2e-4, [0.001])
        if subject.device.type == "cuda":
            ahead.append(torch.cuda.Event())
            ahead[-1].record()
            if len(ahead) > RUN_AHEAD:
                ahead.popleft().synchronize()
        steps += 1
        if steps == 0:
            synchronise(subject.device)
        now = together.clock(time.perf_counter())[0]
        begun = now if steps == 0 else begun
    synchronise(subject.device)
    elapsed = together.clock(time.perf_counter())[0] - begun
    training_step.renew()
    return batch * together.world_size * steps / elapsed


def work(options: argparse.Namespace) -> None:
    """Be one of the processes; the first prints what they found as JSON."""
    begun = time.perf_counter()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    if options.toy:
        torch.set_num_threads(1)
    (method,), (rank, world_size) = options.methods, started()
    device = torch.device("cpu" if options.toy or not torch.cuda.is_available() else f"cuda:{rank}")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    subject = subject_of(method, device, toy=options.toy)
    speed = SPEEDS[options.speed] if options.speed else Speed.best(device)
    if device.type != "cuda":
        speed = replace(speed, graph=False, streams=False)
    batch = options.batch or (2 if options.toy else BATCHES[method])
    told: dict[str, Any] = {"px": subject.size, "batch_a_gpu": batch, "speed": vars(speed)}
    seconds: dict[str, float] = {"started": time.perf_counter() - begun}
    alone = pairs_per_second(subject, Processes(device), speed, batch, 0.0 if rank else options.seconds)
    told["one_pairs_per_second"], seconds["alone"] = alone, time.perf_counter() - begun

    def tell() -> None:
        if not rank:
            rounded = {name: round(value, 1) for name, value in seconds.items()}
            print(json.dumps(told | {"seconds": rounded}), flush=True)

    if not rank:
        print(f"{method}: {alone:.1f} pairs/s with one, after {seconds['alone']:.0f} s", file=sys.stderr, flush=True)
    tell()
    with processes("cpu" if options.toy else "auto") as together:
        told["pairs_per_second"] = pairs_per_second(subject, together, speed, batch, options.seconds)
        seconds["together"] = time.perf_counter() - begun
        if device.type == "cuda":
            told["device"] = torch.cuda.get_device_name(device)
            told["peak_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
        tell()
        if speed != Speed():
            whole = batch * world_size
            draw = subject.sampler(whole).draw(0).part(rank, world_size)
            parity = preflight(subject.build(whole), subject.pictures, draw, speed, subject.landmarks)
            told |= {"parity_holds": together.all_of(parity.holds), "parity": vars(parity)}
        seconds["parity"] = time.perf_counter() - begun
        tell()


def measured(method: str, options: argparse.Namespace) -> dict[str, Any]:
    """What the processes find, each told of the others as torchrun does."""
    count = options.processes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--worker", "--methods", method, "--seconds", str(options.seconds)]
    command += ["--batch", str(options.batch)] if options.batch else []
    command += ["--speed", options.speed] if options.speed else []
    command += ["--toy"] if options.toy else []
    source = str(Path(__file__).parents[1] / "src")
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    told |= {"LOCAL_WORLD_SIZE": str(count), "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    processes_of_it = [
        subprocess.Popen(
            command,
            env={**os.environ, **told, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
            text=True,
        )
        for rank in range(count)
    ]
    cut = False
    try:
        output, _ = processes_of_it[0].communicate(timeout=options.timeout)
        for process in processes_of_it[1:]:
            process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        cut = True
    finally:
        for process in processes_of_it:
            process.kill()
    if cut:
        output, _ = processes_of_it[0].communicate()
        print(f"{method}: not done after {options.timeout:g} s", file=sys.stderr)
    elif any(process.returncode for process in processes_of_it):
        sys.exit(f"{method} with {count} processes failed: see above")
    parts: list[str] = output.splitlines()
    return json.loads(parts[-1]) | ({"cut_after": options.timeout} if cut else {}) if parts else {}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parsed(arguments)
    if options.worker:
        work(options)
        return
    lines: dict[str, Any] = {}
    for method in options.methods:
        lines[method] = found = measured(method, options)
        if "pairs_per_second" not in found:
            continue
        one, several = found["one_pairs_per_second"], found["pairs_per_second"]
        lines[method] |= {"ratio": several / one}
        what = f"{method}, {found['px']} px, {found['batch_a_gpu']} pairs a GPU"
        rates = f"{one:.1f} pairs/s with one, {several:.1f} with"
        print(f"{what}: {rates} {options.processes}: {several / one:.2f} times", flush=True)
    print(json.dumps({"torch": torch.__version__, "processes": options.processes, **lines}))


if __name__ == "__main__":
    main()
