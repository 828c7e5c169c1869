"""The commands, as cyclopts reads them.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

from typing import Literal

from cyclopts import App, Parameter

from anime2real import __version__
from anime2real.cli.average import average
from anime2real.cli.enlarge import enlarge
from anime2real.cli.export import export
from anime2real.cli.extras import TRAIN
from anime2real.cli.options import Json, Output, Ray, Recursive, Redraw
from anime2real.cli.pack import pack
from anime2real.cli.pairs import pairs
from anime2real.cli.pictures import compare, evaluate, inspect, methods
from anime2real.cli.prepare import prepare
from anime2real.cli.serve import serve
from anime2real.cli.study import study
from anime2real.cli.terminal import DEBUG, DONE
from anime2real.cli.translate import translate
from anime2real.errors import UsageError

# `translate` is also read without cyclopts (`main.quick`), so its own module has not heard of it.
translate.__annotations__.update(output=Output, as_json=Json, recursive=Recursive, redraw=Redraw, ray=Ray)

app = App(
    name="anime2real",
    version=__version__,
    help="Turn drawn faces into photographs of people, and people into drawings.\n\n"
    f"{DEBUG}, anywhere in a command: the traceback of a fault of the program, or of what is behind an error.",
    help_format="markdown",
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
