"""The command line: it runs a command, and gives the exit code and the line for each kind of failure."""

import atexit
import contextlib
import gc
import io
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, NoReturn, get_args, get_origin, get_type_hints

from anime2real.cli.ending import Terminated, end_in_order
from anime2real.cli.terminal import (
    DEBUG,
    DONE,
    FAILED,
    INTERRUPTED,
    READER_GONE,
    SIGNALLED,
    STDIN,
    STDOUT,
    USAGE,
    complain,
)
from anime2real.cli.translate import translate
from anime2real.errors import UsageError, UserError

_ODD: Final = {"-o": "output", "--json": "as_json", "--no-recursive": "recursive", "--no-redraw": "redraw"}
"""Options that have another name than their argument; `--as-json` is none."""

STOPPED: Final = ("what is written stays; with --skip-existing the same command goes on",)
"""What an interruption of `translate` tells where the work itself tells nothing."""


def program() -> NoReturn:
    """Run the command line as the process that it is, and end that.

    Pictures end at once: what Python and ONNX Runtime do to give all memory back takes as long as finding two faces.
    So does a training in several processes: while the cores are busy, gloo's threads now and then abort one that Python
    takes down, and torchrun would call the training failed.
    """
    end_in_order()
    code = main()
    in_several = sys.argv[1:2] == ["train"] and os.environ.get("WORLD_SIZE", "1") != "1"
    if not in_several and (sys.argv[1:2] != ["translate"] or threading.active_count() > 1):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 done, 1 something failed, 2 bad usage, 130 interrupted, 141 nobody reads what we print, 128 and the number of
        a signal that asked to end.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in tokens
    tokens = [token for token in tokens if token != DEBUG]
    _open_streams()
    warnings.filterwarnings("ignore", module="PIL")  # of damaged files, about which an error or a note is enough
    for stream in (sys.stdout, sys.stderr):
        # Windows gives a redirected command an encoding with few letters: the others are printed as escapes.
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")
    try:
        _check_empty(tokens)
        tokens = [_named(token, before) for before, token in pairwise(("", *tokens))]
        result = _run(tokens)
        sys.stdout.flush()  # here, so that a reader that has gone is not taken for a failure
        return result if isinstance(result, int) else DONE
    except (BrokenPipeError, SystemExit):  # with the latter, the printer of help ends a program whose reader has gone
        _print_nowhere()
        return READER_GONE
    except (Exception, KeyboardInterrupt) as error:
        if debug and not isinstance(error, KeyboardInterrupt):
            _trace(error)
        return _complain(error, tokens)


def _run(tokens: list[str]) -> Any:
    """What a command returns. Cyclopts, whose import takes longer than finding a face, is left out where it can be."""
    if call := quick(tokens):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy takes 25 ms to start threads that nobody here needs
        gc.set_threshold(100_000)  # what is imported stays: looking through it again and again takes 15 ms
        return call()
    from anime2real.cli.app import app

    return app(tokens, exit_on_error=False, print_error=False, result_action="return_value")


def quick(tokens: list[str]) -> Callable[[], int] | None:
    """The call that a plain command line of `translate` asks for; None of any other.

    Help, mistakes and unusual spellings are left to cyclopts; `tests/cli/test_quick.py` holds both to the same answers.
    """
    if tokens[:1] != ["translate"]:
        return None
    hints = get_type_hints(translate)
    plain = hints.keys() - {"pictures", "as_json", "ray"}
    arguments = _ODD | {f"--{name}".replace("_", "-"): name for name in plain}
    left = iter(tokens[1:])
    given: dict[str, Any] = {}
    pictures: list[list[str]] = [[]]  # those between two options
    for token in left:
        if not token.startswith("-"):
            pictures[-1].append(token)
            continue
        name = arguments.get(token, "")
        value = None if name in given else _value(token, hints.get(name), left)
        if value is None:
            return None
        given[name] = value
        pictures.append([])
    named = [some for some in pictures if some]
    if len(named) != 1 or "" in named[0] or "output" not in given:
        return None
    return partial(translate, named[0], **given)


