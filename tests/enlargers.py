"""Models in ncnn's format, as Real-ESRGAN's are, small enough for tests."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.train.esrgan_weights import MODELS, Kind
from anime2real.train.networks.ncnn import FP16, MAGIC, Convolution

CHANNELS: Final = 4
GROWTH: Final = 3


def shapes(blocks: int = 1) -> list[tuple[int, int]]:
    """Outputs and inputs of an RRDBNet's convolutions, in the order in which they compute."""
    dense = [(GROWTH, CHANNELS + i * GROWTH) for i in range(4)] + [(CHANNELS, CHANNELS + 4 * GROWTH)]
    return [(CHANNELS, 3), *dense * 3 * blocks, *[(CHANNELS, CHANNELS)] * 4, (3, CHANNELS)]


def random_convolutions(blocks: int = 1) -> list[Convolution]:
    """Of numbers that fp16 holds."""
    random = np.random.default_rng(0)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.2, shape).astype(np.float16).astype(np.float32)

    return [Convolution(drawn(outputs, inputs, 3, 3), drawn(outputs)) for outputs, inputs in shapes(blocks)]


def repeating_convolutions() -> list[Convolution]:
    """Of a network that shows each pixel as 4×4: its red in red, its green in green, its blue in blue."""
    made = [Convolution(np.zeros((o, i, 3, 3), np.float32), np.zeros(o, np.float32)) for o, i in shapes()]
    for place in (0, -4, -3, -2, -1):  # past the blocks, which add nothing
        for channel in range(3):
            made[place].weight[channel, channel, 1, 1] = 1
    return made


def written(convolutions: list[Convolution], *, half: bool = True) -> tuple[str, bytes]:
    """The text and the weights of a model, kernels in fp16 or fp32."""
    lines = [MAGIC, f"{len(convolutions) + 2} {len(convolutions) + 2}", "Input in 0 1 b0", "Split s 1 1 b0 c0"]
    weights = b""
    for i, one in enumerate(convolutions):
        options = f"0={len(one.bias)} 1=3 4=1 5=1 6={one.weight.size} 9=2 -23310=1,2.000000e-01"
        lines.append(f"Convolution conv{i} 1 1 c{i} c{i + 1} {options}")
        kernel = one.weight.astype(np.float16 if half else np.float32).tobytes()
        weights += struct.pack("<I", FP16 if half else 0) + kernel + bytes(-len(kernel) % 4) + one.bias.tobytes()
    return "\n".join(lines) + "\n", weights


def model_folder(folder: Path, convolutions: list[Convolution], kinds: Sequence[Kind] = ("drawing",)) -> Path:
    """A folder with the models for these kinds of pictures."""
    folder.mkdir(exist_ok=True)
    param, weights = written(convolutions)
    for kind in kinds:
        (folder / f"{MODELS[kind]}.param").write_text(param)
        (folder / f"{MODELS[kind]}.bin").write_bytes(weights)
    return folder
