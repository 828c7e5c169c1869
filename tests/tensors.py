"""Tensors for tests that a GPU runs where there is one."""

from typing import Final

import torch
from torch import Tensor

DEVICE: Final = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def noise(*shape: int, seed: int = 0) -> Tensor:
    """N(0, 1), the same on every device."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
