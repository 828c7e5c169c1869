"""Read the graph of an ONNX file that may come from anybody, without the package `onnx`.

Translating does not need that package, and its parser (protobuf's) builds whatever a file describes before anybody can
refuse it. This one knows the fields that our exporter writes and refuses all others: functions, graphs in graphs,
sparse tensors, other files. It copies no weights, so a file costs little more memory than its bytes.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.bundle.protobuf import OnnxFileError, few, parsed, read_message

FLOAT, INT64, FLOAT16 = 1, 7, 10
ITEM_BYTES: Final = {FLOAT: 4, INT64: 8, FLOAT16: 2}
"""The types of tensors that exports hold, by onnx.proto's number, and the bytes of one of their numbers."""

MAX_NODES: Final = 4096


@dataclass(frozen=True)
class Weights:
    """A tensor that the file holds.

    Attributes:
        name: in the graph; empty in an attribute.
        dtype: `FLOAT`, `INT64` or `FLOAT16`.
        shape: its dimensions.
        raw: its numbers, little-endian, as they lie in the file.
    """

    name: str
    dtype: int
    shape: tuple[int, ...]
    raw: memoryview

    def integers(self) -> NDArray[np.int64]:
        """The numbers of a tensor of `INT64`."""
        return np.frombuffer(self.raw, "<i8").reshape(self.shape)


Attribute = float | int | str | tuple[int, ...] | Weights


