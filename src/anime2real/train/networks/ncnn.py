"""Reads the convolutions out of a model in ncnn's format: a text that lists the layers, and a file of their weights.

https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure: the `.param` has a magic number, two counts, and a
line a layer: its kind, its name, how many inputs and outputs it has, their names, and options as KEY=VALUE. The `.bin`
holds the weights in the order of the layers. A convolution writes four bytes that say how its kernel is stored, the
kernel, zeros up to a multiple of four bytes, and its bias in fp32.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.errors import UserError

MAGIC: Final = "7767517"
FP32: Final = 0
FP16: Final = 0x01306B47
WEIGHTLESS: Final = frozenset(("Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp"))
"""Kinds of layers that write nothing to the `.bin`, as far as our networks have them."""


class ModelError(UserError):
    """A model that is missing, damaged or of another network."""


@dataclass(frozen=True)
class Convolution:
    """A square convolution with a bias.

    Attributes:
        weight: (O, I, K, K) float32.
        bias: (O,) float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


def read_convolutions(param: str, weights: bytes, name: str) -> list[Convolution]:
    """The convolutions of a model, in the order of its layers.

    Args:
        param: the text of the `.param`.
        weights: the content of the `.bin`.
        name: of the model, for an error.

    Raises:
        ModelError: the two do not fit together, or the model has other layers with weights, or quantized ones.
    """
    lines = param.splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise ModelError(f"{name}.param is no ncnn model: get it again")
    found: list[Convolution] = []
    start = 0
    try:
        for line in lines[2:]:
            kind, _, inputs, outputs, *rest = line.split()
            if kind == "Convolution":
                options = dict(text.split("=", 1) for text in rest[int(inputs) + int(outputs) :])
                convolution, start = _read_one(options, weights, start)
                found.append(convolution)
            elif kind not in WEIGHTLESS:
                raise ModelError(f"{name} has a layer {kind}, which this program does not know")
    except (ValueError, KeyError) as error:
        raise ModelError(f"{name} is damaged ({error}): get it again") from error
    if start != len(weights):
        raise ModelError(f"{name} is damaged ({len(weights)} bytes of weights, {start} expected): get it again")
    return found


def _read_one(options: dict[str, str], weights: bytes, start: int) -> tuple[Convolution, int]:
    """The convolution whose weights begin at byte `start`, and where they end."""
    outputs, side, count = int(options["0"]), int(options["1"]), int(options["6"])
    if options.get("5") != "1":
        raise ValueError("a convolution without a bias")
    storage = int(np.frombuffer(weights, "<u4", 1, start)[0])
    if storage not in (FP32, FP16):
        raise ValueError(f"weights stored in the unknown way {storage:#x}")
    number = np.dtype("<f4" if storage == FP32 else "<f2")
    start += 4
    weight = np.frombuffer(weights, number, count, start).astype(np.float32).reshape(outputs, -1, side, side)
    start += -(-count * number.itemsize // 4) * 4
    bias = np.frombuffer(weights, "<f4", outputs, start).astype(np.float32)
    return Convolution(weight, bias), start + 4 * outputs
