"""Refuse a model before ONNX Runtime sees it, unless it is a translator such as our exports are, and bounded.

Not loading or running, only reading: `onnx_file.py` reads the graph, `computations.py` and `moves.py` say what each of
its operators makes. No operator that they do not know is let through, so there are no loops, functions or branches, no
division of whole numbers, and no tensor whose size is not known before the first call. What is computed costs at most
`MAX_WORK` multiplications a picture, and holds at most `MAX_BYTES` in the order of the file. ONNX Runtime may choose
another order: `session.py` gives it no more memory than that, and a call that wants more fails.
"""

from collections.abc import Sequence
from typing import Final

from anime2real.bundle.computations import rules_that_compute
from anime2real.bundle.limits import BATCH, IMAGE, MAX_BYTES
from anime2real.bundle.moves import rules_that_move
from anime2real.bundle.onnx_file import FLOAT, Declared, Graph, Node, read_graph
from anime2real.bundle.protobuf import OnnxFileError
from anime2real.bundle.shapes import Call, N, Value, given, tensor

OPSET: Final = 18
MAX_WORK: Final = 2**39
"""Multiplications for a picture: some seconds; CycleGAN of 1024 px makes two thirds of them."""

MAX_WEIGHT_BYTES: Final = 2 * 2**30
"""Of the weights in 32 bits and of all that is computed from them alone, which ONNX Runtime does while it loads."""

SHAPES: Final = {"tilt": (N,), "landmarks": (N, 5, 2), "style": (N, 8), "who": (N, 2)}
"""Of what it may take beside the picture: radians, positive clockwise; places in shares of the side; a style's numbers;
and who should be shown, sex from -1 (woman) to 1 (man) and age / 100."""

_RULES: Final = rules_that_compute() | rules_that_move()
OPERATORS: Final = frozenset(_RULES)
"""The operators that our exports have."""


def check_translator(content: bytes, px: int, conditions: Sequence[str], batch: int = BATCH) -> None:
    """Refuse a model unless it is a translator, of operators and attributes that exports have, within the bounds.

    Args:
        content: of the ONNX file.
        px: S, pixels a side of its pictures.
        conditions: what it takes beside them.
        batch: pictures of a call at most.

    Raises:
        OnnxFileError: it is not; the message says why, in a clause.
    """
    if unknown := [name for name in conditions if name not in SHAPES]:
        known = f"this version knows {', '.join(SHAPES)}"
        raise OnnxFileError(f"it wants {', '.join(unknown)} beside the picture, {known}")
    graph = read_graph(content)
    if graph.opset != OPSET:
        raise OnnxFileError(f"it uses version {graph.opset} of ONNX's operators, exports {OPSET}")
    _check_signature(graph, px, conditions)
    values = {weights.name: given(weights) for weights in graph.weights}
    if len(values) != len(graph.weights):
        raise OnnxFileError("two of its tensors have one name")
    shapes = {IMAGE: (N, 3, px, px), **SHAPES}
    for declared in graph.inputs:
        _define(values, declared.name, tensor(FLOAT, shapes[declared.name]))
    work = 0
    for node in graph.nodes:
        work += _walk(node, values)
    for declared in (*graph.inputs, *graph.values, *graph.outputs):
        _compare(declared, values)
    if values[graph.outputs[0].name].shape != (N, 3, px, px):
        raise OnnxFileError(f"it holds no translator of {px} px: it gives pictures of another size")
    _check_work(graph, values, work, batch)


def _check_signature(graph: Graph, px: int, conditions: Sequence[str]) -> None:
    """Refuse a model unless it has the inputs of a translator and one output, float (N, 3, S, S) with any N."""
    wanted = [IMAGE, *conditions]
    if sorted(value.name for value in graph.inputs) != sorted(wanted) or len(graph.outputs) != 1:
        found = " to ".join(", ".join(value.name[:40] for value in group) for group in (graph.inputs, graph.outputs))
        raise OnnxFileError(f"it holds no translator: its model goes from {found}, not from {', '.join(wanted)} to one")
    for value in (next(value for value in graph.inputs if value.name == IMAGE), graph.outputs[0]):
        batch, *sides = value.shape or (None,)
        # Sides may be left open, exporters do that.
        fits = len(sides) == 3 and all(side in (None, known) for side, known in zip(sides, (3, px, px), strict=True))
        if value.dtype != FLOAT or batch is not None or not fits:
            raise OnnxFileError(
                f"it holds no translator of {px} px: its {value.name[:40]} is {list(value.shape)}, "
                f"not float [N, 3, {px}, {px}]"
            )


