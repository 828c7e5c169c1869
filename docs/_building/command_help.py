"""The directive `command-help`: what `anime2real COMMAND --help` prints when the site is built."""

import contextlib
import io
import os
from typing import Any
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from anime2real.cli import main as cli
from anime2real.train.methods import METHODS

WIDTH = 100


def commands() -> list[list[str]]:
    """All commands, as they are typed; `train` once more for each method."""
    names = [name for name in cli.app if not name.startswith("-")]
    assert "train" in names
    return [[name] for name in names] + [["train", method] for method in METHODS]


def help_of(command: list[str]) -> str:
    """What the program prints.

    Raises:
        RuntimeError: it refuses.
    """
    printed = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH)}), contextlib.redirect_stdout(printed):
        code = cli.main([*command, "--help"])
    if code:
        raise RuntimeError(f"anime2real {' '.join(command)} --help exits with {code}")
    return "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").splitlines())


class CommandHelp(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        sections: list[nodes.Node] = []
        for command in sorted(commands()):
            title = " ".join(command)
            section = nodes.section(ids=[nodes.make_id(title)], names=[title])
            section += nodes.title(title, title)
            text = help_of(command)
            section += nodes.literal_block(text, text, language="text")
            sections.append(section)
        return sections


def setup(app: Sphinx) -> dict[str, Any]:
    """Offer the directive to the pages."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
