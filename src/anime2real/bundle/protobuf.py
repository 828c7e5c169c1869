"""Read protobuf messages of known fields, bounded; whatever is not known is refused.

Reading 12 kinds of messages takes a page; the package `protobuf` would be a new dependency of everybody who translates,
and merges, skips and defaults where a check must refuse.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

MAX_NAMES: Final = 64
"""Inputs of a node, its outputs, its attributes, and dimensions of a tensor, at most."""

MAX_TEXT_BYTES: Final = 1024

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRE: Final = {"int": _VARINT, "float": _FIXED32, "text": _BYTES, "message": _BYTES}


class OnnxFileError(ValueError):
    """What an ONNX file is or holds that no bundle's may; the message is a clause."""


@dataclass(frozen=True)
class Field:
    """A field of a message: its name, what it holds, and whether it is a list."""

    name: str
    kind: Literal["int", "float", "text", "message"]
    many: bool


Fields = Mapping[int, Field]


def parsed(messages: Mapping[str, str]) -> dict[str, Fields]:
    """Fields by number, of messages that are described as `NUMBER NAME KIND, …`, a list's KIND with an s."""
    return {
        message: {
            int(number): Field(name, kind.removesuffix("s"), kind.endswith("s"))  # type: ignore[arg-type]
            for number, name, kind in (field.split() for field in fields.split(", "))
        }
        for message, fields in messages.items()
    }


def few(found: list[Any]) -> list[Any]:
    """A list of at most `MAX_NAMES` things.

    Raises:
        OnnxFileError: it is longer.
    """
    if len(found) > MAX_NAMES:
        raise OnnxFileError(f"a node or tensor has {len(found)} inputs, attributes or dimensions")
    return found


def read_message(
    content: memoryview, kind: str, known: Fields, refused: Mapping[tuple[str, int], str]
) -> dict[str, Any]:
    """The fields of a message, by name; messages in it are left as they are.

    A field that may be there once is refused when it comes twice: protobuf would merge the two, and ONNX Runtime see
    something else than what is checked here.

    Args:
        content: the message.
        kind: what it is.
        known: its fields that may be there.
        refused: what to say of some others, by kind and number.

    Raises:
        OnnxFileError: it is damaged, or has other fields.
    """
    found: dict[str, Any] = {}
    for number, wire, value in _wired(content):
        field = known.get(number)
        packed = field is not None and field.many and field.kind == "int" and wire == _BYTES
        if field is None or not (packed or wire == _WIRE[field.kind]):
            raise OnnxFileError(refused.get((kind, number), f"a {kind} in it has a field that exports do not have"))
        values = [_number(part) for part in _packed(value)] if packed else [_value(field, value)]
        if field.many:
            found.setdefault(field.name, []).extend(values)
        elif field.name in found:
            raise OnnxFileError(f"a {kind} in it has two of {field.name}")
        else:
            found[field.name] = values[0]
    return found


def _value(field: Field, value: Any) -> Any:
    match field.kind:
        case "int":
            return _number(value)
        case "float":
            return float(struct.unpack("<f", value)[0])
        case "text":
            return _text(value)
    return value


def _number(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def _text(value: memoryview) -> str:
    if len(value) > MAX_TEXT_BYTES:
        raise OnnxFileError(f"a name has {len(value):,} bytes")
    try:
        text = str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise OnnxFileError("a name is damaged") from error
    if not text.isprintable():  # messages quote names
        raise OnnxFileError("a name is damaged")
    return text


def _packed(message: memoryview) -> list[int]:
    at, found = 0, []
    while at < len(message):
        value, at = _varint(message, at)
        found.append(value)
    return few(found)


def _wired(message: memoryview) -> Iterator[tuple[int, int, Any]]:
    """The fields of a protobuf message: number, wire type and value."""
    at, end = 0, len(message)
    while at < end:
        key, at = (message[at], at + 1) if message[at] < 0x80 else _varint(message, at)
        wire = key & 7
        value: memoryview | int
        if wire == _VARINT:
            value, at = _varint(message, at)
        else:
            if wire == _BYTES:
                length, at = (message[at], at + 1) if at < end and message[at] < 0x80 else _varint(message, at)
            elif wire in (_FIXED64, _FIXED32):
                length = 8 if wire == _FIXED64 else 4
            else:
                raise OnnxFileError("a field is of no known kind")
            value, at = message[at : at + length], at + length
        if at > end or key < 8:
            raise OnnxFileError("it is cut off or damaged")
        yield key >> 3, wire, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A variable-length number and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise OnnxFileError("it is cut off")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise OnnxFileError("a number is damaged")
