"""What the processes do that read streamed pictures (`streaming.py`); apart from it, so that they start soon."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from anime2real.data.arrays import mapped
from anime2real.data.pack import Pack
from anime2real.data.tar_pixels import TarPixels
from anime2real.errors import UserError

Rows = NDArray[np.int64]

_GRACE_SECONDS: Final = 20.0
"""For which a process that reads goes on after a signal to stop: its training ends the step first."""


class _Mapped:
    """A file of pixels that every process maps for itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pixels = mapped(path)

    def __reduce__(self) -> tuple[type["_Mapped"], tuple[Path]]:
        return _Mapped, (self._path,)

    def __getitem__(self, rows: Rows) -> NDArray[np.uint8]:
        return self._pixels[rows]


class StepReader(Dataset[tuple[Tensor, ...] | UserError]):
    """Pictures and, if wanted, masks of hair of the rows that a step sees."""

    def __init__(self, pack: Pack, *, hair: bool) -> None:
        self._pixels = [_readable(pack.images, pack.folder / "images.npy")]
        if hair and pack.hair is not None:
            self._pixels.append(_readable(pack.hair, pack.folder / "hair.npy"))

    def __getitem__(self, rows: Rows) -> tuple[Tensor, ...] | UserError:
        """(R, S, S, 3) and (R, S, S) uint8; an error of the user's comes back as it is, in its one line."""
        try:
            return tuple(torch.from_numpy(pixels[rows]) for pixels in self._pixels)
        except UserError as error:
            return error


def _readable(pixels: Any, path: Path) -> TarPixels | _Mapped:
    return pixels if isinstance(pixels, TarPixels) else _Mapped(path)


def begin(worker: int) -> None:
    """In a new process: leave signals to the training, which ends its step and its processes."""
    del worker

    def later(number: int, frame: FrameType | None) -> None:
        del number, frame
        timer = threading.Timer(_GRACE_SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, later)
