"""What the steps of methods share: Adam, and networks whose weights stand still for a while."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def adam(networks: Sequence[nn.Module], learning_rate: float, betas: tuple[float, float]) -> torch.optim.Optimizer:
    """Fused Adam over the networks' parameters, its learning rate a tensor so that a captured graph follows it."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    device = parameters[0].device
    arguments: dict[str, Any] = {"fused": True, "capturable": device.type == "cuda"}
    return torch.optim.Adam(parameters, lr=torch.tensor(learning_rate, device=device), betas=betas, **arguments)


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """No gradients for the networks' weights inside: gradients still pass through them."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
