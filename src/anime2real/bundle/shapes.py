"""What is known of a model's tensors and nodes before it runs: types, shapes and costs, for the rules of its operators.

A rule says what a node makes of its inputs (`computations.py`, `moves.py`), and refuses attributes, types and shapes
that our exports do not have. The batch's size N is not known before a call.
It stands here as a prime larger than any size that a file can hold, so that plain arithmetic keeps it apart: every
size is c or c·N, which grows with N, so what holds for the largest batch holds for all. A size that would not grow so,
such as N - 1 or 8 / N, is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.bundle.onnx_file import FLOAT, INT64, ITEM_BYTES, Attribute, Weights
from anime2real.bundle.protobuf import OnnxFileError

N: Final = 2**89 - 1
"""The batch's size; a Mersenne prime beyond 64 bits."""

MAX_SIZE: Final = 2**31
MAX_NUMBERS: Final = 64
"""Whole numbers of a tensor, at most, that are followed: shapes, pads, axes."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """What is known of a tensor before the graph runs.

    Attributes:
        dtype: `FLOAT`, `INT64` or `FLOAT16`.
        shape: sizes of 1 or more, each c or c·N.
        factor, power: it has factor · N^power numbers.
        weights: where the file itself gives the numbers.
        numbers: of a small tensor of whole ones; they may hold N.
    """

    dtype: int
    shape: Shape
    factor: int
    power: int
    weights: Weights | None = None
    numbers: NDArray[np.object_] | None = None

    def bytes_of(self, batch: int) -> int:
        """Bytes that it takes when N is `batch`, its weights as ONNX Runtime holds them, in 32 bits at least."""
        return self.factor * (batch if self.power else 1) * max(4, ITEM_BYTES[self.dtype])


def parts(size: int) -> tuple[int, int]:
    """A size c·N^k as c and k."""
    power = 0
    while size >= N and size % N == 0:
        size, power = size // N, power + 1
    return size, power


def given(weights: Weights) -> Value:
    """The value of a tensor that the file holds."""
    small = weights.dtype == INT64 and prod(weights.shape) <= MAX_NUMBERS
    return tensor(weights.dtype, weights.shape, weights, weights.integers().astype(object) if small else None)


def tensor(
    dtype: int, shape: Shape, weights: Weights | None = None, numbers: NDArray[np.object_] | None = None
) -> Value:  # fmt: skip
    """A value of this shape.

    Raises:
        OnnxFileError: it is empty, too large, or not of the form c or c·N.
    """
    return Value(dtype, shape, *_count(shape), weights, numbers)


@lru_cache(4096)
def _count(shape: Shape) -> tuple[int, int]:
    """How many numbers a tensor has: factor and power."""
    for size in (*shape, prod(shape)):  # the last is that of the whole
        factor, power = parts(size)
        if not 1 <= factor < MAX_SIZE or power > 1:
            raise OnnxFileError("it computes a tensor that is empty, too large, or does not grow with the batch")
    return factor, power


@dataclass(frozen=True)
class Call:
    """A node with what is known of its inputs, None for those that are left out."""

    inputs: tuple[Value | None, ...]
    attributes: dict[str, Attribute]
    outputs: int

    def tensor(self, at: int, *dtypes: int) -> Value:
        """The input at a place, which must be there and of one of these types, `FLOAT` if none is named."""
        value = self.inputs[at] if at < len(self.inputs) else None
        if value is None or value.dtype not in (dtypes or (FLOAT,)):
            raise OnnxFileError("an input is missing, or of another type than in exports")
        return value

    def numbers(self, at: int) -> list[int]:
        """The whole numbers of an input that are known before the graph runs."""
        found = self.tensor(at, INT64).numbers
        if found is None:
            raise OnnxFileError("a shape depends on what the network computes")
        return [int(number) for number in found.ravel()]

    def integer(self, name: str, default: int, *allowed: int) -> int:
        """An attribute that is a whole number, one of those `allowed` if any are named."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int) or (allowed and value not in allowed):
            raise OnnxFileError(f"its attribute {name} is {value!r}, which it is in no export")
        return value

    def integers(self, name: str, default: Sequence[int], low: int, high: int) -> tuple[int, ...]:
        """An attribute that is as many whole numbers as its default, each from `low` to `high`."""
        value = self.attributes.get(name, tuple(default))
        if not isinstance(value, tuple) or len(value) != len(default) or not all(low <= v <= high for v in value):
            raise OnnxFileError(f"its attribute {name} is out of the range that exports have")
        return value

    def word(self, name: str, *allowed: str) -> str:
        """An attribute that is one of these words, the first if it is not given."""
        value = self.attributes.get(name, allowed[0])
        if value not in allowed:
            raise OnnxFileError(f"its attribute {name} is {str(value)[:40]!r}, which it is in no export")
        return str(value)


@dataclass(frozen=True)
class NodeResult:
    """What a node makes: its values, and how many multiplications that takes, c or c·N."""

    values: tuple[Value, ...]
    work: int


def made(shape: Sequence[int], work: int = 0, dtype: int = FLOAT, numbers: Any = None) -> NodeResult:
    """One tensor; making it costs one multiplication a number at least."""
    value = tensor(dtype, tuple(shape), None, numbers)
    return NodeResult((value,), max(work, prod(shape)))


def fits(condition: bool) -> None:
    """Refuse a node unless its inputs have the shapes that it wants."""
    if not condition:
        raise OnnxFileError("the shapes of a node's inputs do not fit")


def broadcast(*shapes: Shape) -> Shape:
    """The shape that shapes are stretched to; a size and another one must be equal, or one of them 1."""
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)
    result = []
    for sizes in columns:
        large = set(sizes) - {1}
        fits(len(large) <= 1)
        result.append(large.pop() if large else 1)
    return tuple(result)


def axis_of(axis: int, rank: int) -> int:
    """The place of an axis, which may be counted from the end."""
    fits(-rank <= axis < rank)
    return axis % rank


def axes_of(axes: Sequence[int], rank: int) -> list[int]:
    """Places of axes, each named once."""
    found = [axis_of(axis, rank) for axis in axes]
    fits(len(set(found)) == len(found) > 0)
    return found
