"""Pictures read as the steps need them, by processes of torch's DataLoader, and on the device before their turn.

A step's rows are known beforehand, from the seed and its number (`sampler.py`): an order that visits every picture of
an epoch once, at random over the whole pack. So a run resumes at any step, and reads what a pack that lies on the
device would have shown it. Shards are read by the places of their samples, a pack in one piece through its file.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from anime2real.data.pack import Pack
from anime2real.errors import UserError
from anime2real.train.method import Method
from anime2real.train.picture_source import Annotations, DrawOf
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import BatchIndices
from anime2real.train.selection import known_of
from anime2real.train.step_reader import Rows, StepReader, begin

MOST_READERS: Final = 16

AHEAD: Final = 2
"""Steps that each process reads ahead."""

HAIR: Final = 1
"""Its place among what is known of pictures, of which it alone is read by processes."""


class Streamed:
    """A `PictureSource` whose tensors hold one step's pictures.

    Attributes:
        readers: processes that read.
        told: what they take, in words.

    Args:
        pack: in one piece or in shards.
        method: says what it wants to know of the pictures.
        device: of the training.
        batch_size: N, of this process.
        readers: processes; 0 reads between the steps; if not given, as many as there are cores to spare.

    Raises:
        PackError: a pack in one piece is not what was written.
        TrainError: the pack does not know what the method wants.
    """

    def __init__(
        self, pack: Pack, method: Method, device: torch.device, batch_size: int, readers: int | None = None
    ) -> None:
        if not pack.in_shards:
            pack.check()
        self._known = known_of(pack, method)
        self._steps = StepReader(pack, hair=self._known[HAIR] is not None)
        parts = 2 if method.wants_real_set else 1
        self._places = np.arange(parts * 2 * batch_size).reshape(parts, 2, batch_size)
        self._device = device
        empty = np.zeros(self._places.size, np.int64)
        self.pictures, self.annotations = self.copied(empty)
        self._slots = [self.pictures, *(of for of in self.annotations if of is not None)]
        self._stagings = [[torch.empty_like(slot) for slot in self._slots] for _ in range(2 * (device.type == "cuda"))]
        a_step = sum(slot.nbytes for slot in self._slots)
        self.readers = _readers(readers, a_step)
        ahead = self.readers * AHEAD + 1
        self.told = (
            f"streaming: {self.readers} processes read up to {ahead} steps ahead, {ahead * a_step / 1e6:,.1f} MB of"
            f" the host's memory and {(1 + len(self._stagings)) * a_step / 1e6:,.1f} MB of the device's"
        )

    @contextmanager
    def draws(self, draw_of: DrawOf, first: int) -> Iterator[Iterator[BatchIndices]]:
        """See `PictureSource`."""
        drawn: deque[BatchIndices] = deque()

        def rows() -> Iterator[Rows]:
            for step in count(first):
                drawn.append(draw_of(step))
                yield _rows(drawn[-1])

        loader = DataLoader(
            self._steps,
            batch_size=None,
            sampler=rows(),
            num_workers=self.readers,
            prefetch_factor=AHEAD if self.readers else None,
            pin_memory=self._device.type == "cuda",
            multiprocessing_context="spawn" if self.readers else None,
            worker_init_fn=begin if self.readers else None,
        )
        batches = iter(loader)  # the processes start now
        try:
            yield self._in_turn(batches, drawn)
        finally:
            end = getattr(batches, "_shutdown_workers", None)  # waiting for the garbage collector may take long
            if end is not None:
                end()

    def _in_turn(self, batches: Iterator[Any], drawn: deque[BatchIndices]) -> Iterator[BatchIndices]:
        """Each step's data, when its pictures are on their way to the device."""
        copies = _Copies(self._slots, self._stagings)
        while True:
            try:
                read = next(batches)
            except (RuntimeError, ConnectionError, EOFError) as error:  # the latter two where it died as it answered
                if isinstance(error, RuntimeError) and "worker" not in str(error):
                    raise
                raise TrainError(
                    "a process that reads pictures was killed, as systems do that run out of memory: the same command "
                    "resumes, with fewer --readers"
                ) from error
            draw = drawn.popleft()
            copies.put(self._with_known(_rows(draw), read))
            yield self._placed(draw)

    def _with_known(self, rows: Rows, read: Any) -> list[Tensor]:
        """What was read of some rows, and what else is known of them, in the order of the slots."""
        if isinstance(read, UserError):
            raise read
        pictures, *hair = read
        known = [None if i == HAIR or of is None else torch.from_numpy(of[rows]) for i, of in enumerate(self._known)]
        known[HAIR] = hair[0] if hair else None
        return [pictures, *(of for of in known if of is not None)]

    def _placed(self, draw: BatchIndices) -> BatchIndices:
        """The draw with the places of its pictures among the slots."""
        anime, real = self._places[0]
        placed = replace(draw, anime=anime, real=real)
        if draw.real_set is None:
            return placed
        anime, real = self._places[1]
        return replace(placed, real_set=replace(draw.real_set, anime=anime, real=real))

    def bring(self, draw: BatchIndices) -> BatchIndices:
        """See `PictureSource`."""
        rows = _rows(draw)
        for slot, values in zip(self._slots, self._with_known(rows, self._steps[rows]), strict=True):
            slot.copy_(values)
        return self._placed(draw)

    def copied(self, rows: Rows) -> tuple[Tensor, Annotations]:
        """See `PictureSource`."""
        pictures, *known = (values.to(self._device) for values in self._with_known(rows, self._steps[rows]))
        left = iter(known)
        return pictures, tuple(None if of is None else next(left) for of in self._known)


