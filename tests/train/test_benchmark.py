"""The benchmark of a training step, rehearsed: tiny networks on the CPU."""

import json
from dataclasses import replace
from typing import Any

import plain_ugatit
import pytest
import scaling
import streaming
import torch
import train_step
from plain_ugatit import PlainGenerator, PlainUGATIT
from toys import SIZE, TINY

from anime2real.train.accelerated.parity import Parity
from anime2real.train.methods.ugatit import UGATIT
from anime2real.train.step import Speed

TOY = ["--toy", "--seconds", "0.01", "--device", "cpu"]


@pytest.mark.parametrize(
    "arguments",
    [["cyclegan"], *(pytest.param(a, marks=pytest.mark.slow) for a in (["galatea"], ["ugatit"], ["ugatit", "--full"]))],
    ids=" ".join,
)
def test_every_method_is_measured_against_its_reference(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    batches = ["--reference-batches", "2", "--batches", "2"]
    train_step.main([*TOY, *batches, "--speeds", "bf16", "--method", *arguments])
    lines = capsys.readouterr().out.splitlines()
    assert sum("parity holds" in line for line in lines) == 1
    result = json.loads(lines[-1])
    assert result["method"] == arguments[0]
    assert result.get("light") == {"ugatit": True, "ugatit --full": False}.get(" ".join(arguments))
    assert result["batch"] == 2
    assert result["ratio_batch2"] == pytest.approx(result["pairs_per_second"] / result["reference_batch2"])
    assert result["ratio_same_batch2"] == result["ratio_batch2"] > 0


@pytest.mark.slow
def test_the_networks_that_ship_are_measured_against_themselves_trained_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stepped = []

    class Noted(train_step.TrainingStep):
        def __init__(self, *given: Any) -> None:
            stepped.append(given[3])
            super().__init__(*given)

    monkeypatch.setattr(train_step, "TrainingStep", Noted)
    batches = ["--reference-batches", "2", "--batches", "2"]
    train_step.main([*TOY, *batches, "--speeds", "bf16", "eager", "--method", "galatea", "--ships"])
    lines = capsys.readouterr().out.splitlines()
    assert sum("parity holds" in line for line in lines) == 2
    result = json.loads(lines[-1])
    assert result["ships"]
    assert result["ratio_batch2"] == pytest.approx(result["pairs_per_second"] / result["reference_batch2"])
    assert stepped[1] == Speed()  # the first counts arithmetic
    with pytest.raises(SystemExit):
        train_step.main([*TOY, "--method", "cyclegan", "--ships"])


def test_a_step_that_is_wrong_does_not_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train_step, "preflight", lambda *_: Parity(rounding=0.01, fast=0.5, losses=0.0))
    train_step.main([*TOY, "--batches", "2", "--speeds", "eager", "--no-reference"])
    lines = capsys.readouterr().out.splitlines()
    assert any("parity FAILS, not counted" in line for line in lines)
    assert json.loads(lines[-1])["pairs_per_second"] == 0


@pytest.mark.parametrize("light", [True, False], ids=["light", "full"])
def test_the_reference_of_ugatit_is_the_same_network(light: bool) -> None:
    config = replace(TINY["ugatit"], light=light)
    torch.manual_seed(0)
    method, plain = UGATIT(config, SIZE), PlainUGATIT(torch.device("cpu"), SIZE, config)
    generator = PlainGenerator(SIZE, config)
    ours, theirs = list(method.to_real.parameters()), list(generator.parameters())
    with torch.no_grad():
        for mine, other in zip(ours, theirs, strict=True):
            mine.copy_(torch.rand_like(mine) - 0.5)
            other.copy_(mine.view_as(other))
        image = torch.rand(2, 3, SIZE, SIZE) * 2 - 1
        for mine, other in zip(method.to_real.classified(image), generator(image), strict=True):
            torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)
    for discriminator, others in (
        (method.discriminator_real, plain.discriminators_real),
        (method.discriminator_anime, plain.discriminators_anime),
    ):
        weights = [sum(p.numel() for p in part.parameters()) for part in others]
        assert weights == [sum(p.numel() for p in part.parameters()) for part in discriminator.children()]


def test_the_reference_of_ugatit_moves_all_its_weights_and_clips_rho() -> None:
    torch.manual_seed(0)
    plain = PlainUGATIT(torch.device("cpu"), SIZE, replace(TINY["ugatit"], learning_rate=0.5))
    weights = [p for network in (*plain.generators, *plain.discriminators) for p in network.parameters()]
    before = [p.detach().clone() for p in weights]
    plain.step(*(torch.rand(2, 3, SIZE, SIZE) * 2 - 1 for _ in range(2)))
    assert not any(torch.equal(a, b) for a, b in zip(before, weights, strict=True))
    rhos = [m.rho for m in plain.to_real.modules() if isinstance(m, plain_ugatit.PlainNorm)]
    assert all(rho.min() >= 0 and rho.max() <= 1 for rho in rhos)


@pytest.mark.slow
def test_several_processes_are_measured_against_one(capsys: pytest.CaptureFixture[str]) -> None:
    scaling.main(["--toy", "--seconds", "0.1", "--methods", "cyclegan"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["processes"] == 2
    found = result["cyclegan"]
    assert found["ratio"] == pytest.approx(found["pairs_per_second"] / found["one_pairs_per_second"])
    assert found["ratio"] > 0


@pytest.mark.parametrize("method", ["cyclegan", pytest.param("galatea", marks=pytest.mark.slow)])
def test_streamed_pictures_are_measured_against_resident_ones(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    streaming.main(["--device", "cpu", "--toy", "--rounds", "1", "--readers", "0", "--methods", method])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])[method]
    (rates,) = found["rounds"]
    assert found["ratio"] == pytest.approx(rates["streamed"] / rates["resident"], rel=0.01)
    assert found["cost"] == pytest.approx(1 - found["ratio"], abs=1e-3)
