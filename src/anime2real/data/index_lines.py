"""What the lines of an index say by numbers, as records.

Lines as `prepare` writes them are read some hundred at once; where one is otherwise, each alone, so that the line that
is wrong can be named.
"""

import json
import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.domain import DOMAINS

SPLITS: Final = ("train", "test")

WIDTHS: Final = {"scale": 1, "landmarks": 10, "frame": 6, "who": 2, "expression": 4, "weight": 1, "hair": 3}
"""Numbers of a picture in each column; NaN where its line has none."""

_EXACT: Final = ("scale", "weight")
"""Columns of doubles, which are compared with what a user gives; the others are single."""

RECORD: Final = np.dtype(
    [("start", "<u8"), ("source", "<i4"), ("domain", "i1"), ("split", "i1")]
    + [(name, "<f8" if name in _EXACT else "<f4", (width,)) for name, width in WIDTHS.items()]
)
"""Where a picture's line begins, what it says by numbers, and places in lists of names."""

_DOMAIN_PLACES: Final[dict[str, int]] = {name: place for place, name in enumerate(DOMAINS)}
_SPLIT_PLACES: Final = {name: place for place, name in enumerate(SPLITS)}

_JSON: Final = json.JSONDecoder()

_AT_ONCE: Final = 2**17
"""Bytes of lines that are read at once: few enough that what they become stays in the processor's cache."""

_REFUSED: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
"""What a line that is none of an index raises."""


@dataclass(frozen=True)
class Read:
    """What some lines say.

    Attributes:
        records: (L,), whose `source` are places in `names`.
        files: names and sums of the pictures, of which `files_sha256` is made.
        wrong: what is wrong with the line behind these, if one is.
    """

    records: NDArray[Any]
    names: list[str]
    files: bytes
    wrong: str = ""


def ranges(content: mmap.mmap | bytes, size: int) -> Iterator[tuple[int, int]]:
    """Where whole lines of `size` bytes, and what the last of them has more, begin and end."""
    start = 0
    while start < len(content):
        stop = content.find(b"\n", start + size) + 1 or len(content)
        yield start, stop
        start = stop


def read_lines(lines: bytes, start: int = 0) -> Read:
    """What whole lines say, whose first byte is the index's byte `start`."""
    blocks, names, files, wrong = [np.zeros(0, RECORD)], dict[str, int](), list[bytes](), ""
    for own_start, stop in ranges(lines, _AT_ONCE):
        piece = lines[own_start:stop]
        try:
            part = _all_at_once(piece)
        except _REFUSED:
            part = _line_by_line(piece)
        part.records["start"] += start + own_start
        places = [names.setdefault(name, len(names)) for name in part.names]
        part.records["source"] = np.array(places, np.int32)[part.records["source"]]
        blocks.append(part.records)
        files.append(part.files)
        if wrong := part.wrong:
            break
    return Read(np.concatenate(blocks), list(names), b"".join(files), wrong)


def _all_at_once(lines: bytes) -> Read:
    """What lines say that are as `prepare` writes them, in half of the time that they take one by one.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError: one is otherwise; it may be
            sound.
    """
    text, entries, at = lines.decode(), [], 0
    while at < len(text):
        entry, end = _JSON.raw_decode(text, at)
        entries.append(entry)
        at = end + 1
        if text[end:at] != "\n":
            raise ValueError("a line is no single object")
    block = np.zeros(len(entries), RECORD)
    ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1
    block["start"][1:] = ends[:-1]
    block["domain"] = [_DOMAIN_PLACES[entry["domain"]] for entry in entries]
    block["split"] = [_SPLIT_PLACES.get(entry["split"], -1) for entry in entries]
    files, names = [entry["file"] for entry in entries], dict[str, int]()
    block["source"] = [names.setdefault(file.split("/", 1)[0], len(names)) for file in files]
    for name, width in WIDTHS.items():
        values = [entry.get(name) for entry in entries]
        said = [value for value in values if value is not None]
        numbers = np.full((len(values), width), np.nan)
        if said:
            there = np.fromiter((value is not None for value in values), np.bool_, len(values))
            numbers[there] = _rows(said, width)
        with np.errstate(over="ignore"):
            block[name] = numbers.reshape(block[name].shape)
    told = "".join([f"{file}\0{entry.get('sha256')}\n" for file, entry in zip(files, entries, strict=True)])
    return Read(block, list(names), told.encode(errors="surrogatepass"))


def _rows(values: list[Any], width: int) -> NDArray[np.float64]:
    """Numbers, or lists of as many, or of lists of them, each: (L, width).

    Raises:
        ValueError, TypeError: they are otherwise.
    """
    count = len(values)
    for _ in range(2):
        if set(map(type, values)) == {list}:
            if len(set(map(len, values))) != 1:
                raise ValueError("lists of different lengths")
            values = list(chain.from_iterable(values))
    if not set(map(type, values)) <= {float, int}:
        raise TypeError("words where numbers should be")
    return np.array(values, np.float64).reshape(count, width)


def _line_by_line(lines: bytes) -> Read:
    """What lines say, as far as they are those of an index."""
    columns, names, files, wrong, start = _empty(), dict[str, int](), list[str](), "", 0
    while start < len(lines):
        end = lines.find(b"\n", start) + 1 or len(lines)
        try:
            files.append(_add(columns, names, lines[start:end]))
        except _REFUSED as error:
            wrong = _what(error)
            break
        columns["start"].append(start)
        start = end
    return Read(_block(columns), list(names), "".join(files).encode(errors="surrogatepass"), wrong)


def _add(columns: "dict[str, array[Any]]", names: dict[str, int], line: bytes) -> str:
    """Add a line's numbers to the columns; its picture's name and sum."""
    entry = json.loads(line)
    file = entry["file"]
    columns["domain"].append(DOMAINS.index(entry["domain"]))
    columns["split"].append(SPLITS.index(entry["split"]) if entry["split"] in SPLITS else -1)
    columns["source"].append(names.setdefault(file.split("/", 1)[0], len(names)))
    for name, width in WIDTHS.items():
        columns[name].extend(_numbers(entry.get(name), width))
    return f"{file}\0{entry.get('sha256')}\n"


def _empty() -> "dict[str, array[Any]]":
    kinds = {"start": "Q", "source": "i", "domain": "b", "split": "b"}
    return {name: array(kinds.get(name) or ("d" if name in _EXACT else "f")) for name in RECORD.names or ()}


def _block(columns: "dict[str, array[Any]]") -> NDArray[Any]:
    """Records of whole lines; of one that broke off, columns may be longer."""
    block = np.zeros(len(columns["start"]), RECORD)
    for name, column in columns.items():
        if len(block):
            block[name] = np.frombuffer(column, column.typecode)[: block[name].size].reshape(block[name].shape)
    return block


def _numbers(value: Any, width: int) -> Iterator[float]:
    """A number, or lists of them, one after the other; NaN where nothing is said."""
    rows = value if isinstance(value, list) else [value]
    flat = [number for row in rows for number in (row if isinstance(row, list) else [row])]
    if value is None:
        flat = [float("nan")] * width
    elif len(flat) != width:
        raise ValueError(f"{len(flat)} numbers where {width} should be")
    elif any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in flat):
        raise TypeError("words where numbers should be")
    return iter(flat)


def _what(error: Exception) -> str:
    return f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
