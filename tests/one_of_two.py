"""One of two processes that train together, as a script, in the environment that torchrun gives.

`python one_of_two.py OUT PACK CASES`: what it finds goes to files in OUT that `test_distributed.py` reads.
"""

import itertools
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from toys import SIZE, TINY, stop_at
from trainings import PLAIN, faces

from anime2real.train import joined_batch, start
from anime2real.train.distributed import processes
from anime2real.train.joined_batch import JoinedGradients, joined_mean, mean_of_parts
from anime2real.train.method import Method
from anime2real.train.methods.options import AutoencoderConfig
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.restore import build
from anime2real.train.sampler import Sampler
from anime2real.train.start import train
from anime2real.train.step import Speed, TrainingStep

BATCH: Final = 8
"""Pairs a step, of both together."""

POOL_STEPS: Final = 3
"""So many that pools are full and give earlier pictures back; nothing is learned meanwhile."""

CASES: Final[dict[str, tuple[str, Any]]] = {
    "difference": ("difference", TINY["difference"]),
    "autoencoder": ("autoencoder", AutoencoderConfig(pairing="matched", width=8)),
    "cyclegan": ("cyclegan", replace(TINY["cyclegan"], tilt="landmarks")),
    "galatea": (
        "galatea",
        replace(
            TINY["galatea"],
            **{"generator": "ugatit", "blocks": 2, "who": True, "expressions": True, "min_scale": 0.5},
            **{"hair_recolouring": 0.8, "hair_weight": 10.0, "detail_weight": 0.5, "mirror_weight": 1.0},
            **{"eye_weight": 10.0, "skin_weight": 10.0},
        ),
    ),
}
"""Methods that look at more than one picture at a time, with all that does."""

EARLY: Final = ("cyclegan", "galatea")
"""Those that send gradients of `EARLY_FROM` weights while the backward pass goes on."""

EARLY_FROM: Final = 500

SLOW_CASES: Final[dict[str, tuple[str, Any]]] = {
    **{name: (name, TINY[name]) for name in ("ugatit", "pix2pix", "pix2pixhd", "student")},
    "galatea-styles": ("galatea", replace(TINY["galatea"], style_weight=1.0)),
}
"""The others."""


@dataclass(frozen=True)
class Pictures:
    """Noise, with all that a pack may know of it."""

    pictures: torch.Tensor
    known: tuple[torch.Tensor | None, ...]

    @classmethod
    def noise(cls) -> "Pictures":
        """16 drawings and 16 photographs; every third shows no hair."""
        generator = torch.Generator().manual_seed(5)
        pictures = torch.randint(0, 256, (32, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator)
        hair = torch.randint(0, 256, (32, SIZE, SIZE), dtype=torch.uint8, generator=generator)
        hair[::3] = 0
        who = torch.rand(32, 6, generator=generator)
        return cls(pictures, (faces(32), hair, None, who, None))


def state_after(case: str, rank: int = 0, world_size: int = 1) -> dict[str, torch.Tensor]:
    """Everything that a method holds after steps at a learning rate of 0, its last gradients and its losses."""
    name, options = (CASES | SLOW_CASES)[case]
    speed = Speed(early=case in EARLY)
    torch.manual_seed(0)
    method: Method = build(name, replace(options, batch_size=BATCH), SIZE)
    if method.wants_hair:
        method.set_hair_colours(np.random.default_rng(0).uniform(20, 70, (5, 3)).astype(np.float32))
    method.make_optimizers(1e-4)
    method.start_average()
    noise = Pictures.noise()
    step = TrainingStep(method, noise.pictures, BATCH // world_size, speed, *noise.known)
    rows = np.arange(32)
    real_set = (rows[:8], rows[16:24]) if method.wants_real_set else ()
    sampler = Sampler(rows[:16], rows[16:], BATCH, 3, real_set, paired=method.wants_pairs)
    for number in range(POOL_STEPS if name == "cyclegan" else 1):
        draw = sampler.draw(number)
        draw = replace(draw, real=method.arrange(draw.anime, draw.real, noise.pictures.numpy()))
        losses = step.step(draw.part(rank, world_size), 0.0, [0.5])
    found = {f"state.{key}": value.clone() for key, value in method.state_dict().items()}
    found |= {f"gradient.{key}": p.grad.clone() for key, p in method.named_parameters() if p.grad is not None}
    return found | {f"loss.{key}": value.clone() for key, value in losses.items()}


def slope_of_a_mean(rank: int = 0, world_size: int = 1) -> torch.Tensor:
    """The gradient, mean over the processes, of a mean whose count depends on what is learned, too."""
    learned = torch.tensor(0.3, requires_grad=True)
    numbers = torch.linspace(-1, 2, 8)[rank::world_size]
    joined_mean((learned * numbers).exp().sum(), torch.sigmoid(learned * numbers).sum()).backward()
    assert learned.grad is not None
    return mean_of_parts(learned.grad)


RUN: Final = TrainConfig("cyclegan", replace(TINY["cyclegan"], batch_size=4), Budget(pairs=24), seed=3, samples=2)
"""A training of six steps."""


def stopped_by_one(pack: Path, folder: Path, rank: int) -> None:
    """A run that one process of two is asked to stop in its third step."""
    with pytest.MonkeyPatch.context() as patch:
        if rank == 1:
            stop_at(patch, 3)
        status = train(RUN, pack, folder, PLAIN)
    assert not status.finished
    assert status.progress.step == 3


def failed_in_one(pack: Path, folder: Path, rank: int) -> str:
    """What each process says when one fails in its second step."""

    def step(self: TrainingStep, *arguments: Any) -> Any:
        if rank == 1 and next(count) == 2:
            raise torch.OutOfMemoryError("out of memory\nat length")
        return original(self, *arguments)

    original, count = TrainingStep.step, itertools.count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingStep, "step", step)
        try:
            train(RUN, pack, folder, PLAIN)
        except TrainError as error:
            return f"{type(error).__name__}: {error}"
    raise AssertionError("nothing failed")


def spied(patch: pytest.MonkeyPatch) -> list[int]:
    """How many gradients were on their way each time that another one was there."""

    def arrived(self: JoinedGradients, parameter: torch.Tensor) -> None:
        original(self, parameter)
        if self._sent:
            found.append(len(self._sent))

    original: Any = JoinedGradients._arrived
    found: list[int] = []
    patch.setattr(JoinedGradients, "_arrived", arrived)
    return found


def main(out: Path, pack: Path, cases: list[str]) -> None:
    """Write what this process finds."""
    with pytest.MonkeyPatch.context() as patch, processes("cpu") as together:
        patch.setattr(start, "export_translators", lambda *_: [])  # takes longer than training here
        patch.setattr(joined_batch, "LARGE", EARLY_FROM)
        rank = together.rank
        sent_early = spied(patch)
        for case in cases:
            state = state_after(case, rank, together.world_size)
            dense = {key: value.contiguous() for key, value in state.items()}
            save_file(dense, out / f"{case}-{rank}.safetensors")
        assert sent_early or not set(EARLY) & set(cases)
        if not (out / "begun").exists():
            return
        (out / f"slope-{rank}").write_text(str(float(slope_of_a_mean(rank, together.world_size))))
        stopped_by_one(pack, out / "stopped", rank)
        assert train(RUN, pack, out / "begun", PLAIN).finished
        (out / f"said-{rank}").write_text(failed_in_one(pack, out / "failed", rank))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    os._exit(0)  # gloo's threads now and then abort a process that Python takes down while the cores are busy
