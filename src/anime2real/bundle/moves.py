"""Rules, as in `computations.py`, of operators that move numbers and compute none: reshape, cut, join, pad, enlarge."""

from collections.abc import Callable
from math import prod
from typing import Any, Final

import numpy as np

from anime2real.bundle.onnx_file import FLOAT, FLOAT16, INT64, Weights
from anime2real.bundle.protobuf import OnnxFileError
from anime2real.bundle.shapes import (
    MAX_NUMBERS,
    MAX_SIZE,
    Call,
    N,
    NodeResult,
    axes_of,
    axis_of,
    broadcast,
    fits,
    given,
    made,
)

MAX_SCALE: Final = 16
"""How far a picture may be enlarged in one step."""

_ANY: Final = (FLOAT, INT64)


def _moved(call: Call, move: Callable[[Any], Any], shape: tuple[int, ...]) -> NodeResult:
    """The first input in another shape; `move` is what happens to its numbers where they are known."""
    x = call.tensor(0, *_ANY)
    numbers = None if x.numbers is None else np.asarray(move(x.numbers), object).reshape(shape)
    return made(shape, 0, x.dtype, numbers)


def _constant(call: Call) -> NodeResult:
    value = call.attributes.get("value")
    if not isinstance(value, Weights) or call.inputs:
        raise OnnxFileError("a constant is not a tensor")
    return NodeResult((given(value),), prod(value.shape))


def _shape(call: Call) -> NodeResult:
    call.integer("start", 0, 0)
    sizes = call.tensor(0, FLOAT, INT64, FLOAT16).shape
    fits(0 < len(sizes) <= MAX_NUMBERS)
    return made((len(sizes),), 0, INT64, np.array(sizes, object))


def _reshape(call: Call) -> NodeResult:
    x, wanted = call.tensor(0, *_ANY).shape, call.numbers(1)
    if not call.integer("allowzero", 0, 0, 1):
        fits(all(size or at < len(x) for at, size in enumerate(wanted)))
        wanted = [size or x[at] for at, size in enumerate(wanted)]
    free, rest = wanted.count(-1), prod(size for size in wanted if size != -1)
    fits(free <= 1 and rest > 0 and all(size >= -1 for size in wanted))
    if free:
        fits(prod(x) % rest == 0)
        wanted[wanted.index(-1)] = prod(x) // rest
    fits(prod(wanted) == prod(x))
    shape = tuple(wanted)
    return _moved(call, lambda numbers: numbers, shape)


def _transpose(call: Call) -> NodeResult:
    x = call.tensor(0).shape
    order = call.integers("perm", range(len(x))[::-1], 0, max(0, len(x) - 1))
    fits(len(set(order)) == len(order))
    return made([x[at] for at in order])


def _squeeze(call: Call) -> NodeResult:
    x = call.tensor(0, *_ANY).shape
    axes = axes_of(call.numbers(1), len(x))
    fits(all(x[at] == 1 for at in axes))
    return _moved(call, lambda numbers: numbers, tuple(size for at, size in enumerate(x) if at not in axes))


def _unsqueeze(call: Call) -> NodeResult:
    x, added = call.tensor(0, *_ANY).shape, call.numbers(1)
    axes, sizes = axes_of(added, len(x) + len(added)), iter(x)
    shape = tuple(1 if at in axes else next(sizes) for at in range(len(x) + len(added)))
    return _moved(call, lambda numbers: numbers, shape)


def _expand(call: Call) -> NodeResult:
    return made(broadcast(call.tensor(0).shape, tuple(call.numbers(1))))


def _concat(call: Call) -> NodeResult:
    values = [call.tensor(at, call.tensor(0, *_ANY).dtype) for at in range(len(call.inputs))]
    first = values[0].shape
    axis = axis_of(call.integer("axis", 0), len(first))
    others = {value.shape[:axis] + value.shape[axis + 1 :] for value in values if len(value.shape) == len(first)}
    fits(len(others) == 1 and all(len(value.shape) == len(first) for value in values))
    shape = (*first[:axis], sum(value.shape[axis] for value in values), *first[axis + 1 :])
    parts = [value.numbers for value in values if value.numbers is not None]
    known = len(parts) == len(values) and prod(shape) <= MAX_NUMBERS
    return made(shape, 0, values[0].dtype, np.concatenate(parts, axis) if known else None)


