"""Micro-batching: crops of different requests go through the network together.

A call takes up to `size` crops of one translator. The first of them waits `wait_seconds` at most for company, and
not at all while the network is busy, since others gather then anyway. A crop nobody waits for any more is dropped.
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


class Network(Protocol):
    """What `Translator.translate` is."""

    def __call__(self, pixels: Pixels, landmarks: Landmarks, variants: Sequence[int], /) -> Pixels:
        """(N, S, S, 3), (N, 5, 2) and N numbers to (N, S, S, 3)."""
        ...


@dataclass(frozen=True)
class _Item:
    pixels: Pixels  # (S, S, 3)
    landmarks: Landmarks  # (5, 2)
    variant: int
    result: "asyncio.Future[Pixels]"
    since: float


class Batcher:
    """Runs in one event loop, which `start` takes.

    Args:
        networks: by key.
        size: crops a call.
        wait_seconds: of the first of a batch.
    """

    def __init__(self, networks: Mapping[Hashable, Network], size: int, wait_seconds: float) -> None:
        self._networks, self._size, self._wait = networks, size, wait_seconds
        self._queues: dict[Hashable, deque[_Item]] = {key: deque() for key in networks}
        self._arrived = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._task: asyncio.Task[None] | None = None
        self.calls = self.crops = 0

    def start(self) -> None:
        """Begin to serve; to be called in the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._serve())

    async def stop(self) -> None:
        """End; whoever still waits is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for queue in self._queues.values():
            for item in queue:
                item.result.cancel()
        self._pool.shutdown(cancel_futures=True)

    async def __call__(self, key: Hashable, pixels: Pixels, landmarks: Landmarks, variant: int = 0) -> Pixels:
        """Translate crops (K, S, S, 3), with landmarks (K, 5, 2), each in the company that it meets.

        Raises:
            UserError: the network fails for one of them.
        """
        loop = asyncio.get_running_loop()
        items = [
            _Item(p, m, variant, loop.create_future(), loop.time()) for p, m in zip(pixels, landmarks, strict=True)
        ]
        self._queues[key].extend(items)
        self._arrived.set()
        try:
            return np.stack(await asyncio.gather(*(item.result for item in items)))
        finally:
            for item in items:
                item.result.cancel()  # of no effect on those that are done

    async def _serve(self) -> None:
        while True:
            key = self._oldest()
            if key is None:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            queue = self._queues[key]
            while len(queue) < self._size and (left := self._left(queue)) > 0:
                self._arrived.clear()
                try:
                    await asyncio.wait_for(self._arrived.wait(), left)
                except TimeoutError:
                    break
            await self._run(key, [queue.popleft() for _ in range(min(self._size, len(queue)))])

    def _left(self, queue: deque[_Item]) -> float:
        """Seconds that the first of the queue still waits for company."""
        return self._wait - (asyncio.get_running_loop().time() - queue[0].since) if self._size > 1 else 0.0

    def _oldest(self) -> Hashable | None:
        """The key whose first crop has waited longest, after those that nobody waits for are dropped."""
        for key, queue in self._queues.items():
            if any(item.result.done() for item in queue):
                self._queues[key] = deque(item for item in queue if not item.result.done())
        keys = [key for key, queue in self._queues.items() if queue]
        return min(keys, key=lambda key: self._queues[key][0].since, default=None)

    async def _run(self, key: Hashable, items: Sequence[_Item]) -> None:
        """One call; where it fails, one by one, so that a crop fails for itself alone."""
        items = [item for item in items if not item.result.done()]
        if not items:
            return
        pixels, landmarks = np.stack([i.pixels for i in items]), np.stack([i.landmarks for i in items])
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._networks[key], pixels, landmarks, [item.variant for item in items]
            )
        except Exception as error:
            if len(items) > 1:
                for item in items:
                    await self._run(key, [item])
            elif not items[0].result.done():
                items[0].result.set_exception(error if isinstance(error, UserError) else UserError(str(error)))
            return
        self.calls += 1
        self.crops += len(items)
        for item, result in zip(items, results, strict=True):
            if not item.result.done():
                item.result.set_result(result)