class _Copies:
    """Copies from the host into tensors that do not move, as a CUDA graph wants them.

    On a GPU they go by a stream of their own into one of two stagings while earlier steps run, and from there when
    the step's turn has come.
    """

    def __init__(self, slots: list[Tensor], stagings: list[list[Tensor]]) -> None:
        self._slots, self._stagings, self._turn = slots, stagings, 0
        if stagings:
            device = slots[0].device
            self._stream = torch.cuda.Stream(device)
            self._used = [torch.cuda.Event() for _ in stagings]

    def put(self, values: list[Tensor]) -> None:
        """Into the slots, before anything that is asked of the device after this."""
        if not self._stagings:
            for slot, value in zip(self._slots, values, strict=True):
                slot.copy_(value)
            return
        staging, used = self._stagings[self._turn], self._used[self._turn]
        self._turn = 1 - self._turn
        current = torch.cuda.current_stream(self._slots[0].device)
        self._stream.wait_event(used)
        with torch.cuda.stream(self._stream):
            for staged, value in zip(staging, values, strict=True):
                staged.copy_(value if value.is_pinned() else value.pin_memory(), non_blocking=True)
        current.wait_stream(self._stream)
        for slot, staged in zip(self._slots, staging, strict=True):
            slot.copy_(staged)
        used.record(current)


def _rows(draw: BatchIndices) -> Rows:
    """The rows of all pictures of a step, in the order of the slots."""
    parts = [draw] if draw.real_set is None else [draw, draw.real_set]
    return np.concatenate([rows for part in parts for rows in (part.anime, part.real)])


def _readers(asked: int | None, a_step: int) -> int:
    """How many processes read: as asked, or one less than this process's share of the cores, as shared memory allows.

    Batches come through shared memory, of which containers have 64 MB unless they are told otherwise; where it is
    full, processes are killed.
    """
    cores = (os.cpu_count() or 1) // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    number = min(MOST_READERS, max(1, cores - 1)) if asked is None else asked
    shared = Path("/dev/shm")
    if asked is None and shared.is_dir():
        number = min(number, int(shutil.disk_usage(shared).free / 2 / a_step - 1) // AHEAD)
    return max(0, number)
