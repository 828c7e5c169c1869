"""Nothing in an iteration that a CUDA graph cannot capture, found without a GPU."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from toys import SIZE, TINY, Toy
from trainings import OnTheDeviceAlone

from anime2real.data.pack import Pack
from anime2real.train.method import Method
from anime2real.train.methods.registry import METHODS
from anime2real.train.networks.tilt_ways import WAYS
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed, TrainingStep


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x * torch.tensor([1.0, 2.0]),
        lambda x: float(x.sum()),
        lambda x: x[x > 0],
        torch.nonzero,
        lambda x: torch.equal(x, x),
        lambda x: torch.linalg.svdvals(x.view(1, 2)),
        torch.rand_like,
        lambda x: torch.nn.functional.dropout(x, 0.5),
        lambda x: torch.randperm(2),
    ],
)
def test_what_a_graph_cannot_capture_is_noticed(work: Callable[[torch.Tensor], object]) -> None:
    x = torch.ones(2)
    with OnTheDeviceAlone() as noted:
        x.mul(2.0).sum()
        assert noted.seen == []
        work(x)
    assert len(noted.seen) == 1


LEARNING = [(name, TINY[name]) for name in sorted(set(METHODS) - {"difference"})]
NEAR = [("galatea", replace(TINY["galatea"], detail_weight=0.5, worst_patch_weight=0.1))]
LEANING = [("cyclegan", replace(TINY["cyclegan"], tilt=way)) for way in WAYS if way != "none"]
FULL = ("ugatit", replace(TINY["ugatit"], light=False))
WITH_CAM = (
    "galatea",
    replace(TINY["galatea"], generator="ugatit", blocks=2, style_weight=1.0, unshuffle=2, cam_discriminator_weight=0.5),
)


def learning(name: str, options: Any) -> Method:
    method: Method = build(name, options, SIZE)
    method.make_optimizers(1e-4)
    method.start_average()
    for optimizer in method.optimizers.values():
        optimizer.step = lambda *_: None  # type: ignore[method-assign, assignment]  # Adam is capturable on CUDA alone
    return method


@pytest.mark.parametrize(("name", "options"), [*LEARNING, *NEAR, *LEANING, FULL, WITH_CAM])
def test_an_iteration_stays_on_the_device(name: str, options: Any, toy: Toy) -> None:
    pack = Pack(toy.pack)
    method = learning(name, options)
    landmarks = torch.rand(len(pack.images), 5, 2) * 2 - 1
    training_step = TrainingStep(
        method, torch.from_numpy(np.array(pack.images)), options.batch_size, Speed(), landmarks
    )
    sampler = Sampler(*(pack.rows(d, "train") for d in ("anime", "real")), options.batch_size, seed=1)
    training_step.step(sampler.draw(0), 1e-4, [0.1])
    with OnTheDeviceAlone() as noted:
        training_step._body()  # what a graph captures
    assert noted.seen == []


def test_what_lies_on_the_host_is_noticed() -> None:
    x = torch.ones(2, device="meta")
    with OnTheDeviceAlone("meta") as noted:
        x.mul(2.0).sum()
        assert noted.seen == []
        x * torch.full((), 3.0)
    assert noted.seen == ["aten::full", "aten::mul.Tensor"]


@pytest.mark.parametrize(("name", "options"), [*LEARNING, *NEAR, *LEANING, FULL, WITH_CAM])
def test_an_iteration_makes_no_tensor_on_the_host(name: str, options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On torch's device without memory, so that the host is another one also where there is no GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which that device does not have
    method = learning(name, options).to("meta")
    pictures = torch.zeros(4, SIZE, SIZE, 3, dtype=torch.uint8, device="meta")
    landmarks = torch.zeros(4, 5, 2, device="meta")
    training_step = TrainingStep(method, pictures, options.batch_size, Speed(channels_last=True), landmarks)
    with OnTheDeviceAlone("meta") as noted:
        losses = training_step._body()
    assert noted.seen == []
    assert all(value.is_meta for value in losses.values())
