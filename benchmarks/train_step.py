"""Training speed: this project's step against a plain one, in one run.

    python benchmarks/train_step.py --seconds 8
    python benchmarks/train_step.py --method galatea --batches 32
    python benchmarks/train_step.py --method galatea --ships
    python benchmarks/train_step.py --method ugatit
    python benchmarks/train_step.py --method ugatit --full

Both train the paper's CycleGAN (ResNet-9, 70×70 PatchGAN, LSGAN, cycle 10, identity 0.5, Adam) at 128 px on pictures
that lie on the device, or Galatea's quick recipe, or U-GAT-IT. The reference is what one writes first
(`plain_cyclegan.py`, `plain_ugatit.py`), eager with tf32, at batch 1 (the paper's) and 16. Ours runs at each of
`--batches` under each of `--speeds`, and counts only if it passes the parity check that every training run makes.
TFLOP/s count the convolutions and matrix products that ours really does (its folded resize-convolution does fewer than
the reference). `--ships` takes Galatea's default, the networks that ship, at 256 px, against the same networks and
iteration trained plainly: eager with tf32, nothing captured or fused. `--toy` rehearses all of it in seconds
on a CPU; its figures say nothing. The last line is JSON: `ratio_batch16` is our best against the reference at batch 16,
`ratio_same_batch16` ours at batch 16 against it.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import torch
from plain_cyclegan import PlainCycleGAN, PlainGalatea
from plain_ugatit import PlainUGATIT
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from anime2real.face.geometry import TEMPLATE
from anime2real.train.accelerated.parity import preflight
from anime2real.train.method import Method
from anime2real.train.methods.galatea_options import DETAIL_WEIGHT, WORST_PATCH_WEIGHT
from anime2real.train.recipes import options_of
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed, TrainingStep

SPEEDS = {
    "eager": Speed(channels_last=True),
    "bf16": Speed(bf16=True, channels_last=True),
    "graph": Speed(bf16=True, channels_last=True, graph=True),
    "fused": Speed(bf16=True, channels_last=True, fused=True, graph=True),
    "fused+streams": Speed(bf16=True, channels_last=True, fused=True, graph=True, streams=True),
    "early": Speed(bf16=True, channels_last=True, fused=True, graph=True, streams=True, early=True),
}
FAST: Final = {
    "cyclegan": ["fused"],
    "galatea": ["fused"],
    "ugatit": ["fused", "fused+streams"],
    "ships": ["fused", "fused+streams"],
}
"""What each method is measured under unless told, and `--ships`."""
BATCHES: Final = {"cyclegan": [64, 96], "galatea": [64, 96], "ugatit": [16, 32, 64], "ships": [8, 16]}
SHIPS: Final[dict[str, Any]] = {
    "worst_patch_weight": WORST_PATCH_WEIGHT,
    "detail_weight": DETAIL_WEIGHT,
    "unshuffle": 2,
}
"""What Galatea's defaults leave to a pack."""
SHIPPED_SIZE: Final = 256
SIZE, TOY_SIZE = 128, 32
TOYS: Final[dict[str, dict[str, int]]] = {
    "cyclegan": {"width": 8, "blocks": 1, "discriminator_width": 8, "pool_size": 3},
    "galatea": {"width": 8, "blocks": 2, "projection_width": 8, "patch_width": 8},
    "ugatit": {"width": 8, "blocks": 1, "discriminator_width": 8, "local_layers": 4, "global_layers": 5},
}


class Reference(Protocol):
    """Something that trains, a step a call."""

    def step(self, anime: Tensor, real: Tensor) -> None: ...


