"""The outside of an ONNX file, read without onnx: that it is one, and that it refers to no other file.

An ONNX tensor may name a file that holds its numbers (`external_data`), at any path. A bundle comes from
strangers and its model is one file, so such a tensor is refused before ONNX Runtime sees it. Field numbers
are those of onnx.proto.
"""

from collections.abc import Iterator
from typing import Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH: Final = 64

# The ways from a model down to its tensors: kind of message -> field number -> kind of message in it.
_CHILDREN: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_GRAPH: Final = 7
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def refers_outside(content: bytes) -> bool:
    """Whether any tensor of an ONNX file keeps its numbers in another file.

    Raises:
        ValueError: if `content` is no ONNX file, or cut off.
    """
    model = memoryview(content)
    if not any(number == _GRAPH for number, _ in _fields(model)):
        raise ValueError("there is no graph in it")
    return _has_external(model, "model", 0)


def _has_external(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("its graphs are nested too deeply")
    children = _CHILDREN[kind]
    for number, value in _fields(message):
        if kind == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                return True
        elif number in children:
            if not isinstance(value, memoryview):
                raise ValueError("a message is damaged")
            if _has_external(value, children[number], depth + 1):
                return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of a protobuf message: number and value, fixed-size numbers as 0 (none matters here)."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        value: memoryview | int = 0
        if wire == _VARINT:
            value, at = _varint(message, at)
        elif wire == _BYTES:
            length, at = _varint(message, at)
            value = message[at : at + length]
            at += length
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("a field is of no known kind")
        if at > end or number == 0:
            raise ValueError("it is cut off")
        yield number, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A variable-length number and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it is cut off")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number is damaged")
