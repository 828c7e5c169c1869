"""The command line: its commands, and the exit code and the line for each kind of failure.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

import contextlib
import io
import os
import sys
import traceback
import warnings
from itertools import pairwise
from typing import Final, Literal

from cyclopts import App, CycloptsError, Parameter

from anime2real import __version__
from anime2real.cli.average import average
from anime2real.cli.enlarge import enlarge
from anime2real.cli.export import export
from anime2real.cli.extras import TRAIN
from anime2real.cli.pack import pack
from anime2real.cli.pairs import pairs
from anime2real.cli.pictures import compare, evaluate, inspect, methods
from anime2real.cli.prepare import prepare
from anime2real.cli.serve import serve
from anime2real.cli.study import study
from anime2real.cli.terminal import DONE, FAILED, INTERRUPTED, READER_GONE, STDIN, STDOUT, USAGE, complain
from anime2real.cli.translate import translate
from anime2real.errors import UsageError, UserError

DEBUG: Final = "--debug"

app = App(
    name="anime2real",
    version=__version__,
    help="Turn drawn faces into photographs of people, and people into drawings.\n\n"
    f"{DEBUG}, anywhere in a command: the traceback of a fault of the program, or of what is behind an error.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
for command in (
    translate, methods, inspect, compare, evaluate, enlarge, prepare, pairs, pack, export, average, serve, study,
):  # fmt: skip
    app.command(command)
app.command("anime2real.cli.train:app", name="train", help=TRAIN)  # imported when called: its options take time to make


@app.command
def help(*command: str) -> int:
    """Print the help of a command, or this page.

    Args:
        command: such as translate, or pack show.
    """
    _, _, unknown = app.parse_commands(command)
    if unknown:
        raise UsageError(f"there is no command {' '.join(command)!r}")
    app.help_print(command)
    return DONE


@app.command
def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what lets a shell complete commands and options; docs/translate.md says where it goes.

    Args:
        shell: bash, zsh or fish.
    """
    print(app.generate_completion(shell=shell))
    return DONE


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 done, 1 something failed, 2 bad usage, 130 interrupted, 141 nobody reads what we print.
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
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()  # here, so that a reader that has gone is not taken for a failure
        return result if isinstance(result, int) else DONE
    except (BrokenPipeError, SystemExit):  # with the latter, the printer of help ends a program whose reader has gone
        _print_nowhere()
        return READER_GONE
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            _trace(error)
        return _complain(error, tokens)


def _trace(error: BaseException) -> None:
    """Print where a fault of the program lies, or what is behind a user's error, which one line tells itself."""
    is_told = isinstance(error, (UserError, CycloptsError, KeyboardInterrupt))
    behind = error.__cause__ if is_told else error
    if behind is not None:
        traceback.print_exception(behind)


def _complain(error: BaseException, tokens: list[str]) -> int:
    """Say in one line what ended a command; returns the exit code."""
    match error:
        case CycloptsError():
            complain(f"{error} ({' '.join(('anime2real', *(error.command_chain or ()), '--help'))})")
            return USAGE
        case UsageError():
            command = " ".join(("anime2real", *app.parse_commands(tokens)[0]))
            complain(f"{error} ({command} --help)" if error.names_help else str(error))
            return USAGE
        case UserError():
            complain(str(error))
        case KeyboardInterrupt():
            complain("interrupted")
            return INTERRUPTED
        case OSError(strerror=str(), filename=str() | bytes() as path):  # a full disk, missing rights
            complain(f"{os.fsdecode(path)}: {error.strerror}")
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
