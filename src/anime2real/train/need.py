"""What a training takes of a machine: memory and, without a GPU, seconds, estimated; and the batch that fits.

The figures are counted by `benchmarks/step_memory.py`, from one step of each method with one pair of pictures and with
two: the bytes of everything that its backward passes keep, of networks, averages, gradients and moments, and its
multiplications and additions. They grow with the pixels and, about, with the width.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F

FREE_SHARE: Final = 0.7
"""Of the free memory that a training may take: the rest is for what is not counted, and for other programs."""

RUNTIME_GIGABYTES: Final = {"cpu": 0.4, "gpu": 1.5}
"""Torch, the libraries of a GPU, and what convolutions take while they run; roughly."""

TOLD_BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Cost:
    """What a step costs.

    Attributes:
        px: pixels a side of the pictures that it was counted for; of galatea, of what they are folded to.
        width: of the networks.
        fixed: gigabytes that do not grow with the batch.
        pair: gigabytes that each pair keeps until the backward pass, in fp32.
        pair_bf16: the same in mixed precision.
        gigaflops: of a pair, forward and backward.
    """

    px: int
    width: int
    fixed: float
    pair: float
    pair_bf16: float
    gigaflops: float


COSTS: Final = {
    "difference": Cost(128, 1, 0.0022, 0.0006, 0.0006, 0.001),
    "autoencoder": Cost(128, 48, 0.169, 0.0442, 0.0345, 9.18),
    "cyclegan": Cost(128, 64, 0.623, 0.759, 0.691, 488.0),
    "ugatit": Cost(128, 64, 2.66, 0.698, 0.637, 481.0),
    "galatea quick": Cost(128, 48, 0.548, 0.61, 0.54, 293.0),
    "galatea": Cost(128, 48, 2.91, 0.757, 0.608, 449.0),
    "student": Cost(128, 48, 1.59, 0.366, 0.251, 256.0),
    "pix2pix": Cost(256, 64, 0.601, 1.04, 0.943, 717.0),
    "pix2pixhd": Cost(128, 64, 8.36, 0.158, 0.136, 111.0),
}


@dataclass(frozen=True)
class Need:
    """What one step takes, by the batch.

    Attributes:
        fixed: gigabytes, whatever the batch, torch's own included.
        gigabytes: of a pair.
        gigaflops: of a pair.
    """

    fixed: float
    gigabytes: float
    gigaflops: float

    def memory(self, batch_size: int) -> float:
        """Gigabytes that a training takes beside its pictures."""
        return self.fixed + batch_size * self.gigabytes

    def table(self) -> dict[int, float]:
        """Gigabytes by the pairs of a step."""
        return {batch_size: round(self.memory(batch_size), 1) for batch_size in TOLD_BATCHES}

    def in_words(self, batch_size: int) -> str:
        """A line that tells of a batch, and of others."""
        others = ", ".join(f"{gigabytes:.1f} with {pairs}" for pairs, gigabytes in self.table().items())
        return f"memory, counted: {self.memory(batch_size):.1f} GB for steps of {batch_size} pairs; {others}"

    def fitting(self, batch_size: int, free: float | None) -> int:
        """The batch, halved until its training fits into so many gigabytes that are free; 1 at least."""
        while batch_size > 1 and free is not None and self.memory(batch_size) > FREE_SHARE * free:
            batch_size //= 2
        return batch_size


def need_of(method: str, options: Any, size: int, *, bf16: bool = False) -> Need:
    """What a method's step takes with pictures of so many pixels a side, in fp32 or, as on GPUs, mixed precision."""
    quick = f"{method} quick" if getattr(options, "generator", "") == "resnet" else method
    cost = COSTS.get(quick, COSTS[method])
    width = getattr(options, "width", cost.width) / cost.width
    scale = (folded_size(method, options, size) / cost.px) ** 2 * width
    fixed = cost.fixed * width**2 + RUNTIME_GIGABYTES["gpu" if bf16 else "cpu"]
    return Need(fixed, (cost.pair_bf16 if bf16 else cost.pair) * scale, cost.gigaflops * scale)


def folded_size(method: str, options: Any, size: int) -> int:
    """Pixels a side at which a method's generators compute: galatea's, and the student's, fold larger ones."""
    if method not in ("galatea", "student"):
        return size
    return size // (getattr(options, "unshuffle", None) or max(1, size // 128))


def memory_notes(need: Need, batch_size: int, asked: int, free: float | None) -> list[str]:
    """What to tell before a training on the CPU starts.

    Args:
        need: of its step.
        batch_size: of the training.
        asked: the batch that it would have by default.
        free: gigabytes.
    """
    lines = []
    if batch_size < asked:
        lines.append(
            f"CPU: batches of {batch_size}, as {asked} would take {need.memory(asked):.1f} GB of {free:.1f} free"
        )
    seconds = batch_size * need.gigaflops / speed()
    takes = f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.1f} minutes"
    of = "" if free is None else f" of {free:.1f} free"
    lines.append(f"CPU, estimated: {need.memory(batch_size):.1f} GB{of}, and {takes} for a step of {batch_size} pairs")
    if free is not None and need.memory(batch_size) > free:
        lines.append(f"that may not fit: --batch-size {need.fitting(batch_size, free)} would")
    return lines


def speed() -> float:
    """Gigaflops a second of this machine's convolutions, measured in a moment."""
    image, kernel = torch.ones(1, 256, 32, 32), torch.ones(256, 256, 3, 3)
    with torch.no_grad():
        F.conv2d(image, kernel, padding=1)  # the first call prepares
        began = time.perf_counter()
        F.conv2d(image, kernel, padding=1)
    return 2 * 9 * 256**2 * 32**2 / 1e9 / max(time.perf_counter() - began, 1e-6)


def free_gigabytes() -> float | None:
    """Memory that is free for this process, by Linux and by the limits of its container; None elsewhere."""
    found = []
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        numbers = [_text(Path(path)).strip() for path in (limit, used)]
        if all(number.isdigit() for number in numbers):
            found.append(int(numbers[0]) - int(numbers[1]))
    return max(0, min(found)) / 1e9 if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
