"""Who waits: a bounded line of requests with work to do, and a share of memory for those that run."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from anime2real.web.errors import Refusal


class Line:
    """Counts requests with work to do, and turns away whom it could not serve in time.

    Args:
        length: requests at most.
        patience_seconds: whoever would wait longer, by the pace of late, is turned away at once.
    """

    def __init__(self, length: int, patience_seconds: float) -> None:
        self._length, self._patience = length, patience_seconds
        self._count = 0
        self._pace = 0.0  # seconds between two answers while there is work
        self._last = 0.0

    def __len__(self) -> int:
        return self._count

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the line.

        Raises:
            Refusal: 429, it is full, with the seconds until half of it will be done.
        """
        wait = self._count * self._pace
        if self._count >= self._length or (self._count > 1 and wait > self._patience):
            seconds = max(1, min(60, math.ceil(wait / 2)))
            raise Refusal(
                429, f"too many pictures are waiting: try again in {seconds} s", retry_after=seconds
            )  # fmt: skip
        if not self._count:
            self._last = time.monotonic()
        self._count += 1
        done = False
        try:
            yield
            done = True
        finally:
            self._count -= 1
            if done:  # those that gave up say nothing of the pace
                now = time.monotonic()
                self._pace = now - self._last if not self._pace else 0.9 * self._pace + 0.1 * (now - self._last)
                self._last = now


class Share:
    """Something of which there is so much: first come, first served, and nobody overtakes.

    Args:
        capacity: how much there is.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def part(self, amount: int) -> AsyncIterator[None]:
        """Wait for `amount`, all there is at most, and hold it."""
        amount = min(amount, self._capacity)
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, ticket))
        self._serve()
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():  # served and given up in the same moment
                self._free += amount
            self._serve()
            raise
        try:
            yield
        finally:
            self._free += amount
            self._serve()

    def _serve(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            amount, ticket = self._waiting.popleft()
            if not ticket.done():
                self._free -= amount
                ticket.set_result(None)


class Store:
    """Bytes held in memory for all requests together; whoever would exceed them is turned away.

    Args:
        capacity: bytes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self.held = capacity, 0

    def take(self, amount: int) -> None:
        """Hold `amount` bytes more.

        Raises:
            Refusal: 429, they do not fit.
        """
        if self.held + amount > self._capacity:
            raise Refusal(429, "too many pictures are arriving at once: try again in 2 s", retry_after=2)
        self.held += amount

    def give(self, amount: int) -> None:
        """Hold `amount` bytes fewer."""
        self.held -= amount
