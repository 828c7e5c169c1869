"""Where a step's pictures come from: the whole pack on the device, or, streamed, what the next steps need.

Either way a training step sees tensors on the device and rows of them, and which pictures these are follows from the
seed and the step's number. So what is learned does not depend on where they come from.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anime2real.data.pack import Pack
from anime2real.data.tar_pixels import TarPixels
from anime2real.train.method import Method
from anime2real.train.need import FREE_SHARE, Need, free_gigabytes
from anime2real.train.sampler import BatchIndices
from anime2real.train.selection import annotations, known_of, whole

Annotations = tuple[Tensor | None, ...]
"""landmarks, hair, soft, who, frames of pictures, as `selection.annotations` gives them."""

DrawOf = Callable[[int], BatchIndices]
"""Gives the data of a step, its rows those of the pack."""


class PictureSource(Protocol):
    """What gives a training step its pictures.

    Attributes:
        pictures: (K, S, S, 3) uint8 on the device.
        annotations: what is known of these.
    """

    pictures: Tensor
    annotations: Annotations

    def draws(self, draw_of: DrawOf, first: int) -> AbstractContextManager[Iterator[BatchIndices]]:
        """The data of step `first` and of those after it, in order; their rows are those of `pictures`.

        Each holds until the next is asked for.
        """

    def bring(self, draw: BatchIndices) -> BatchIndices:
        """One step's data out of turn, its rows those of the pack; returned with the rows of `pictures`."""

    def copied(self, rows: NDArray[np.int64]) -> tuple[Tensor, Annotations]:
        """Pictures (R, S, S, 3) of some rows of the pack, on the device to stay, and what is known of them."""


class Resident:
    """The whole pack on the device.

    Args:
        pack: in one piece or in shards; its sums are compared first.
        method: says what it wants to know of the pictures.
        device: for all of it. On the CPU a pack in one piece stays in its file, which is mapped.

    Raises:
        PackError: its pictures are not what was written.
        TrainError: the pack does not know what the method wants.
    """

    def __init__(self, pack: Pack, method: Method, device: torch.device) -> None:
        if not pack.in_shards:  # those are compared picture by picture as they are read
            pack.check()
        self.pictures = whole(pack.images, device)
        self.annotations: Annotations = annotations(pack, method, device)

    def draws(self, draw_of: DrawOf, first: int) -> AbstractContextManager[Iterator[BatchIndices]]:
        """See `PictureSource`."""
        return nullcontext(map(draw_of, count(first)))

    def bring(self, draw: BatchIndices) -> BatchIndices:
        """See `PictureSource`."""
        return draw

    def copied(self, rows: NDArray[np.int64]) -> tuple[Tensor, Annotations]:
        """See `PictureSource`."""
        chosen = torch.from_numpy(rows).to(self.pictures.device)
        return self.pictures[chosen], tuple(None if of is None else of[chosen] for of in self.annotations)


@dataclass(frozen=True)
class Placing:
    """Whether a pack's pictures lie on the device, and why.

    Attributes:
        streams: whether they are read as they are needed.
        asked: whether that was asked for.
        gigabytes: that the pack would take there.
        free: gigabytes that are free there and that the training itself does not take; None where nobody knows.
    """

    streams: bool
    asked: bool
    gigabytes: float
    free: float | None

    def in_words(self) -> str:
        """A line for the log."""
        room = "" if self.free is None else f" of the {self.free:.1f} GB that are free for them"
        if self.asked:
            return f"pictures: streamed, as asked; all on the device would take {self.gigabytes:.1f} GB{room}"
        if self.streams:
            return f"pictures: streamed, for all on the device would take {self.gigabytes:.1f} GB{room}"
        return f"pictures: all on the device, {self.gigabytes:.1f} GB{room}"


def placing(pack: Pack, method: Method, device: torch.device, need: Need, batch_size: int, *, stream: bool) -> Placing:
    """Where the pictures of a training should lie.

    Args:
        need: of a step.
        batch_size: of this process.
        stream: whether to stream them in any case.
    """
    parts: list[Any] = [pack.images, *(values for values in known_of(pack, method) if values is not None)]
    mapped = device.type == "cpu"
    sizes = [int(np.prod(p.shape)) * p.dtype.itemsize for p in parts if not mapped or isinstance(p, TarPixels)]
    gigabytes = sum(sizes) / 1e9
    free = free_on(device)
    if free is not None:  # what a step takes is counted, and may take no more than half
        free -= min(need.memory(batch_size), free / 2)
    streams = free is not None and gigabytes > free
    return Placing(stream or streams, stream, gigabytes, free)


def free_on(device: torch.device) -> float | None:
    """Gigabytes of its memory that a training may take, or None."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e9
    free = free_gigabytes()
    return None if free is None else FREE_SHARE * free