def _value(token: str, hint: Any, left: Iterator[str]) -> Any:
    """The value of an option, whose text is taken from what is left; None if it is not plain, or there is no hint."""
    kinds = _kinds(hint)
    if bool in kinds:
        return not token.startswith("--no-")
    text = next(left, "")
    if not text or text.startswith("-"):
        return None
    if int in kinds:
        return int(text) if text.isascii() and text.isdecimal() else None
    if Path in kinds:
        return Path(text)
    return text if str in kinds or text in kinds else None


def _kinds(hint: Any) -> set[Any]:
    """The types and the words that a hint allows."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return {kind for part in get_args(hint) for kind in _kinds(part)} if get_args(hint) else {hint} - {NoneType, None}


def _trace(error: BaseException) -> None:
    """Print where a fault of the program lies, or what is behind a user's error, which one line tells itself."""
    from cyclopts import CycloptsError

    is_told = isinstance(error, (UserError, CycloptsError))
    behind = error.__cause__ if is_told else error
    if behind is not None:
        traceback.print_exception(behind)


def _complain(error: BaseException, tokens: list[str]) -> int:
    """Say in one line what ended a command; returns the exit code."""
    if isinstance(error, KeyboardInterrupt):  # before anything else is imported: it may have come amid that
        kept = error.args or (STOPPED if tokens[:1] == ["translate"] and STDOUT not in tokens else ())
        complain(": ".join(("terminated" if isinstance(error, Terminated) else "interrupted", *map(str, kept))))
        return SIGNALLED + error.number if isinstance(error, Terminated) else INTERRUPTED
    from cyclopts import CycloptsError, MissingArgumentError

    from anime2real.cli.app import app

    match error:
        case CycloptsError():
            said, command = str(error), " ".join(error.command_chain or ())
            if isinstance(error, MissingArgumentError) and error.keyword is None and error.argument is not None:
                said = f"{command}: {error.argument.name} is missing"
            if file := next((token for token in tokens if token.startswith("-") and os.path.lexists(token)), None):
                said += f" The file is ./{file}."
            complain(f"{said} ({' '.join(filter(None, ('anime2real', command, '--help')))})")
            return USAGE
        case UsageError():
            command = " ".join(("anime2real", *app.parse_commands(tokens)[0]))
            complain(f"{error} ({command} --help)" if error.names_help else str(error))
            return USAGE
        case UserError():
            complain(str(error))
        case OSError(strerror=str(), filename=str() | bytes() as path):  # a full disk, missing rights
            complain(f"{os.fsdecode(path)}: {error.strerror}")
        case FileNotFoundError(strerror=str()):  # of `os.getcwd`, which names none
            complain("the folder that this was started in is gone: change to one that is there")
        case OSError(strerror=str()):  # what writes to files names them
            complain(f"standard input or output: {error.strerror}")
        case MemoryError():
            complain("there is not enough memory")
        case _:
            complain(f"{type(error).__name__}: {error} (a fault of the program: {DEBUG} says where)")
    return FAILED


def _check_empty(tokens: list[str]) -> None:
    """Refuse an argument without a letter, as an unset variable of a shell gives it: '' would name this folder."""
    for before, token in pairwise(("anime2real", *tokens)):
        name, _, value = token.partition("=")
        if not token or (name.startswith("--") and token.endswith("=") and not value):
            raise UsageError(f"the argument after {before} is empty" if not token else f"{name} is empty")


def _named(token: str, before: str) -> str:
    """A token of the command line, with a name for -, which would be taken for an option."""
    if token != "-":
        return token
    return STDOUT if before in ("-o", "--output") else STDIN


def _open_streams() -> None:
    """Let streams that were closed, as by `2>&-`, lead nowhere: a picture's file would get their number and text."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115


def _print_nowhere() -> None:
    """What is still buffered goes nowhere, without a word."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
