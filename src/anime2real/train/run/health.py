"""Whether a training still learns: its losses and weights are numbers, and none has run away."""

import math
from collections.abc import Mapping
from typing import Final

import torch

from anime2real.train.method import Method
from anime2real.train.run.config import TrainError

LARGEST_LOSS: Final = 1e5
"""Losses are means over pictures in [-1, 1] and over scores: those of a sound training stay far below."""

LARGEST_WEIGHT: Final = 65504.0
"""The largest number of fp16, in which a bundle holds its weights; sound ones stay below a thousandth of it."""


class DivergedError(TrainError):
    """A training whose losses or weights are no numbers, or have run away."""


def check_losses(losses: Mapping[str, float]) -> None:
    """Refuse losses that no sound training has.

    Raises:
        DivergedError: one is not finite, or larger than `LARGEST_LOSS`.
    """
    for name, value in losses.items():
        if not abs(value) <= LARGEST_LOSS:  # NaN never is
            raise DivergedError(f"the loss {name!r} is {value:.3g}")


@torch.no_grad()
def check_weights(method: Method) -> None:
    """Refuse networks that no sound training has; reads a number back from the device.

    Raises:
        DivergedError: a weight is not finite, or larger than `LARGEST_WEIGHT`.
    """
    weights: list[torch.Tensor] = [p for p in method.parameters() if p.numel()]
    if not weights:
        return
    largest = float(torch.stack(torch._foreach_norm(weights, math.inf)).max())
    if not largest <= LARGEST_WEIGHT:
        raise DivergedError(f"a weight is {largest:.3g}")