def _split(call: Call) -> NodeResult:
    x = call.tensor(0).shape
    axis, count = axis_of(call.integer("axis", 0), len(x)), call.integer("num_outputs", 0, call.outputs)
    fits(len(call.inputs) == 1 and count > 0 and x[axis] % count == 0)
    part = made((*x[:axis], x[axis] // count, *x[axis + 1 :])).values[0]
    return NodeResult((part,) * count, prod(x))


def _gather(call: Call) -> NodeResult:
    x, places = call.tensor(0, *_ANY).shape, call.tensor(1, INT64)
    axis = axis_of(call.integer("axis", 0), len(x))
    shape = (*x[:axis], *places.shape, *x[axis + 1 :])
    chosen = places.numbers
    if call.tensor(0, *_ANY).numbers is None or chosen is None:
        return made(shape, 0, call.tensor(0, *_ANY).dtype)
    fits(all(-x[axis] <= place < x[axis] for place in chosen.ravel()) and prod(shape) <= MAX_NUMBERS)
    return _moved(call, lambda numbers: np.take(numbers, chosen.astype(np.int64), axis), shape)


def _slice(call: Call) -> NodeResult:
    x, starts, ends = list(call.tensor(0).shape), call.numbers(1), call.numbers(2)
    axes = axes_of(call.numbers(3), len(x))
    fits(len(starts) == len(ends) == len(axes))
    fits(len(call.inputs) < 5 or call.numbers(4) == [1] * len(axes))
    for axis, start, end in zip(axes, starts, ends, strict=True):
        if x[axis] < MAX_SIZE:
            fits(abs(start) < 2**63 and abs(end) < 2**63)
            x[axis] = len(range(*slice(start, end).indices(x[axis])))
        else:
            fits(start == 0 and MAX_SIZE <= end < N)  # the whole batch
    return made(x)


def _pad(call: Call) -> NodeResult:
    x, pads = call.tensor(0).shape, call.numbers(1)
    fits(len(pads) == 2 * len(x) and all(0 <= pad < MAX_SIZE for pad in pads) and len(call.inputs) <= 3)
    fits(len(call.inputs) < 3 or call.inputs[2] is None or call.tensor(2).shape == ())
    before, after = pads[: len(x)], pads[len(x) :]
    if call.word("mode", "constant", "reflect") == "reflect":
        fits(all(max(sides) < size for *sides, size in zip(before, after, x, strict=True)))
    return made([size + low + high for size, low, high in zip(x, before, after, strict=True)])


def _depth_to_space(call: Call) -> NodeResult:
    x, block = call.tensor(0).shape, call.integer("blocksize", 0, *range(1, MAX_SCALE + 1))
    call.word("mode", "DCR", "CRD")
    fits(len(x) == 4 and x[1] % block**2 == 0)
    return made((x[0], x[1] // block**2, x[2] * block, x[3] * block))


def _resize(call: Call) -> NodeResult:
    x, scales = call.tensor(0).shape, call.tensor(2).weights
    call.word("mode", "nearest", "linear")
    call.word("coordinate_transformation_mode", "half_pixel", "asymmetric")
    call.word("nearest_mode", "round_prefer_floor", "floor")
    call.word("keep_aspect_ratio_policy", "stretch")
    call.integer("antialias", 0, 0)
    call.integer("exclude_outside", 0, 0)
    fits(len(call.inputs) == 3 and call.inputs[1] is None and scales is not None and len(x) == 4)
    assert scales is not None
    fits(scales.shape == (4,))
    factors = np.frombuffer(scales.raw, "<f4").tolist()
    fits(factors[:2] == [1, 1] and all(factor in range(1, MAX_SCALE + 1) for factor in factors))
    shape = (*x[:2], *(size * int(factor) for size, factor in zip(x[2:], factors[2:], strict=True)))
    return made(shape, 8 * prod(shape))


def rules_that_move() -> dict[str, tuple[Callable[[Call], NodeResult], set[str]]]:
    """Rules by the operators' names, and the attributes that each may have."""
    return {
        "Constant": (_constant, {"value"}),
        "Shape": (_shape, {"start"}),
        "Reshape": (_reshape, {"allowzero"}),
        "Transpose": (_transpose, {"perm"}),
        "Squeeze": (_squeeze, set()),
        "Unsqueeze": (_unsqueeze, set()),
        "Expand": (_expand, set()),
        "Concat": (_concat, {"axis"}),
        "Split": (_split, {"axis", "num_outputs"}),
        "Gather": (_gather, {"axis"}),
        "Slice": (_slice, set()),
        "Pad": (_pad, {"mode"}),
        "DepthToSpace": (_depth_to_space, {"mode", "blocksize"}),
        "Resize": (
            _resize,
            {
                *("mode", "coordinate_transformation_mode", "nearest_mode", "keep_aspect_ratio_policy", "antialias"),
                *("exclude_outside", "extrapolation_value", "cubic_coeff_a"),
            },
        ),
    }
