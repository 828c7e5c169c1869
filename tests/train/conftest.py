"""A toy pack for every test here."""

import numpy as np
import pytest
import torch
from toys import SIZE, Toy, smooth_picture

from anime2real.train.prepare import prepare


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Reddish drawings and bluish photographs."""
    root = tmp_path_factory.mktemp("toy")
    random = np.random.default_rng(0)
    for domain, tint in (("anime", (190, 90, 90)), ("real", (80, 90, 190))):
        (root / domain).mkdir()
        for i in range(24):
            smooth_picture(random, tint).save(root / domain / f"{i:02d}.png")
    prepare(
        [root / "anime"],
        [root / "real"],
        root / "pack",
        size=SIZE,
        crop="auto",
        test_share=0.2,
        near=0,
        processes=1,
        quiet=True,
    )
    return Toy(root / "pack", root / "anime", root / "real")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Toy tensors: more threads only cost time."""
    torch.set_num_threads(1)