@dataclass(frozen=True)
class Node:
    """An operation: names of its inputs (empty where one is left out) and outputs, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Declared:
    """What the file says of a tensor: its type, and its dimensions, None where one is not a number."""

    name: str
    dtype: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Graph:
    """The graph of an ONNX file, its nodes in the order of the file.

    Attributes:
        opset: version of ONNX's own operators; the file uses no others.
    """

    opset: int
    nodes: tuple[Node, ...]
    weights: tuple[Weights, ...]
    inputs: tuple[Declared, ...]
    outputs: tuple[Declared, ...]
    values: tuple[Declared, ...]


def read_graph(content: bytes) -> Graph:
    """The graph of an ONNX file.

    Raises:
        OnnxFileError: it is none, is cut off, or holds what our exporter never writes.
    """
    model = _read(memoryview(content), "model")
    if "graph" not in model:
        raise OnnxFileError("there is no graph in it")
    opsets = [_read(part, "opset") for part in model.get("opset_import", ())]
    if len(opsets) != 1 or opsets[0].get("domain", "") not in ("", "ai.onnx"):
        raise OnnxFileError("it uses operators that are not ONNX's own")
    graph = _read(model["graph"], "graph")
    nodes = graph.get("node", ())
    if len(nodes) > MAX_NODES:
        raise OnnxFileError(f"its graph has {len(nodes)} nodes, more than the {MAX_NODES} allowed")
    return Graph(
        opset=opsets[0].get("version", 0),
        nodes=tuple(map(_node, nodes)),
        weights=tuple(map(_weights, graph.get("initializer", ()))),
        inputs=tuple(map(_declared, graph.get("input", ()))),
        outputs=tuple(map(_declared, graph.get("output", ()))),
        values=tuple(map(_declared, graph.get("value_info", ()))),
    )


def _node(message: memoryview) -> Node:
    fields = _read(message, "node")
    operator = fields.get("op_type", "")
    if fields.get("domain", "") not in ("", "ai.onnx"):
        raise OnnxFileError(f"its operator {operator[:40]!r} is not one of ONNX's own")
    attributes = [_attribute(part) for part in few(fields.get("attribute", []))]
    if len(dict(attributes)) != len(attributes):
        raise OnnxFileError(f"a node {operator[:40]!r} has an attribute twice")
    inputs, outputs = (tuple(few(fields.get(key, []))) for key in ("input", "output"))
    return Node(operator, inputs, outputs, dict(attributes))


def _attribute(message: memoryview) -> tuple[str, Attribute]:
    fields = _read(message, "attribute")
    name = fields.pop("name", "")
    kind = {1: "f", 2: "i", 3: "s", 4: "t", 7: "ints"}.get(fields.pop("type", 0))
    if kind is None or any(key != kind for key in fields):
        raise OnnxFileError(f"its attribute {name[:40]!r} is of a kind that exports do not have")
    empty: dict[str, Any] = {"f": 0.0, "i": 0, "s": "", "ints": []}
    value = fields.get(kind, empty.get(kind))
    if value is None:
        raise OnnxFileError(f"its attribute {name[:40]!r} is empty")
    return name, _weights(value) if kind == "t" else tuple(few(value)) if kind == "ints" else value


def _weights(message: memoryview) -> Weights:
    fields = _read(message, "tensor")
    dtype, shape = fields.get("data_type", 0), tuple(few(fields.get("dims", [])))
    raw = fields.get("raw_data", memoryview(b""))
    name = fields.get("name", "")
    if dtype not in ITEM_BYTES:
        raise OnnxFileError(f"its tensor {name[:40]!r} is of a type that exports do not have")
    if any(size < 0 for size in shape) or len(raw) != prod(shape) * ITEM_BYTES[dtype]:
        raise OnnxFileError(f"its tensor {name[:40]!r} does not have the numbers that its shape says")
    return Weights(name, dtype, shape, raw)


def _declared(message: memoryview) -> Declared:
    fields = _read(message, "value")
    return Declared(fields.get("name", ""), *_type(bytes(fields.get("type", b""))))


@lru_cache(MAX_NODES)  # most of a file's are alike
def _type(message: bytes) -> tuple[int, tuple[int | None, ...]]:
    kind = _read(message, "type")
    tensor = _read(kind.get("tensor_type", b""), "tensor_type")
    dimensions = _read(tensor.get("shape", b""), "shape").get("dim", [])
    sizes = [_read(part, "dim") for part in few(dimensions)]
    return tensor.get("elem_type", 0), tuple(size.get("dim_value") for size in sizes)


_MESSAGES: Final = parsed(
    {
        "model": "1 ir_version int, 2 producer_name text, 3 producer_version text, 4 domain text, 5 model_version int, "
        "6 doc_string text, 7 graph message, 8 opset_import messages",
        "opset": "1 domain text, 2 version int",
        "graph": "1 node messages, 2 name text, 5 initializer messages, 10 doc_string text, 11 input messages, "
        "12 output messages, 13 value_info messages",
        "node": "1 input texts, 2 output texts, 3 name text, 4 op_type text, 5 attribute messages, 6 doc_string text, "
        "7 domain text",
        "attribute": "1 name text, 2 f float, 3 i int, 4 s text, 5 t message, 8 ints ints, 20 type int",
        "tensor": "1 dims ints, 2 data_type int, 8 name text, 9 raw_data message, 12 doc_string text",
        "value": "1 name text, 2 type message, 3 doc_string text",
        "type": "1 tensor_type message",
        "tensor_type": "1 elem_type int, 2 shape message",
        "shape": "1 dim messages",
        "dim": "1 dim_value int, 2 dim_param text",
    }
)
"""The fields that exports have: number in onnx.proto, name, and kind."""

_REFUSED: Final = {
    ("model", 20): "it holds a training graph",
    ("model", 25): "it holds functions",
    ("graph", 15): "it holds sparse tensors",
    ("attribute", 6): "it holds graphs in its graph",
    ("attribute", 11): "it holds graphs in its graph",
    ("attribute", 22): "it holds sparse tensors",
    ("attribute", 23): "it holds sparse tensors",
    ("tensor", 13): "it keeps weights in other files",
    ("tensor", 14): "it keeps weights in other files",
}


def _read(content: memoryview | bytes, kind: str) -> dict[str, Any]:
    return read_message(memoryview(content), kind, _MESSAGES[kind], _REFUSED)
