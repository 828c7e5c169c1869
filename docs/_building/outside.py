"""Links that lead out of docs/, to files of the repository that the site does not hold: their path in their place."""

import re
from posixpath import normpath
from typing import Any

from sphinx.application import Sphinx

LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)\s]+)\)")


def as_text(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace them in a page as it is read."""
    del app, docname
    source[0] = LINK.sub(lambda found: f"{found[1]} (`{normpath('docs/' + found[2])}`)", source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Read pages so."""
    app.connect("source-read", as_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
