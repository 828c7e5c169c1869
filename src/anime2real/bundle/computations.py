"""Rules of the operators that compute: what a node makes of its inputs, and at what cost, without running it."""

from collections.abc import Callable
from math import prod
from typing import Final

from anime2real.bundle.onnx_file import FLOAT, FLOAT16
from anime2real.bundle.shapes import MAX_SIZE, Call, NodeResult, axes_of, broadcast, fits, made

ELEMENTWISE_WORK: Final = 16
"""Multiplications that a power, an exponential or a sine of one number is counted as."""


def _elementwise(count: int) -> Callable[[Call], NodeResult]:
    def rule(call: Call) -> NodeResult:
        shape = broadcast(*(call.tensor(at).shape for at in range(count)))
        return made(shape, ELEMENTWISE_WORK * prod(shape))

    return rule


def _leaky_relu(call: Call) -> NodeResult:
    fits(isinstance(call.attributes.get("alpha", 0.01), float))
    return made(call.tensor(0).shape)


def _clip(call: Call) -> NodeResult:
    for at in range(1, len(call.inputs)):
        fits(call.inputs[at] is None or call.tensor(at).shape == ())
    return made(call.tensor(0).shape)


def _cast(call: Call) -> NodeResult:
    call.integer("to", 0, FLOAT)
    return made(call.tensor(0, FLOAT, FLOAT16).shape)


def _conv(call: Call) -> NodeResult:
    x, weight = call.tensor(0), call.tensor(1)
    fits(len(x.shape) == 4 and len(weight.shape) == 4)
    batch, channels, *sides = x.shape
    outputs, inside, *kernel = weight.shape
    call.word("auto_pad", "NOTSET")
    call.integer("group", 1, 1)
    fits(inside == channels and call.integers("kernel_shape", kernel, 1, 64) == tuple(kernel))
    fits(len(call.inputs) < 3 or call.tensor(2).shape == (outputs,))
    call.integers("dilations", (1, 1), 1, 1)
    strides, pads = call.integers("strides", (1, 1), 1, 64), call.integers("pads", (0, 0, 0, 0), 0, 64)
    fits(all(side < MAX_SIZE for side in sides))
    padded = [side + pads[i] + pads[i + 2] - kernel[i] for i, side in enumerate(sides)]
    shape = (batch, outputs, *(room // stride + 1 for room, stride in zip(padded, strides, strict=True)))
    return made(shape, prod(shape) * inside * prod(kernel))


def _matmul(call: Call) -> NodeResult:
    first, second = call.tensor(0).shape, call.tensor(1).shape
    fits(len(first) >= 2 and len(second) >= 2 and first[-1] == second[-2])
    shape = (*broadcast(first[:-2], second[:-2]), first[-2], second[-1])
    return made(shape, prod(shape) * first[-1])


def _gemm(call: Call) -> NodeResult:
    first, second = call.tensor(0).shape, call.tensor(1).shape
    call.integer("transA", 0, 0)
    fits(call.attributes.get("alpha", 1.0) == 1.0 and call.attributes.get("beta", 1.0) == 1.0)
    if call.integer("transB", 0, 0, 1):
        second = second[::-1]
    fits(len(first) == 2 and len(second) == 2 and first[1] == second[0])
    shape = (first[0], second[1])
    fits(len(call.inputs) < 3 or broadcast(shape, call.tensor(2).shape) == shape)
    return made(shape, prod(shape) * first[1])


def _einsum(call: Call) -> NodeResult:
    equation = call.word("equation", "oihw,ayh,bxw->yxiabo")
    inputs, output = equation.split("->")
    sizes: dict[str, int] = {}
    terms = inputs.split(",")
    fits(len(terms) == len(call.inputs))
    for at, letters in enumerate(terms):
        shape = call.tensor(at).shape
        fits(len(shape) == len(letters))
        fits(all(sizes.setdefault(letter, size) == size for letter, size in zip(letters, shape, strict=True)))
    return made([sizes[letter] for letter in output], prod(sizes.values()))


def _instance_norm(call: Call) -> NodeResult:
    shape = call.tensor(0).shape
    fits(len(shape) >= 3 and call.tensor(1).shape == call.tensor(2).shape == (shape[1],))
    fits(isinstance(call.attributes.get("epsilon", 1e-5), float))
    return made(shape, 4 * prod(shape))


def _reduce(call: Call) -> NodeResult:
    shape = call.tensor(0).shape
    call.integer("noop_with_empty_axes", 0, 0)
    axes = axes_of(call.numbers(1), len(shape))
    keep = call.integer("keepdims", 1, 0, 1)
    kept = [1 if at in axes else size for at, size in enumerate(shape) if keep or at not in axes]
    return made(kept, prod(shape))


def _grid_sample(call: Call) -> NodeResult:
    x, grid = call.tensor(0).shape, call.tensor(1).shape
    call.word("mode", "bilinear")
    call.word("padding_mode", "reflection")
    call.integer("align_corners", 0, 0)
    fits(len(x) == 4 and len(grid) == 4 and grid[0] == x[0] and grid[3] == 2)
    shape = (*x[:2], *grid[1:3])
    return made(shape, ELEMENTWISE_WORK * prod(shape))


def rules_that_compute() -> dict[str, tuple[Callable[[Call], NodeResult], set[str]]]:
    """Rules of operators that compute, by name, and the attributes that each may have."""
    one = ("Relu", "Sigmoid", "Tanh", "Sqrt", "Reciprocal", "Exp", "Sin", "Cos", "Neg")
    two = ("Add", "Sub", "Mul", "Div", "Pow")
    return {
        **{name: (_elementwise(1), set()) for name in one},
        **{name: (_elementwise(2), set()) for name in two},
        "LeakyRelu": (_leaky_relu, {"alpha"}),
        "Clip": (_clip, set()),
        "Cast": (_cast, {"to"}),
        "Conv": (_conv, {"auto_pad", "group", "kernel_shape", "dilations", "strides", "pads"}),
        "MatMul": (_matmul, set()),
        "Gemm": (_gemm, {"alpha", "beta", "transA", "transB"}),
        "Einsum": (_einsum, {"equation"}),
        "InstanceNormalization": (_instance_norm, {"epsilon"}),
        "ReduceMean": (_reduce, {"keepdims", "noop_with_empty_axes"}),
        "ReduceSum": (_reduce, {"keepdims", "noop_with_empty_axes"}),
        "GridSample": (_grid_sample, {"mode", "padding_mode", "align_corners"}),
    }
