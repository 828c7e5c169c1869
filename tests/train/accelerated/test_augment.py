"""Augmented pictures by one kernel against torch's many steps."""

import pytest
import torch
from tensors import channels_last, noise

pytest.importorskip("triton")

from anime2real.train.accelerated import fused_functions
from anime2real.train.augment import augmented
from anime2real.train.random_numbers import AUGMENTATION


@pytest.mark.parametrize("layout", ["channels last", "contiguous", "a part of a batch"])
@pytest.mark.parametrize("size", [32, 40])
def test_the_fused_augmentation_is_the_augmentation(layout: str, size: int) -> None:
    image = noise(4, 3, size, size)
    image = image if layout == "contiguous" else channels_last(image)
    numbers = torch.rand(4, AUGMENTATION, generator=torch.Generator().manual_seed(3)).to(image.device)
    found = []
    for fused in (False, True):
        x = image.clone().requires_grad_()
        with fused_functions(fused):
            y = augmented(x[1:3] if layout == "a part of a batch" else x, numbers[: 2 if "part" in layout else 4])
        (y * noise(*y.shape, seed=5)).sum().backward()
        assert x.grad is not None
        found.append([y.detach(), x.grad])
    assert y.is_contiguous(memory_format=torch.channels_last)
    for wanted, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)


def test_oblongs_are_torchs() -> None:
    image, numbers = noise(2, 3, 32, 48), torch.rand(2, AUGMENTATION)
    with fused_functions(True):
        assert augmented(image, numbers.to(image.device)).shape == image.shape