REFERENCES: Final[dict[str, Callable[[torch.device, int, Any], Reference]]] = {
    "cyclegan": PlainCycleGAN,
    "galatea": PlainGalatea,
    "ugatit": PlainUGATIT,
}


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        name: of the method.
        config: its options, but for the batch.
        size: S, pixels a side.
        pictures: (P, S, S, 3) uint8 on the device, one half drawings, the other photographs.
    """

    name: str
    config: Any
    size: int
    pictures: Tensor

    @property
    def landmarks(self) -> Tensor:
        """(P, 5, 2) in [-1, 1] on the device: faces that lie as crops have them."""
        points = torch.from_numpy(TEMPLATE * 2 - 1).float().to(self.device)
        return points.expand(len(self.pictures), 5, 2)

    @property
    def device(self) -> torch.device:
        """Where all of it happens."""
        return self.pictures.device

    def build(self, batch_size: int) -> Method:
        """The method as training builds it."""
        torch.manual_seed(0)
        config = replace(self.config, batch_size=batch_size)
        method: Method = build(self.name, config, self.size).to(self.device)
        method.make_optimizers(config.learning_rate)
        method.start_average()
        return method

    def sampler(self, batch_size: int) -> Sampler:
        """Pictures in batches."""
        half = len(self.pictures) // 2
        return Sampler(np.arange(half), np.arange(half, 2 * half), batch_size, 0)


def rate(step: Callable[[], object], pairs: int, seconds: float, device: torch.device) -> float:
    """Pairs a second over about `seconds`, after warm-up, the device waited for at both ends."""
    for _ in range(3):
        step()
    synchronise(device)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        for _ in range(4):
            step()
        synchronise(device)
        steps += 4
    return pairs * steps / (time.perf_counter() - start)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def stepping(training_step: TrainingStep, sampler: Sampler) -> Callable[[], object]:
    """A step a call, each with its own pictures."""
    steps = itertools.count(1)
    return lambda: training_step.step(sampler.draw(next(steps)), 2e-4, [0.001])


def profile(step: Callable[[], object], pairs: int, device: torch.device, rows: int = 40) -> None:
    """Print which kernels a step's time goes to, in µs a pair."""
    steps = 3
    activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as result:
        for _ in range(steps):
            step()
        synchronise(device)
    kernels = [e for e in result.key_averages() if e.device_type == torch.autograd.DeviceType.CUDA]
    kernels.sort(key=lambda e: -e.self_device_time_total)
    whole = sum(e.self_device_time_total for e in kernels)
    print(f"  kernels, {whole / steps / pairs:.1f} µs a pair; the {rows} that take longest:")
    for e in kernels[:rows]:
        time_a_pair = e.self_device_time_total / steps / pairs
        share = e.self_device_time_total / whole
        print(f"  {share:6.1%} {time_a_pair:8.2f} µs {e.count // steps:5d} times  {e.key[:110]}")


def tflop_a_pair(subject: Subject) -> float:
    """Arithmetic of one of our iterations, forward and backward, counted by torch."""
    training_step = TrainingStep(subject.build(1), subject.pictures, 1, Speed(), subject.landmarks)
    draw = subject.sampler(1).draw(0)
    with FlopCounterMode(display=False) as counter:
        training_step.step(draw, 2e-4, [0.0])
    return counter.get_total_flops() / 1e12


def reference_rate(subject: Subject, batch_size: int, seconds: float, *, same: bool) -> float:
    """Pairs a second of the reference, which is gone afterwards; of the `same` networks trained plainly, or its own."""
    if same:
        training_step = TrainingStep(
            subject.build(batch_size), subject.pictures, batch_size, Speed(), subject.landmarks
        )
        return rate(stepping(training_step, subject.sampler(batch_size)), batch_size, seconds, subject.device)
    plain = REFERENCES[subject.name](subject.device, subject.size, subject.config)
    shape = (batch_size, 3, subject.size, subject.size)
    anime, real = (torch.rand(shape, device=subject.device) * 2 - 1 for _ in range(2))
    return rate(lambda: plain.step(anime, real), batch_size, seconds, subject.device)


def our_rate(subject: Subject, batch_size: int, speed_name: str, tflop: float, options: argparse.Namespace) -> float:
    """Pairs a second of ours, told in a line; 0 if it does not count."""
    speed, sampler, device = SPEEDS[speed_name], subject.sampler(batch_size), subject.device
    if device.type != "cuda":  # where there is neither a graph nor a kernel of Triton's
        speed = replace(speed, fused=False, graph=False, streams=False)
    begin = time.perf_counter()
    try:
        parity = preflight(subject.build(batch_size), subject.pictures, sampler.draw(0), speed, subject.landmarks)
        training_step = TrainingStep(subject.build(batch_size), subject.pictures, batch_size, speed, subject.landmarks)
        training_step.step(sampler.draw(0), 2e-4, [0.001])
        synchronise(device)
        ready = time.perf_counter() - begin
        pairs = rate(stepping(training_step, sampler), batch_size, options.seconds, device)
    except torch.OutOfMemoryError:
        print(f"ours, {speed_name:16s} batch {batch_size:3d}: more memory than the device has")
        return 0.0
    verdict = "holds" if parity.holds else "FAILS, not counted"
    print(
        f"ours, {speed_name:16s} batch {batch_size:3d}: {pairs:8.1f} pairs/s  {pairs * tflop:6.1f} TFLOP/s  "
        f"ready in {ready:5.1f} s{memory(device)}  parity {verdict}: {asdict(parity)}",
        flush=True,
    )
    if options.profile:
        profile(stepping(training_step, sampler), batch_size, device)
    return pairs if parity.holds else 0.0


