"""The device that a name means, as `auto` or `cuda:1`."""

import torch

from anime2real.errors import first_line
from anime2real.train.run.config import TrainOptionError


class NoDeviceError(TrainOptionError):
    """The device that was asked for is not there."""


def find_device(name: str) -> torch.device:
    """The device of that name; for `auto` the first CUDA device, else the CPU.

    Raises:
        NoDeviceError: it is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name if name != "cuda" else "cuda:0")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise NoDeviceError(f"no device {name!r} here: {first_line(error)}") from error
    return device
