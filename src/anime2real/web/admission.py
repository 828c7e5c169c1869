"""Admission control: how many requests may wait or be in work, and how much memory they may hold together.

Who cannot be served in time is told so at once, with 503 and a `Retry-After`, rather than with a 504 a minute later.
Limiters for Starlette count requests by address and minute; what runs out here is memory and cores.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from anime2real.web.problem import HttpProblem

MIN_PIXELS: Final = 1_000_000
"""A smaller picture in work counts as this many pixels."""

PIXELS_OF_A_TRANSLATION: Final = 2_000_000
"""Pixels that take about as long, decoded, searched for faces and encoded, as a crop in a network."""


def work_of(pixels: int, methods: int = 1) -> float:
    """The work that a picture asks for, at least: 1 for a million pixels or fewer and one method."""
    return methods + (pixels - MIN_PIXELS) / PIXELS_OF_A_TRANSLATION


class AdmissionQueue:
    """Adds up the work that waits or is being done, and rejects requests that could not be answered in time.

    Args:
        capacity: requests at most.
        max_wait_seconds: a request that would wait longer, at the recent pace, is rejected at once.
        seconds_each: that a unit of work takes, before any was done here: a burst at the start is bounded too.
    """

    def __init__(self, capacity: int, max_wait_seconds: float, seconds_each: float = 0.0) -> None:
        self._capacity, self._max_wait_seconds = capacity, max_wait_seconds
        self._seconds_each = seconds_each  # moving average, measured while there is work
        self._count, self._work = 0, 0.0
        self._last_answer = 0.0

    def __len__(self) -> int:
        return self._count

    @contextmanager
    def admit(self, work: float = 1.0) -> Iterator[None]:
        """Count one request for as long as the block lasts.

        Args:
            work: that it asks for; 1 is a small picture by one method.

        Raises:
            HttpProblem: 503, the queue is full; `retry_after` is the time in which half of it will be done.
        """
        wait = self._work * self._seconds_each
        if self._count >= self._capacity or (self._count > 1 and wait > self._max_wait_seconds):
            seconds = max(1, min(60, math.ceil(wait / 2)))
            raise HttpProblem(503, f"too many pictures are waiting: try again in {seconds} s", retry_after=seconds)
        if not self._count:
            self._last_answer = time.monotonic()
        self._count += 1
        self._work += work
        done = False
        try:
            yield
            done = True
        finally:
            self._count -= 1
            self._work -= work
            if done:  # a request that was given up says nothing about the pace
                self._update_pace(work)

    def _update_pace(self, work: float) -> None:
        now = time.monotonic()
        seconds = (now - self._last_answer) / work
        average = self._seconds_each
        self._seconds_each = 0.9 * average + 0.1 * seconds if average else seconds
        self._last_answer = now


class WeightedSemaphore:
    """A semaphore whose holders take different amounts; strictly first come, first served.

    Args:
        capacity: the amount that all holders together may take.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def acquire(self, amount: int) -> AsyncIterator[None]:
        """Wait for `amount`, or for the whole capacity if that is less, and hold it while the block lasts."""
        amount = min(amount, self._capacity)
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, granted))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():  # granted and cancelled in the same moment
                self._free += amount
            self._grant()
            raise
        try:
            yield
        finally:
            self._free += amount
            self._grant()

    def _grant(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            amount, granted = self._waiting.popleft()
            if not granted.done():
                self._free -= amount
                granted.set_result(None)


class ByteBudget:
    """Bytes that all requests together hold in memory; a request that would exceed them is rejected.

    Args:
        capacity: bytes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self.held = capacity, 0

    def reserve(self, amount: int) -> None:
        """Count `amount` bytes more.

        Raises:
            HttpProblem: 503, they do not fit.
        """
        if self.held + amount > self._capacity:
            raise HttpProblem(503, "too many pictures are arriving at once: try again in 2 s", retry_after=2)
        self.held += amount

    def release(self, amount: int) -> None:
        """Count `amount` bytes fewer."""
        self.held -= amount
