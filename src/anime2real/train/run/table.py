"""config.toml read back: every key known, every value of its type and in its range, or one line that says which."""

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from anime2real.train.methods.options import CONFIGS
from anime2real.train.recipes import check_options
from anime2real.train.run.config import TrainConfig, TrainError, options_from

LARGEST = 2**53
"""Whole numbers beyond it are no counts of anything here."""


def config_from(table: Mapping[str, Any], path: Path) -> TrainConfig:
    """The training that a table describes.

    Args:
        table: of config.toml, as `TrainConfig.as_table` makes it.
        path: of the file, for errors.

    Raises:
        TrainError: a key is missing or not known, or a value is of another type or out of its range.
    """
    try:
        method = table.get("method")
        if not isinstance(method, str) or method not in CONFIGS:
            raise TrainError(f"method {_shown(method)} is none: they are {', '.join(CONFIGS)}")
        given = dict(table)
        options = _typed(dict[str, Any], given.pop("options", None), "options")
        known: TrainConfig = _of(TrainConfig, {**given, "options": None}, "")
        options = options_from(CONFIGS[method], _fields(CONFIGS[method], options, "options."))
        check_options(method, options)
        return replace(known, options=options)
    except TrainError as error:
        raise TrainError(f"{path} is damaged: {error}") from error


def _of(kind: type[Any], table: Any, prefix: str) -> Any:
    """A dataclass out of a table of its fields."""
    fields = _fields(kind, _typed(dict[str, Any], table, prefix.rstrip(".") or "it"), prefix)
    for field in dataclasses.fields(kind):
        if field.name not in fields and field.default is dataclasses.MISSING:
            raise TrainError(f"{prefix}{field.name} is missing")
    return kind(**fields)


def _fields(kind: type[Any], table: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The values of a table, each as the field of that name in `kind` has it."""
    hints = get_type_hints(kind)
    for name in table:
        if name not in hints:
            raise TrainError(f"{prefix}{name} is not known")
    return {name: _typed(hints[name], value, f"{prefix}{name}") for name, value in table.items()}


def _typed(kind: Any, value: Any, name: str) -> Any:
    """A value out of TOML as a field of that type has it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _of(kind, value, f"{name}.")  # type: ignore[arg-type]
    if origin is UnionType:
        return _typed(next(each for each in arguments if each is not type(None)), value, name)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(arguments[0], each, name) for each in value)
    if origin is Literal and value in arguments:
        return value
    if kind is float and _is_number(value):
        return float(value)
    if kind in (bool, int, str) and type(value) is kind and (kind is not int or abs(value) <= LARGEST):
        return value
    if origin is dict and isinstance(value, dict):
        return value
    wanted = f"one of {', '.join(arguments)}" if origin is Literal else f"of the type {getattr(kind, '__name__', kind)}"
    raise TrainError(f"{name} is {wanted}, not {_shown(value)}")


def _shown(value: Any) -> str:
    """The beginning of a value; Python writes no numbers of more than 4300 digits, and TOML has them, in base 16."""
    try:
        return repr(str(value)[:80])
    except ValueError:
        return "a number of more digits than can be written"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300  # false for NaN; a whole number may have any length
