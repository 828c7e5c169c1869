"""Writes the reference pages, docs/commands.md and docs/api.md, from the program's help and its docstrings.

    python scripts/write_reference.py

The pages are committed, so that they can be read without building anything; tests/test_reference.py fails when they are
not what this script would write.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

DOCS: Final = Path(__file__).parents[1] / "docs"
WIDTH: Final = 118
NOTE: Final = "<!-- Written by scripts/write_reference.py: change the help or the docstrings, then run it again. -->"
SECTIONS: Final = ("Args", "Attributes", "Returns", "Yields", "Raises")
EXIT_CODES: Final = """\
## Exit codes

| code | what |
|---|---|
| 0 | all of it was done |
| 1 | something failed that the command worked on: a picture, a file, a training; the rest was done |
| 2 | the command cannot be meant as it stands; nothing was done |
| 130 | you pressed Ctrl-C; the same command goes on, `translate` with `--skip-existing` |
| 141 | nobody reads what is printed any more |
| 143, 129 | it was sent SIGTERM, or its terminal was closed (SIGHUP): it ended in order, as by Ctrl-C |

2 is for what the command line itself says: an option that is unknown, missing, outside its range or at odds with
another; an empty argument; a method, a bundle, a pack, a run or a source that is not there; the name of a result that
no result can have. What is there but damaged, full or closed is 1, and so is a picture that is not there, since the
others are translated all the same.
"""
"""What the exit code says; tests/cli/test_usage.py and tests/test_bad_files.py hold every command to it."""

NAMES: Final = {
    "Translate": (
        "anime2real.Translator",
        "anime2real.translate_picture",
        "anime2real.Translated",
        "anime2real.network.Network",
    ),
    "Bundles": (
        "anime2real.Bundle",
        "anime2real.bundle.save.load",
        "anime2real.bundle.format.read",
        "anime2real.bundle.save.save",
        "anime2real.shipped",
        "anime2real.bundle.registry.find",
    ),
    "Faces": (
        "anime2real.find_faces",
        "anime2real.Face",
        "anime2real.face.geometry.align",
        "anime2real.face.paste_square.paste",
    ),
    "Pictures and their marks": (
        "anime2real.decode",
        "anime2real.Decoded",
        "anime2real.Limits",
        "anime2real.image.files.encode",
        "anime2real.write",
        "anime2real.image.provenance.read_marks",
    ),
    "Errors": ("anime2real.UserError", "anime2real.NoFaceError"),
}
"""What others may build on, by heading."""


# --- commands ------------------------------------------------------------------------------------------------------


def bullets(section: str) -> list[str]:
    """The bullet points of a section of help, each on one line."""
    joined = re.sub(r"\n {4,}", " ", section)
    return [line for line in joined.splitlines() if line.startswith("* ")]


def tidy(help_page: str) -> str:
    """Help as cyclopts writes it in Markdown, its lines broken at our width and its headings one word longer."""
    lines = []
    for line in re.sub(r"\n {4,}", " ", help_page).splitlines():
        bullet = line.startswith(("* ", "- "))
        lines += textwrap.wrap(
            line,
            WIDTH,
            subsequent_indent="  " if bullet else "",
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def commands() -> str:
    """The page of commands; what all methods' trainings take stands once."""
    with patch.object(sys, "argv", ["anime2real"]):  # else usage names whatever runs this, as `python -m pytest`
        return _commands()