def _define(values: dict[str, Value], name: str, value: Value) -> None:
    if not name or name in values:
        raise OnnxFileError("two of its tensors have one name, or one has none")
    values[name] = value


def _walk(node: Node, values: dict[str, Value]) -> int:
    """Note what a node makes, and return its cost."""
    if node.operator not in _RULES:
        raise OnnxFileError(f"its operator {node.operator[:40]!r} is in no export")
    rule, attributes = _RULES[node.operator]
    for name in node.attributes:
        if name not in attributes:
            raise OnnxFileError(
                f"its operator {node.operator} has an attribute {name[:40]!r}, which it has in no export"
            )
    missing = [name for name in node.inputs if name and name not in values]
    if missing:
        raise OnnxFileError(f"its operator {node.operator} uses {missing[0][:40]!r} before it is there")
    inputs = tuple(values[name] if name else None for name in node.inputs)
    try:
        outcome = rule(Call(inputs, node.attributes, len(node.outputs)))
    except OnnxFileError as error:
        raise OnnxFileError(f"its operator {node.operator}: {error}") from error
    if len(outcome.values) != len(node.outputs):
        raise OnnxFileError(f"its operator {node.operator} has {len(node.outputs)} outputs")
    for name, value in zip(node.outputs, outcome.values, strict=True):
        _define(values, name, value)
    return outcome.work


def _compare(declared: Declared, values: dict[str, Value]) -> None:
    """Refuse a file that says another shape or type of a tensor than it has."""
    value = values.get(declared.name)
    if value is None:
        raise OnnxFileError(f"it declares {declared.name[:40]!r}, which is not in it")
    pairs = zip(declared.shape, value.shape, strict=False)
    alike = len(declared.shape) == len(value.shape) and all(said in (None, size) for said, size in pairs)
    if value.dtype != declared.dtype or not alike:
        raise OnnxFileError(f"it says another shape or type of {declared.name[:40]!r} than that has")


def _check_work(graph: Graph, values: dict[str, Value], work: int, batch: int) -> None:
    """Refuse a model that computes or holds too much.

    Args:
        graph, values: of the file.
        work: multiplications, c + d·N.
        batch: N.
    """
    constant, a_picture = work % N, work // N
    if constant + a_picture > MAX_WORK:
        raise OnnxFileError(f"it computes more than the {MAX_WORK / 1e12:.1f} · 10¹² multiplications allowed a picture")
    fixed = sum(value.bytes_of(1) for value in values.values() if not value.power)
    if fixed > MAX_WEIGHT_BYTES:
        raise OnnxFileError(f"its weights take {fixed >> 20:,} MB, more than the {MAX_WEIGHT_BYTES >> 20:,} MB allowed")
    most = fixed + most_held(graph, values, batch)
    if most > MAX_BYTES:
        raise OnnxFileError(f"it takes {most >> 20:,} MB of memory, more than the {MAX_BYTES >> 20:,} MB allowed")


def most_held(graph: Graph, values: dict[str, Value], batch: int) -> int:
    """Bytes that what is computed from pictures takes at most at one time, in the order of the file.

    Args:
        graph: its nodes, each behind those that it depends on.
        values: of all tensors.
        batch: N.
    """
    last = {name: at for at, node in enumerate(graph.nodes) for name in node.inputs}
    held = most = 0
    for at, node in enumerate(graph.nodes):
        made = {name: values[name].bytes_of(batch) for name in node.outputs if values[name].power}
        held += sum(made.values())
        most = max(most, held)
        held -= sum(size for name, size in made.items() if name not in last)
        gone = {name for name in node.inputs if last[name] == at and name in values and values[name].power}
        held -= sum(values[name].bytes_of(batch) for name in gone)
    return most
