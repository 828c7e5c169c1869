"""Micro-batching: crops of different requests go through the network together.

A call takes up to `size` crops of one translator. The first crop of a batch waits at most `wait_seconds` for
others, and not at all while the network is busy, because others arrive meanwhile. A crop whose request has ended is
dropped. What batches requests elsewhere (Triton, Ray Serve, BentoML) is a server of its own; this is a queue in ours.
"""

import asyncio
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anime2real.errors import UserError

Pixels = NDArray[np.uint8]
Landmarks = NDArray[np.float64]
WhoAsked = NDArray[np.float64]
"""(N, 2), who should be shown, as `network.who_input` gives it."""


class TranslateCrops(Protocol):
    """The signature of `Translator.translate`."""

    def __call__(
        self, pixels: Pixels, landmarks: Landmarks, variants: Sequence[int], who: WhoAsked | None, /
    ) -> Pixels:
        """(N, S, S, 3), (N, 5, 2), N numbers and, for networks that take it, (N, 2) to (N, S, S, 3)."""
        ...


@dataclass(frozen=True)
class _QueuedCrop:
    pixels: Pixels  # (S, S, 3)
    landmarks: Landmarks  # (5, 2)
    variant: int
    who: WhoAsked | None  # (2,)
    result: "asyncio.Future[Pixels]"
    queued_at: float


class Batcher:
    """Gathers crops and runs the networks on them; it belongs to the event loop in which `start` is called.

    Args:
        networks: by key.
        size: crops a call at most.
        wait_seconds: how long the first crop of a batch waits for others.
    """

    def __init__(self, networks: Mapping[Hashable, TranslateCrops], size: int, wait_seconds: float) -> None:
        self._networks, self._size, self._wait_seconds = networks, size, wait_seconds
        self._queues: dict[Hashable, deque[_QueuedCrop]] = {key: deque() for key in networks}
        self._arrived = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the background task; must be called in the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop the background task and cancel the crops that still wait."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for queue in self._queues.values():
            for crop in queue:
                crop.result.cancel()
        self._pool.shutdown(cancel_futures=True)

    async def __call__(
        self, key: Hashable, pixels: Pixels, landmarks: Landmarks, variant: int = 0, who: WhoAsked | None = None
    ) -> Pixels:
        """Translate the crops of one request, (K, S, S, 3), with landmarks (K, 5, 2), together with other requests'.

        `who`, (K, 2), is given for networks that take it, and for no others.

        Raises:
            UserError: the network fails for one of them.
        """
        loop = asyncio.get_running_loop()
        crops = [
            _QueuedCrop(p, m, variant, w, loop.create_future(), loop.time())
            for p, m, w in zip(pixels, landmarks, [None] * len(pixels) if who is None else who, strict=True)
        ]
        self._queues[key].extend(crops)
        self._arrived.set()
        try:
            return np.stack(await asyncio.gather(*(crop.result for crop in crops)))
        finally:
            for crop in crops:
                crop.result.cancel()  # has no effect on those that are done

    async def _run(self) -> None:
        while True:
            key = self._longest_waiting()
            if key is None:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            queue = self._queues[key]
            while len(queue) < self._size and (remaining := self._remaining_wait(queue)) > 0:
                self._arrived.clear()
                try:
                    await asyncio.wait_for(self._arrived.wait(), remaining)
                except TimeoutError:
                    break
            await self._translate(key, [queue.popleft() for _ in range(min(self._size, len(queue)))])

    def _remaining_wait(self, queue: deque[_QueuedCrop]) -> float:
        """Seconds that the first crop of a queue still waits for others."""
        if self._size == 1:
            return 0.0
        return self._wait_seconds - (asyncio.get_running_loop().time() - queue[0].queued_at)

    def _longest_waiting(self) -> Hashable | None:
        """Drop the crops whose requests have ended; then the key whose first crop has waited longest."""
        for key, queue in self._queues.items():
            if any(crop.result.done() for crop in queue):
                self._queues[key] = deque(crop for crop in queue if not crop.result.done())
        keys = [key for key, queue in self._queues.items() if queue]
        return min(keys, key=lambda key: self._queues[key][0].queued_at, default=None)

    async def _translate(self, key: Hashable, crops: Sequence[_QueuedCrop]) -> None:
        """Run the network once; if that fails, once for each crop, so that one bad crop fails alone."""
        crops = [crop for crop in crops if not crop.result.done()]
        if not crops:
            return
        pixels, landmarks = np.stack([c.pixels for c in crops]), np.stack([c.landmarks for c in crops])
        asked = [crop.who for crop in crops if crop.who is not None]
        who = np.stack(asked) if asked else None
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._networks[key], pixels, landmarks, [crop.variant for crop in crops], who
            )
        except Exception as error:
            if len(crops) > 1:
                for crop in crops:
                    await self._translate(key, [crop])
            elif not crops[0].result.done():
                crops[0].result.set_exception(error if isinstance(error, UserError) else UserError(str(error)))
            return
        for crop, result in zip(crops, results, strict=True):
            if not crop.result.done():
                crop.result.set_result(result)
