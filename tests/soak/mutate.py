"""Whole files made into damaged and hostile ones, at random."""

import json
import random
import re
from collections.abc import Callable
from typing import Any, Final

Choose = random.Random

_NUMBERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1)
"""At the edges of what a field of a file can hold."""

WORDS: Final = (
    *("NaN", "Infinity", "-Infinity", "inf", "nan", "null", "true", "false", "[]", "{}", '""', "-1", "0", "2.5"),
    *("-0.0", "1e308", "1e999", "-1e-320", "9" * 30, "9" * 400, "9" * 5000, '"\\u0000"', '"\\ud800"', '"../../x"'),
    *("[" * 3000, "{" * 3000, '"' + "a" * 70000 + '"', "1979-05-27T07:32:00Z", "0x7fffffffffffffff", "[[1, [2]], {}]"),
)  # fmt: skip
"""What may stand in a text where something else should."""

_TOKEN: Final = re.compile(
    rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[A-Za-z_]+|[\[\]{}:,=]'
)


def damaged(content: bytes, choose: Choose, *, text: bool) -> bytes:
    """A file with some of its bytes or words changed, removed, doubled, cut off or moved."""
    for _ in range(1 + choose.randrange(3)):
        change = choose.choice(_OF_TEXT if text and choose.random() < 0.7 else _OF_BYTES)
        content = change(content, choose) or b"\0"
    return content


def _flip(content: bytes, choose: Choose) -> bytes:
    at = choose.randrange(len(content))
    return content[:at] + bytes((content[at] ^ (1 << choose.randrange(8)),)) + content[at + 1 :]


def _byte(content: bytes, choose: Choose) -> bytes:
    at = choose.randrange(len(content))
    return content[:at] + bytes((choose.randrange(256),)) + content[at + 1 :]


def _number(content: bytes, choose: Choose) -> bytes:
    width = choose.choice((1, 2, 4, 8))
    value = choose.choice(_NUMBERS) & (2 ** (8 * width) - 1)
    at = choose.randrange(len(content))
    return content[:at] + value.to_bytes(width, choose.choice(("little", "big"))) + content[at + width :]


def _remove(content: bytes, choose: Choose) -> bytes:
    at = choose.randrange(len(content))
    return content[:at] + content[at + choose.choice((1, 2, 8, 100, 5000)) :]


def _double(content: bytes, choose: Choose) -> bytes:
    at = choose.randrange(len(content))
    length = choose.choice((1, 4, 30, 500))
    return content[: at + length] + content[at : at + length] * choose.choice((1, 1, 50)) + content[at + length :]


def _move(content: bytes, choose: Choose) -> bytes:
    at, other, length = choose.randrange(len(content)), choose.randrange(len(content)), choose.choice((1, 4, 12, 200))
    return content[:at] + content[other : other + length] + content[at + length :]


def _cut(content: bytes, choose: Choose) -> bytes:
    return content[: choose.randrange(len(content))]


def _word(content: bytes, choose: Choose) -> bytes:
    found = list(_TOKEN.finditer(content))
    if not found:
        return _byte(content, choose)
    place = choose.choice(found)
    new = choose.choice(found).group() if choose.random() < 0.4 else choose.choice(WORDS).encode()
    return content[: place.start()] + new + content[place.end() :]


def _lines(content: bytes, choose: Choose) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at, other = choose.randrange(len(lines)), choose.randrange(len(lines))
    match choose.randrange(3):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case _:
            lines[at], lines[other] = lines[other], lines[at]
    return b"".join(lines)


_OF_BYTES: Final[tuple[Callable[[bytes, Choose], bytes], ...]] = (_flip, _byte, _number, _remove, _double, _move, _cut)
_OF_TEXT: Final[tuple[Callable[[bytes, Choose], bytes], ...]] = (_word, _word, _word, _lines)


def replaced(value: Any, path: int, new: Any) -> Any:
    """A tree of JSON with one of its values, or a key, replaced; `path` says which."""
    places: list[tuple[Any, Any]] = []
    tree = json.loads(json.dumps([value]))

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(tree)
    node, key = places[path % len(places)]
    if isinstance(node, dict) and path % 7 == 0:
        node[str(new)[:20]] = node.pop(key)
    else:
        node[key] = new
    return tree[0]
