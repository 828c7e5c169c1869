"""The preflight: one accelerated training step against the plain one, before a run begins.

A wrong kernel on some GPU would give wrong gradients, and such a run looks like one that learns badly. So one step is
taken three ways from the same state on the same data: in fp32 and plain (the reference), in the wanted precision and
plain, and with everything that is wanted. Rounding makes the second differ from the first; the third may differ from
the first by no more than that, with a margin. A kernel that cannot be compiled or launched there counts as wrong.
"""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from anime2real.errors import first_line
from anime2real.train.joined_batch import world_size
from anime2real.train.method import Method
from anime2real.train.sampler import BatchIndices
from anime2real.train.step import Speed, TrainingStep

MARGIN = 1.5
FLOOR = 0.01


@dataclass(frozen=True)
class Parity:
    """Relative distances of the gradients from the fp32 eager ones, ‖g - g_ref‖ / ‖g_ref‖.

    Attributes:
        rounding: of the eager step in the wanted precision.
        fast: of the step with everything wanted.
        losses: the largest difference of a loss of the fast step, relative to the loss; where its terms nearly cancel
            out, so that rounding alone changes it by more than the share `rounding`, relative to as much more.
        failure: why the fast step ended in an error, which leaves `fast` and `losses` NaN; else "".
    """

    rounding: float
    fast: float
    losses: float
    failure: str = ""

    def __str__(self) -> str:
        if self.failure:
            return f"the fast step failed: {self.failure}"
        return (
            f"gradients differ from fp32 by {self.fast:.4f}, by rounding alone {self.rounding:.4f}; losses by "
            f"{self.losses:.5f}"
        )

    @property
    def holds(self) -> bool:
        """Whether the fast step is as near to the reference as rounding explains; NaN never is."""
        return self.fast <= MARGIN * self.rounding + FLOOR and self.losses <= MARGIN * self.rounding + FLOOR


def preflight(
    method: Method,
    pictures: Tensor,
    draw: BatchIndices,
    speed: Speed,
    *known: Tensor | None,
) -> Parity:
    """Compare one step of `method`, which is left as it was.

    Args:
        method: on its device, optimizers made, not accelerated yet.
        pictures: (P, S, S, 3) uint8 on the device.
        draw: the step's data.
        speed: what is wanted.
        known: what is known of the pictures, as `TrainingStep` takes it behind `speed`.

    Raises:
        torch.OutOfMemoryError: the batch is too large for the device.
        Exception: whatever ends the fast step of one of several processes.
    """
    plain = Speed()
    with _exact(tf32=False):
        reference, reference_losses = _one_step(method, pictures, draw, plain, *known)
    with _exact(tf32=True):
        rounded, rounded_losses = _one_step(method, pictures, draw, replace(plain, bf16=speed.bf16), *known)
    scale = reference.norm().clamp_min(1e-30)
    rounding = float((rounded - reference).norm() / scale)
    try:
        fast, fast_losses = _one_step(method, pictures, draw, speed, *known)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # compilers and drivers raise many kinds
        if world_size() > 1:  # the others wait for this process's gradients
            raise
        return Parity(rounding, math.nan, math.nan, f"{type(error).__name__}: {first_line(error)}")
    losses = loss_distance(reference_losses, rounded_losses, fast_losses, rounding)
    return Parity(rounding, float((fast - reference).norm() / scale), losses)


def loss_distance(
    reference: dict[str, float], rounded: dict[str, float], fast: dict[str, float], rounding: float
) -> float:
    """`Parity.losses`; NaN if any loss is not finite. A mean of logits may be so near zero that rounding halves it."""
    if not all(math.isfinite(value) for losses in (reference, rounded, fast) for value in losses.values()):
        return math.nan
    return max(
        abs(fast[key] - value) / max(abs(value), abs(rounded[key] - value) / max(rounding, FLOOR), 1e-6)
        for key, value in reference.items()
    )


@contextmanager
def _exact(tf32: bool) -> Iterator[None]:
    """tf32 on or off, and no search for the fastest convolution: one step would not pay for it."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = before


def _one_step(
    method: Method, pictures: Tensor, draw: BatchIndices, speed: Speed, *known: Tensor | None
) -> tuple[Tensor, dict[str, float]]:
    """All gradients after one step of a copy, flattened in fp64, and its losses."""
    trial = copy.deepcopy(method)
    losses = TrainingStep(trial, pictures, len(draw.anime), speed, *known).step(
        draw, 0.0, [0.0] * (1 + method.further_emas)
    )
    gradients = [p.grad.flatten().double() for p in trial.parameters() if p.grad is not None]
    # A method without gradients (the difference vector) is compared by its state.
    values = gradients or [b.flatten().double() for b in trial.buffers() if b.is_floating_point()]
    return torch.cat(values).clone(), {key: float(value) for key, value in losses.items()}
