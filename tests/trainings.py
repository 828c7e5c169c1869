"""Trainings of a second, and what tests ask of them."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from toys import SIZE, TINY, Toy

from anime2real.face.geometry import TEMPLATE
from anime2real.train.hair_recolouring import lab_to_rgb
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.registry import METHODS
from anime2real.train.run import checkpoint
from anime2real.train.run.config import Budget, TrainConfig
from anime2real.train.session import Session, Status
from anime2real.train.start import train
from anime2real.train.step import Speed

PLAIN = Session("cpu", Speed(), checkpoint_seconds=1e9, log_seconds=0.0, quiet=True)


STEPS = 7


def config(method: str, steps: int = STEPS, **changes: Any) -> TrainConfig:
    options = replace(TINY[method], **changes)
    return TrainConfig(method, options, Budget(pairs=steps * options.batch_size), seed=3, samples=2)


def run(method: str, toy: Toy, folder: Path, session: Session = PLAIN, **changes: Any) -> Status:
    pack = toy.pairs if METHODS[method].wants_pairs else toy.pack
    return train(config(method, **changes), pack, folder, session)


def state(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint.complete(folder / "checkpoints")[-1] / "model.safetensors")


def moments(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint.complete(folder / "checkpoints")[-1] / "optimizers.safetensors")


def assert_same(one: Path, two: Path) -> None:
    first, second = state(one), state(two)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    first, second = (moments(folder) for folder in (one, two))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


# U-GAT-IT takes as long as three of the others.
HEAVY = pytest.param("ugatit", marks=pytest.mark.slow)


def galatea(**changes: Any) -> Galatea:
    torch.manual_seed(0)
    method = Galatea(replace(TINY["galatea"], **changes), SIZE)
    method.make_optimizers(1e-4)
    method.start_average()
    return method


def faces(count: int, seed: int = 0) -> torch.Tensor:
    """Landmarks (N, 5, 2) in [-1, 1], each face tilted its own way."""
    random = np.random.default_rng(seed)
    result = []
    for angle in random.uniform(-0.6, 0.6, count):
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        result.append((TEMPLATE * 2 - 1) @ turn.T + random.normal(0, 0.01, (5, 2)))
    return torch.tensor(np.array(result), dtype=torch.float32)


def with_landmarks(pack: Path, folder: Path) -> Path:
    """The toy pack, as if faces had been found in it."""
    shutil.copytree(pack, folder)
    points = ((faces(100).numpy() + 1) / 2 * SIZE).tolist()
    lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    lines = [entry | {"landmarks": points[i], "tilt": 0.0} for i, entry in enumerate(lines)]
    (folder / "index.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return folder


def plain(*lab: float, count: int = 1) -> torch.Tensor:
    """Pictures of one CIELAB colour, well inside sRGB, so that it comes back as it went in."""
    return lab_to_rgb(torch.tensor(lab).view(1, 3, 1, 1).expand(count, -1, SIZE, SIZE).contiguous())


def upper(share: float = 0.5, count: int = 1) -> torch.Tensor:
    mask = torch.zeros(count, 1, SIZE, SIZE)
    mask[:, :, : round(share * SIZE)] = 1
    return mask


class OnTheDeviceAlone(TorchDispatchMode):
    """Notes what a CUDA graph cannot capture, or what would not repeat.

    Numbers of the host made into tensors, tensors read by the host or shaped by what they hold, and random numbers of
    a generator that no checkpoint keeps. Where `device` is told, tensors that lie elsewhere, too.
    """

    FORBIDDEN: ClassVar = {
        *("lift_fresh", "lift", "_local_scalar_dense", "is_nonzero", "equal", "_linalg_check_errors", "_linalg_svd"),
        *("nonzero", "nonzero_static", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount"),
        *("rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "uniform", "uniform_"),
        *("normal", "normal_", "random_", "bernoulli", "bernoulli_", "exponential_", "multinomial", "native_dropout"),
    }

    def __init__(self, device: str | None = None) -> None:
        super().__init__()
        self.device = device
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        by_mask = func is torch.ops.aten.index.Tensor and any(i is not None and i.dtype == torch.bool for i in args[1])
        tensors = (leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor))
        elsewhere = self.device is not None and any(t.device.type != self.device for t in tensors)
        if by_mask or elsewhere or func.name().removeprefix("aten::").split(".")[0] in self.FORBIDDEN:
            self.seen.append(func.name())
        return result