def _commands() -> str:
    from anime2real.cli.app import app

    training: Any = import_module("anime2real.cli.train").app
    page = app.generate_docs(recursive=True, heading_level=1)
    page = page[page.index("## anime2real translate") :].replace("## anime2real ", "## ")
    methods = {
        name: training[name].generate_docs(heading_level=3, usage_name=f"anime2real train {name}")
        for name in training
        if not name.startswith("-")
    }
    common = [
        line for line in bullets(next(iter(methods.values()))) if all(line in bullets(m) for m in methods.values())
    ]
    told = ["### What every method takes", "", *common]
    for name, text in methods.items():
        own = [line for line in bullets(text) if line not in common]
        told += ["", f"### train {name}", "", *own]
    before, heading, after = page.partition("## train\n")
    after = heading + after
    end = after.find("\n## ", 1)
    end = len(after) if end < 0 else end
    own_words = after[: after.index("\n### ")]  # each method's options follow in another order
    page = before + own_words + "\n" + "\n".join(told) + "\n" + after[end:]
    page = re.sub(r" \*\[default: (False|\(\))\]\*", "", page)
    return f"{NOTE}\n\n# Commands\n\nWhat `anime2real COMMAND --help` prints.\n\n{EXIT_CODES}\n{tidy(page)}"


# --- Python --------------------------------------------------------------------------------------------------------


def found(name: str) -> Any:
    """What a dotted name stands for."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def signature(thing: Callable[..., Any], name: str) -> str:
    """The call as its source declares it, broken where it is long."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    arguments = tree.args
    for group in (arguments.posonlyargs, arguments.args):
        if group and group[0].arg in ("self", "cls"):
            group.pop(0)
    returned = f" -> {ast.unparse(tree.returns)}" if tree.returns else ""
    line = f"{name}({ast.unparse(arguments)}){returned}"
    if len(line) <= 100:
        return line
    words = ast.unparse(arguments).split(", ")
    merged: list[str] = []
    for word in words:  # a comma inside brackets ends no argument
        if merged and len(re.findall(r"[\[(]", merged[-1])) > len(re.findall(r"[\])]", merged[-1])):
            merged[-1] += ", " + word
        else:
            merged.append(word)
    return f"{name}(\n" + "".join(f"    {word},\n" for word in merged) + f"){returned}"


def prose(docstring: str | None) -> Iterator[str]:
    """A docstring as Markdown: its sections become lists."""
    inside = False
    entry: list[str] = []

    def ended() -> Iterator[str]:
        if entry:
            name, colon, rest = " ".join(entry).partition(": ")
            text = f"- `{name}`: {rest}" if colon and re.fullmatch(r"[\w, *.]+", name) else "- " + " ".join(entry)
            yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False)
            entry.clear()

    for line in inspect.cleandoc(docstring or "").splitlines():
        if line.rstrip(":") in SECTIONS and line.endswith(":"):
            yield from ended()
            yield f"{line}\n"
            inside = True
        elif inside and line.startswith("    "):
            if not line.startswith("     "):
                yield from ended()
            entry.append(line.strip())
        else:
            yield from ended()
            inside = inside and not line.strip()
            yield line
    yield from ended()


def members(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public methods that a class defines itself, as they are called."""
    for name, member in vars(kind).items():
        function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if inspect.isfunction(function) and function.__doc__ and (not name.startswith("_") or name == "__call__"):
            yield name, function


def described(name: str) -> Iterator[str]:
    """The section of one name."""
    thing = found(name)
    short = name.rpartition(".")[2]
    yield f"### `{short}`\n"
    yield f"`from {name.rpartition('.')[0]} import {short}`\n"
    if inspect.isclass(thing):
        yield from prose(thing.__doc__)
        for method, function in members(thing):
            call = short.lower() if method == "__call__" else f"{short}.{method}"
            yield f"\n#### `{short}.{method}`\n\n```python\n{signature(function, call)}\n```\n"
            yield from prose(function.__doc__)
    else:
        yield f"```python\n{signature(thing, short)}\n```\n"
        yield from prose(thing.__doc__)
    yield ""


def api() -> str:
    """The page of Python."""
    lines = [NOTE, "", "# Python", ""]
    lines += [
        "None of this needs torch. What is wrong with something that a user gave is a `UserError`, in one line.",
        "",
    ]
    for heading, names in NAMES.items():
        lines += [f"## {heading}", ""]
        for name in names:
            lines += described(name)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


PAGES: Final = {"commands.md": commands, "api.md": api}


def main() -> None:
    """Write them."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8", newline="\n")
        print(DOCS / name)


if __name__ == "__main__":
    main()
