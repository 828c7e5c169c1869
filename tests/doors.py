"""Every way in: the commands, the routes and the public functions, read off where the program keeps them.

So a new one without a bad file, or without bad usage, is a test that fails.
"""

import inspect
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import write_reference
from cyclopts import App, Parameter
from fastapi import FastAPI
from fastapi.routing import APIRoute

from anime2real.cli.app import app
from anime2real.cli.options import There

_MADE: Final = {
    *("translate.output", "compare.output", "evaluate.json_", "enlarge.output", "prepare.output", "pairs.output"),
    *("pairs.sheet", "pack archive.file", "pack restore.output", "export.output", "average.output", "study.output"),
    *("study.report", "study.csv"),
}  # fmt: skip
"""Arguments that name what is written; but `study.output` is read, too, once it is there."""

_NAMED: Final = {"pictures", "bundles", "bundle", "with_", "methods", "maps", "start_from"}
"""Arguments that are texts, and name files or folders, or may."""


class Input(typing.NamedTuple):
    """An argument of a command that names files or folders which it reads."""

    command: str
    name: str
    must_be_there: bool


def commands() -> dict[str, Callable[..., Any]]:
    """Every command that does something, by its words, such as `pack show`."""
    return dict(_leaves(app, ()))


def _leaves(group: App, words: tuple[str, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in group:
        if name.startswith("-"):
            continue
        inside, path = group[name], (*words, name)
        if any(not one.startswith("-") for one in inside):
            yield from _leaves(inside, path)
        else:
            assert inside.default_command is not None
            yield " ".join(path), inside.default_command


def inputs() -> list[Input]:
    """The arguments of all commands that name what is read."""
    return [
        Input(words, name, There in getattr(hint, "__metadata__", ()))
        for words, command in commands().items()
        for name, hint in _hints(command).items()
        if (_holds_path(hint) or name in _NAMED) and f"{words}.{name}" not in _MADE and name != "output"
    ]


def _hints(command: Callable[..., Any]) -> dict[str, Any]:
    signature = inspect.signature(command)
    hints = {name: one.annotation for name, one in signature.parameters.items()}
    if any(isinstance(hint, str) for hint in hints.values()):
        return typing.get_type_hints(command, include_extras=True)
    return hints


def _holds_path(hint: Any) -> bool:
    return hint is Path or any(_holds_path(part) for part in typing.get_args(hint) if not isinstance(part, Parameter))


def bound(line: str) -> tuple[str, dict[str, Any]]:
    """The command of a line, and what it gives for each argument; nothing runs, and nothing has to be there."""
    words, _, _ = app.parse_commands(line.split())
    with patch("anime2real.cli.options.os.path.lexists", return_value=True):
        _, arguments, _ = app.parse_args(line.split(), exit_on_error=False, print_error=False)
    return " ".join(words), dict(arguments.arguments)


def routes(application: FastAPI) -> list[tuple[str, str]]:
    """Method and path of each route of an application."""
    return [
        (method, route.path)
        for route in application.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


def functions() -> dict[str, Callable[..., Any]]:
    """What the reference says that others may call, by its short name: functions, classes, and their own methods."""
    found: dict[str, Callable[..., Any]] = {}
    for names in write_reference.NAMES.values():
        for dotted in names:
            short, what = dotted.rpartition(".")[2], write_reference.found(dotted)
            if not inspect.isclass(what):
                found[short] = what
                continue
            for name, _ in inspect.getmembers(what, callable):
                owner = next(kind for kind in what.__mro__ if name in vars(kind))
                if owner.__module__.startswith("anime2real") and (not name.startswith("_") or name == "__call__"):
                    found[f"{short}.{name}"] = getattr(what, name)
    return found