def memory(device: torch.device) -> str:
    """The most that was allocated on a GPU since this was last asked, in words."""
    if device.type != "cuda":
        return ""
    most = torch.cuda.max_memory_allocated(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return f"  {most:4.1f} GiB"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each measurement")
    parser.add_argument("--method", choices=list(REFERENCES), default="cyclegan")
    parser.add_argument("--full", action="store_true", help="U-GAT-IT's full version, not the light one")
    parser.add_argument("--ships", action="store_true", help="Galatea's networks that ship, at 256 px")
    parser.add_argument("--batches", type=int, nargs="+", help="of ours; 64 96, for ugatit 16 32 64, for --ships 8 16")
    parser.add_argument("--reference-batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--speeds", nargs="+", choices=list(SPEEDS), help="of ours; the method's own if not given")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--profile", action="store_true", help="which kernels the time goes to; CUDA only")
    parser.add_argument("--no-reference", action="store_true", help="ours alone, for tuning; no ratios then")
    parser.add_argument("--toy", action="store_true", help="tiny networks and pictures: a rehearsal")
    options = parser.parse_args(arguments)
    if options.full and options.method != "ugatit":
        parser.error("only --method ugatit has a --full version")
    if options.ships and options.method != "galatea":
        parser.error("--ships is of --method galatea")
    return options


def reference_rates(subject: Subject, options: argparse.Namespace) -> dict[int, float]:
    """Pairs a second of the reference, by batch, each told in a line."""
    reference: dict[int, float] = {}
    for batch_size in () if options.no_reference else options.reference_batches:
        try:
            reference[batch_size] = reference_rate(subject, batch_size, options.seconds, same=options.ships)
        except torch.OutOfMemoryError:
            print(f"reference, eager tf32, batch {batch_size:3d}: more memory than the device has")
            continue
        pairs = f"{reference[batch_size]:8.1f} pairs/s{memory(subject.device)}"
        print(f"reference, eager tf32, batch {batch_size:3d}: {pairs}", flush=True)
    return reference


def best_of_ours(
    subject: Subject, tflop: float, reference: dict[int, float], options: argparse.Namespace
) -> dict[str, Any]:
    """Our fastest batch and speed, and how it stands to the reference."""
    row = "ships" if options.ships else options.method
    best: dict[str, Any] = {"pairs_per_second": 0.0}
    ours: dict[int, float] = {}
    for batch_size in options.batches or BATCHES[row]:
        for speed_name in options.speeds or FAST[row]:
            pairs = our_rate(subject, batch_size, speed_name, tflop, options)
            ours[batch_size] = max(pairs, ours.get(batch_size, 0.0))
            if pairs > best["pairs_per_second"]:
                best = {"pairs_per_second": pairs, "tflops": pairs * tflop, "batch": batch_size, "speed": speed_name}
    for batch_size, pairs in reference.items():
        best[f"reference_batch{batch_size}"] = pairs
        best[f"ratio_batch{batch_size}"] = best["pairs_per_second"] / pairs
        if batch_size in ours:
            best[f"ratio_same_batch{batch_size}"] = ours[batch_size] / pairs
    return best


def main(arguments: Sequence[str] | None = None) -> None:
    options = parsed(arguments)
    device = torch.device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    size = TOY_SIZE if options.toy else SHIPPED_SIZE if options.ships else SIZE
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(f"torch {torch.__version__} on {name}, {size} px")
    given: dict[str, Any] = dict(TOYS[options.method]) if options.toy else {}
    preset = "full" if options.full else "quick" if options.method == "galatea" and not options.ships else "default"
    config: Any = options_of(options.method, preset, **given | (SHIPS if options.ships else {}))
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (512, size, size, 3), dtype=torch.uint8, device=device)
    subject = Subject(options.method, config, size, pictures)
    tflop = tflop_a_pair(subject)
    torch.backends.cudnn.benchmark = True  # for both: shapes never change; the search would take counting 80 s
    print(f"{tflop:.3f} TFLOP a pair in ours (the paper's CycleGAN with transposed convolution: 0.469)")

    reference = reference_rates(subject, options)
    best = best_of_ours(subject, tflop, reference, options)
    told: dict[str, Any] = {"method": options.method, "device": name, "torch": torch.__version__, "px": size}
    if options.method == "ugatit":
        told["light"] = not options.full
    if options.method == "galatea":
        told["ships"] = options.ships
    print(json.dumps(told | best))


if __name__ == "__main__":
    main()
