"""Who waits, and how much memory they hold."""

import asyncio

import pytest

from anime2real.web.admission import Line, Share, Store
from anime2real.web.errors import Refusal


def test_a_full_line_turns_away_and_says_when_to_come_back() -> None:
    line = Line(2, 100)
    with line.place(), line.place():
        assert len(line) == 2
        with pytest.raises(Refusal, match="too many") as refused, line.place():
            pass
        assert refused.value.status == 429
        assert int(refused.value.headers["Retry-After"]) >= 1
    assert len(line) == 0
    with line.place():
        pass


def test_whoever_could_not_be_served_in_time_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("anime2real.web.admission.time.monotonic", lambda: now)
    line = Line(100, 10)
    with line.place():
        now = 4.0
    with line.place(), line.place(), line.place(), pytest.raises(Refusal), line.place():
        pass  # the third waits for 8 s, the fourth would for 12


def test_a_share_is_given_in_turn_and_nobody_overtakes() -> None:
    order: list[str] = []

    async def hold(share: Share, name: str, amount: int, seconds: float) -> None:
        async with share.part(amount):
            order.append(name)
            await asyncio.sleep(seconds)

    async def run() -> None:
        share = Share(10)
        await asyncio.gather(
            hold(share, "first", 6, 0.02), hold(share, "large", 99, 0.01), hold(share, "small", 1, 0.0)
        )  # fmt: skip
        async with asyncio.timeout(1), share.part(10):
            pass

    asyncio.run(run())
    assert order == ["first", "large", "small"]


def test_a_share_forgets_who_stops_waiting() -> None:
    async def run() -> None:
        share = Share(10)
        async with share.part(10):
            waiting = [asyncio.ensure_future(share.part(5).__aenter__()) for _ in range(3)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        async with asyncio.timeout(1), share.part(10):
            pass

    asyncio.run(run())


def test_a_store_holds_so_much() -> None:
    store = Store(10)
    store.take(8)
    with pytest.raises(Refusal, match="at once") as refused:
        store.take(3)
    assert refused.value.status == 429
    store.give(8)
    store.take(10)
    assert store.held == 10
