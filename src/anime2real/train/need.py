"""What a training takes of a machine without a GPU: memory and seconds, estimated, and the batch that fits.

The figures are counted, from one step of each method in fp32 with a pair of pictures: the bytes of everything that its
backward pass keeps, and its multiplications and additions. Both grow with the pixels and, about, with the width. The
memory of galatea and U-GAT-IT is rounded to a gigabyte: parts that do not grow with the batch are counted in.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F

FREE_SHARE: Final = 0.7
"""Of the free memory that a training may take: the rest is for what is not counted, and for other programs."""

FIXED_GIGABYTES: Final = 1.0
"""Torch, networks, averages, gradients and moments."""


@dataclass(frozen=True)
class Cost:
    """What a pair of pictures costs in one step.

    Attributes:
        px: pixels a side of the pictures that it was counted for.
        width: of the networks.
        gigabytes: kept until the backward pass.
        gigaflops: forward and backward.
    """

    px: int
    width: int
    gigabytes: float
    gigaflops: float


COSTS: Final = {
    "difference": Cost(128, 1, 0.0006, 0.001),
    "autoencoder": Cost(128, 48, 0.06, 9.2),
    "cyclegan": Cost(128, 64, 0.76, 488.0),
    # MORE
}


@dataclass(frozen=True)
class Need:
    """What one step takes, by the batch.

    Attributes:
        gigabytes: of a pair.
        gigaflops: of a pair.
    """

    gigabytes: float
    gigaflops: float

    def memory(self, batch_size: int) -> float:
        """Gigabytes that a training takes."""
        return FIXED_GIGABYTES + batch_size * self.gigabytes

    def fitting(self, batch_size: int, free: float | None) -> int:
        """The batch, halved until its training fits into so many gigabytes that are free; 1 at least."""
        while batch_size > 1 and free is not None and self.memory(batch_size) > FREE_SHARE * free:
            batch_size //= 2
        return batch_size


def need_of(method: str, options: Any, size: int) -> Need:
    """What a method's step takes with pictures of so many pixels a side."""
    name = f"{method} resnet" if getattr(options, "generator", "") == "resnet" else method
    cost = COSTS.get(name, COSTS["cyclegan"])  # of which methods that were not counted are kin
    if method == "galatea":  # larger pictures are folded to that size, unless they are told not to be
        size //= getattr(options, "unshuffle", None) or max(1, size // 128)
    scale = (size / cost.px) ** 2 * getattr(options, "width", cost.width) / cost.width
    return Need(cost.gigabytes * scale, cost.gigaflops * scale)


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
