"""Admission: requests that wait, and the memory that they hold."""

import asyncio
import contextlib

import pytest

from anime2real.web.admission import AdmissionQueue, ByteBudget, WeightedSemaphore
from anime2real.web.problem import HttpProblem


def test_a_full_queue_rejects_and_says_when_to_try_again() -> None:
    queue = AdmissionQueue(2, 100)
    with queue.admit(), queue.admit():
        assert len(queue) == 2
        with pytest.raises(HttpProblem, match="too many") as rejected, queue.admit():
            pass
        assert rejected.value.status == 503
        assert int(rejected.value.headers["Retry-After"]) >= 1
    assert len(queue) == 0
    with queue.admit():
        pass


def test_a_request_that_could_not_be_answered_in_time_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("anime2real.web.admission.time.monotonic", lambda: now)
    queue = AdmissionQueue(100, 10)
    with queue.admit():
        now = 4.0
    with queue.admit(), queue.admit(), queue.admit(), pytest.raises(HttpProblem), queue.admit():
        pass  # the third waits for 8 s, the fourth would for 12


def test_a_burst_before_the_first_answer_is_bounded_by_what_a_try_took() -> None:
    queue = AdmissionQueue(64, 10, seconds_each=1.0)
    with contextlib.ExitStack() as admitted:
        for work in (1, 1, 1, 8):
            admitted.enter_context(queue.admit(work))
        with pytest.raises(HttpProblem, match="try again in 6 s"):
            admitted.enter_context(queue.admit())


def test_the_semaphore_is_first_come_first_served() -> None:
    order: list[str] = []

    async def hold(semaphore: WeightedSemaphore, name: str, amount: int, seconds: float) -> None:
        async with semaphore.acquire(amount):
            order.append(name)
            await asyncio.sleep(seconds)

    async def run() -> None:
        semaphore = WeightedSemaphore(10)
        await asyncio.gather(
            hold(semaphore, "first", 6, 0.02), hold(semaphore, "large", 99, 0.01), hold(semaphore, "small", 1, 0.0)
        )  # fmt: skip
        async with asyncio.timeout(1), semaphore.acquire(10):
            pass

    asyncio.run(run())
    assert order == ["first", "large", "small"]


def test_the_semaphore_drops_cancelled_waiters() -> None:
    async def run() -> None:
        semaphore = WeightedSemaphore(10)
        async with semaphore.acquire(10):
            waiting = [asyncio.ensure_future(semaphore.acquire(5).__aenter__()) for _ in range(3)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        async with asyncio.timeout(1), semaphore.acquire(10):
            pass

    asyncio.run(run())


def test_the_byte_budget_rejects_what_does_not_fit() -> None:
    budget = ByteBudget(10)
    budget.reserve(8)
    with pytest.raises(HttpProblem, match="at once") as rejected:
        budget.reserve(3)
    assert rejected.value.status == 503
    budget.release(8)
    budget.reserve(10)
    assert budget.held == 10
