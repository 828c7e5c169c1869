"""What each method promises, on data small enough to know the answer."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toys import SIZE, TINY, Toy, batch

from anime2real.data.pack import Pack
from anime2real.train.batch import Batch
from anime2real.train.losses.adversarial import least_squares
from anime2real.train.methods.autoencoder import Autoencoder, squared_distances, thumbnails
from anime2real.train.methods.cyclegan import CycleGAN, exchange
from anime2real.train.methods.difference import Difference
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.options import AutoencoderConfig, DifferenceConfig
from anime2real.train.methods.registry import METHODS
from anime2real.train.optimizers import frozen
from anime2real.train.random_numbers import RandomNumbers
from anime2real.train.run.config import TrainError
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed, TrainingStep


def test_difference_converges_to_the_difference_of_the_domain_means(toy: Toy) -> None:
    pack = Pack(toy.pack)
    rows = {d: pack.rows(d, "train") for d in ("anime", "real")}
    method = Difference(DifferenceConfig(learning_rate=0.02, snapshot_every=200, snapshots=3, batch_size=8), SIZE)
    training_step = TrainingStep(method, torch.from_numpy(np.array(pack.images)), 8, Speed())
    sampler = Sampler(rows["anime"], rows["real"], 8, seed=1)
    for step in range(600):
        training_step.step(sampler.draw(step), 0.0, [0.0])
    means = {d: pack.images[rows[d]].astype(np.float64).mean(0).transpose(2, 0, 1) / 127.5 for d in rows}
    expected = means["real"] - means["anime"]
    assert np.abs(expected).max() > 0.5
    error = np.abs(method.vector.numpy() - expected)
    assert error.mean() < 0.02
    assert error.max() < 0.1
    distances = [float(np.abs(s.numpy() - expected).mean()) for s in method.snapshots]
    assert distances[0] > distances[-1]
    assert torch.equal(method.snapshots[-1], method.vector)


def test_difference_adds_its_vector_and_takes_it_away_the_other_way() -> None:
    method = Difference(DifferenceConfig(snapshot_every=1, snapshots=2, learning_rate=0.5, batch_size=2), SIZE)
    for _ in range(2):
        method.step(batch(2))
    translators = {(p.name, p.target): p for p in method.translators()}
    assert {name for name, _ in translators} == {"difference", "difference-00001", "difference-00002"}
    assert [p.final for p in method.translators()] == [True, True, False, False, False, False]
    image = batch(1, seed=5).anime * 0.1
    method.vector.mul_(0.1)  # so that nothing is clipped
    translators = {(p.name, p.target): p for p in method.translators()}
    there = translators["difference", "real"].module(image)
    torch.testing.assert_close(there, (image + method.vector).clamp(-1, 1))
    torch.testing.assert_close(translators["difference", "anime"].module(there), image, atol=1e-6, rtol=0)


def test_matched_pairs_have_the_least_total_distance() -> None:
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (12, 16, 16, 3), np.uint8)
    method = Autoencoder(AutoencoderConfig(pairing="matched", width=8, batch_size=5), 16)
    anime, real = np.arange(5), np.arange(6, 11)
    arranged = method.arrange(anime, real, pictures)
    assert sorted(arranged) == sorted(real)
    cost = squared_distances(thumbnails(pictures[anime]), thumbnails(pictures[real]))
    best = min(sum(cost[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(5)))
    assert sum(cost[i, int(r) - 6] for i, r in enumerate(arranged)) == pytest.approx(best, rel=1e-5)


def test_random_pairs_stay_as_they_were_drawn() -> None:
    method = Autoencoder(AutoencoderConfig(pairing="random", width=8), 16)
    real = np.array([3, 1, 2])
    assert method.arrange(np.arange(3), real, np.zeros((4, 16, 16, 3), np.uint8)) is real


def test_thumbnails_are_block_means() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    result = thumbnails(pictures).reshape(2, 8, 8, 3)
    np.testing.assert_allclose(result[1, 2, 3], pictures[1, 8:12, 12:16].mean((0, 1)) / 255, rtol=1e-5)


def test_the_pool_fills_then_exchanges_half() -> None:
    """And the condition of a fake travels with it."""
    pools = (torch.zeros(4, 3, 1, 1), torch.zeros(4))
    pooled = torch.zeros((), dtype=torch.int64)

    def fakes(first: int) -> tuple[torch.Tensor, torch.Tensor]:
        numbers = torch.arange(first, first + 2.0)
        return numbers[:, None, None, None].expand(2, 3, 1, 1), numbers * 10

    def pool(first: int, uniforms: torch.Tensor) -> list[float]:
        seen, told = exchange(pools, fakes(first), pooled, uniforms)
        assert torch.equal(told, seen[:, 0, 0, 0] * 10)
        assert torch.equal(pools[1], pools[0][:, 0, 0, 0] * 10)
        return seen[:, 0, 0, 0].tolist()

    never, always = torch.zeros(2, 2), torch.tensor([[0.9, 0.1], [0.9, 0.6]])
    for first in (1, 3):
        assert pool(first, always) == [first, first + 1]
        pooled += 2
    kept = pools[0][:, 0, 0, 0]
    assert sorted(kept.tolist()) == [1, 2, 3, 4]
    assert pool(5, never) == [5, 6]
    assert sorted(kept.tolist()) == [1, 2, 3, 4]
    seen = pool(7, always)
    assert len(set(seen)) == 2
    assert set(seen) <= {1, 2, 3, 4}
    assert sorted(pools[0][:, 0, 0, 0].tolist() + seen) == [1, 2, 3, 4, 7, 8]


def test_least_squares_is_zero_for_a_perfect_discriminator() -> None:
    assert least_squares(torch.tensor([1.0, 1.0, 0.0, 0.0])) == 0
    assert least_squares(torch.tensor([0.0, 0.0, 1.0, 1.0])) == 1


def test_cyclegan_steps_follow_the_losses_written_out_plainly() -> None:
    """The generators' gradients against six separate passes and torch's own losses."""
    torch.manual_seed(0)
    method = CycleGAN(TINY["cyclegan"], SIZE)
    method.make_optimizers(0.0)
    data = batch(2)
    losses = method.step(data)
    gradients = [p.grad.clone() for p in method.to_real.parameters() if p.grad is not None]
    method.zero_grad()
    mse, l1 = torch.nn.functional.mse_loss, torch.nn.functional.l1_loss
    fake_real, fake_anime = method.to_real(data.anime), method.to_anime(data.real)
    with frozen(method.discriminator_real, method.discriminator_anime):
        score_real, score_anime = (
            method.discriminator_real.network(fake_real),
            method.discriminator_anime.network(fake_anime),
        )
    adversarial = mse(score_real, torch.ones_like(score_real)) + mse(score_anime, torch.ones_like(score_anime))
    cycle = l1(method.to_anime(fake_real), data.anime) + l1(method.to_real(fake_anime), data.real)
    identity = l1(method.to_real(data.real), data.real) + l1(method.to_anime(data.anime), data.anime)
    (adversarial + 10 * cycle + 5 * identity).backward()
    torch.testing.assert_close(losses["cycle"], cycle.detach())
    torch.testing.assert_close(losses["identity"], identity.detach())
    for expected, parameter in zip(gradients, method.to_real.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-4)
    assert all(p.grad is None or not p.grad.any() for p in method.discriminator_real.parameters())


def test_the_discriminators_step_leaves_the_generators_alone() -> None:
    torch.manual_seed(0)
    method = CycleGAN(TINY["cyclegan"], SIZE)
    method.make_optimizers(1e-3)
    data = batch(2)
    told = method._conditions(data)
    _, fake_real, fake_anime = method._generator_step(data, *told)
    before = [p.detach().clone() for p in method.to_real.parameters()]
    discriminators = [p.detach().clone() for p in method.discriminator_real.parameters()]
    method._discriminator_step(data, told, (fake_real, told[0]), (fake_anime, told[1]))
    assert all(torch.equal(a, b) for a, b in zip(before, method.to_real.parameters(), strict=True))
    assert any(
        not torch.equal(a, b) for a, b in zip(discriminators, method.discriminator_real.parameters(), strict=True)
    )


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_steps_averages_and_offers_its_directions(name: str) -> None:
    torch.manual_seed(0)
    method = build(name, TINY[name], SIZE)
    method.make_optimizers(1e-3)
    method.start_average()
    losses = method.step(batch(TINY[name].batch_size))
    method.update_average(torch.tensor([1.0]))
    assert all(value.ndim == 0 and not value.requires_grad and value.isfinite() for value in losses.values())
    for averaged in method.averaged:
        pairs = zip(method.average[averaged].parameters(), getattr(method, averaged).parameters(), strict=True)
        for average, current in pairs:
            torch.testing.assert_close(average, current)
    translators = [p for p in method.translators() if p.final]
    both = {("anime", "real"), ("real", "anime")}
    assert {(p.source, p.target) for p in translators} == (both if name != "student" else {("anime", "real")})
    for product in translators:
        translated = product.module.eval()(batch(3).anime)
        assert translated.shape == (3, 3, SIZE, SIZE)
        assert translated.abs().max() <= 1


def test_an_autoencoder_learns_the_colour_of_the_other_domain(toy: Toy) -> None:
    torch.manual_seed(0)
    pack = Pack(toy.pack)
    method = Autoencoder(AutoencoderConfig(width=8, batch_size=8, learning_rate=2e-3), SIZE)
    method.make_optimizers(2e-3)
    method.start_average()
    training_step = TrainingStep(method, torch.from_numpy(np.array(pack.images)), 8, Speed())
    sampler = Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 8, seed=0)
    losses = [float(training_step.step(sampler.draw(i), 2e-3, [1.0])["to_real"]) for i in range(60)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


class FakeStream:
    """A CUDA stream that notes who waits for it and what it is given."""

    def __init__(self, name: str, noted: list[str]) -> None:
        self.name, self.noted = name, noted

    def wait_stream(self, other: "FakeStream") -> None:
        self.noted.append(f"{self.name} waits for {other.name}")


def test_independent_works_go_to_streams_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    main, one, two = (FakeStream(name, noted) for name in ("main", "one", "two"))
    current = [main]

    @contextmanager
    def on(stream: FakeStream) -> Iterator[None]:
        current.append(stream)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current[-1])
    monkeypatch.setattr(torch.cuda, "stream", on)
    method = Galatea(TINY["galatea"], SIZE)

    def work(name: str) -> str:
        noted.append(f"{name} on {current[-1].name}")
        return name

    works = {name: partial(work, name) for name in "abcd"}
    assert method.together(works) == {name: name for name in "abcd"}  # without streams, one after the other
    assert noted == [f"{name} on main" for name in "abcd"]
    noted.clear()
    method.side_streams = [one, two]  # type: ignore[list-item]
    assert method.together(works) == {name: name for name in "abcd"}
    assert noted == [
        "one waits for main", "two waits for main", "a on main", "b on one", "c on two", "d on main",
        "main waits for one", "main waits for two",
    ]  # fmt: skip
    noted.clear()
    assert method.both(works["a"], works["b"]) == ("a", "b")
    assert noted == ["one waits for main", "a on main", "b on one", "main waits for one"]
    noted.clear()
    assert method.together({"a": works["a"]}, place=2) == {"a": "a"}
    assert noted == ["two waits for main", "a on two", "main waits for two"]


@pytest.mark.parametrize("name", ["difference", "autoencoder", "cyclegan", "galatea", "ugatit"])
def test_a_size_is_refused_in_a_line_or_can_be_trained_at(name: str) -> None:
    config, trained = replace(TINY[name], batch_size=1), []
    for size in (8, 16, 18, 20, 24, 30, 32, 36, 40, 48):
        try:
            method = build(name, config, size)
        except TrainError:
            continue
        method.make_optimizers(1e-4)
        pictures = torch.zeros(1, 3, size, size)
        hair = torch.zeros(1, 1, size, size) if method.wants_hair else None
        numbers = RandomNumbers.random(1, torch.Generator().manual_seed(0))
        method.step(Batch(pictures, pictures + 0.1, numbers, anime_hair=hair, real_hair=hair))
        trained.append(size)
    assert (
        trained
        == {
            "difference": [8, 16, 18, 20, 24, 30, 32, 36, 40, 48],
            "autoencoder": [16, 32, 48],
            "cyclegan": [24, 32, 36, 40, 48],
            "galatea": [32, 36, 40, 48],
            "ugatit": [24, 32, 36, 40, 48],
        }[name]
    )
