"""Crops of different requests go through the network together, and come out as if they had not."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anime2real.bundle.format import Bundle
from anime2real.bundle.registry import shipped
from anime2real.errors import UserError
from anime2real.translator import Translator
from anime2real.web.batcher import Batcher
from anime2real.web.translators import ParallelTranslator

Pixels = NDArray[np.uint8]


def squares(count: int, px: int = 4, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, px, px, 3), np.uint8)


def marks(count: int) -> NDArray[np.float64]:
    return np.zeros((count, 5, 2))


class Network:
    """Inverts; remembers how many came in each call; fails for a crop that starts with 13."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.variants: list[list[int]] = []
        self.who: list[list[list[float]]] = []

    def __call__(
        self, pixels: Pixels, landmarks: NDArray[np.float64], variants: Sequence[int], who: Any = None, /
    ) -> Pixels:
        assert len(pixels) == len(landmarks) == len(variants)
        if who is not None:
            assert len(who) == len(pixels)
            self.who.append(who.tolist())
        self.variants.append(list(variants))
        self.sizes.append(len(pixels))
        if (pixels[:, 0, 0, 0] == 13).any():
            raise UserError("thirteen")
        return 255 - pixels


def served(
    work: Callable[[Batcher], Awaitable[None]], network: Network, size: int = 8, wait_seconds: float = 0.05
) -> None:  # fmt: skip
    async def run() -> None:
        batcher = Batcher({"a": network, "b": network}, size, wait_seconds)
        batcher.start()
        try:
            async with asyncio.timeout(5):
                await work(batcher)
        finally:
            await batcher.stop()

    asyncio.run(run())


def safe(count: int, seed: int = 0) -> Pixels:
    """Without a thirteen in front."""
    given = squares(count, seed=seed)
    given[:, 0, 0, 0] = 1
    return given


def test_requests_share_a_call_and_each_gets_its_own() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        given = [safe(count, seed=count) for count in (1, 3, 2)]
        results = await asyncio.gather(*(batcher("a", g, marks(len(g))) for g in given))
        for before, after in zip(given, results, strict=True):
            assert np.array_equal(after, 255 - before)

    served(work, network)
    assert network.sizes == [6]


def test_a_full_batch_does_not_wait_and_what_is_over_goes_next() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        await batcher("a", safe(8), marks(8))
        start = asyncio.get_running_loop().time()
        await batcher("a", safe(8), marks(8))
        assert asyncio.get_running_loop().time() - start < 0.4
        await batcher("a", safe(11), marks(11))

    served(work, network, wait_seconds=0.5)
    assert network.sizes == [8, 8, 8, 3]


def test_one_alone_waits_no_longer_than_told() -> None:
    async def work(batcher: Batcher) -> None:
        start = asyncio.get_running_loop().time()
        await batcher("a", safe(1), marks(1))
        assert 0.04 < asyncio.get_running_loop().time() - start < 1

    served(work, Network())


def test_batches_of_one_go_alone() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        await batcher("a", safe(3), marks(3))

    served(work, network, size=1, wait_seconds=2.0)
    assert network.sizes == [1, 1, 1]


def test_networks_do_not_mix() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        await asyncio.gather(batcher("a", safe(2), marks(2)), batcher("b", safe(3), marks(3)))

    served(work, network)
    assert sorted(network.sizes) == [2, 3]


def test_a_crop_fails_for_itself_alone() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        bad = safe(1)
        bad[0, 0, 0, 0] = 13
        good, failed = await asyncio.gather(
            batcher("a", safe(2), marks(2)), batcher("a", bad, marks(1)), return_exceptions=True
        )
        assert isinstance(good, np.ndarray)
        assert np.array_equal(good, 255 - safe(2))
        assert isinstance(failed, UserError)

    served(work, network)
    assert network.sizes == [3, 1, 1, 1]


def test_crops_of_a_cancelled_request_are_dropped() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        gone = asyncio.ensure_future(batcher("a", safe(5), marks(5)))
        await asyncio.sleep(0.01)
        gone.cancel()
        await batcher("a", safe(2), marks(2))

    served(work, network, wait_seconds=0.1)
    assert sum(network.sizes) == 2


@functools.cache
def one_by_one(method: str) -> tuple[Bundle, Pixels, NDArray[np.float64], Pixels]:
    """A shipped network, two crops, their landmarks, and its result for each crop alone."""
    bundle = next(b for b in shipped() if (b.method, b.target) == (method, "real"))
    given, landmarks = squares(2, bundle.px), np.broadcast_to(np.full((5, 2), 0.5), (2, 5, 2)).copy()
    single = Translator(bundle, threads=1)
    return (
        bundle,
        given,
        landmarks,
        np.concatenate([single.translate(given[i : i + 1], landmarks[i : i + 1]) for i in range(2)]),
    )


# With one thread all crops go the same way, whatever the network.
@pytest.mark.parametrize(
    ("method", "threads"), [("galatea", 1), *((method, 2) for method in sorted({b.method for b in shipped()}))]
)
def test_the_shipped_networks_give_the_same_bytes_in_a_batch(method: str, threads: int) -> None:
    bundle, given, landmarks, alone = one_by_one(method)
    with ThreadPoolExecutor(threads) as pool:
        parallel = ParallelTranslator(bundle, threads, pool)
        assert np.array_equal(parallel(given, landmarks), alone)
        assert np.array_equal(parallel(given[:1], landmarks[:1]), alone[:1])


def test_variants_share_a_call_and_each_crop_keeps_its_own() -> None:
    network = Network()

    async def work(batcher: Batcher) -> None:
        await asyncio.gather(batcher("a", safe(2), marks(2), 3), batcher("a", safe(1), marks(1)))

    served(work, network)
    assert network.variants == [[3, 3, 0]]
