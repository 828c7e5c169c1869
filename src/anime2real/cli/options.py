"""Options that several commands have."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from anime2real.errors import UsageError


def check_there(given: Path | Sequence[Path] | None) -> None:
    """Refuse with a UsageError what is not there; whether something is at an address, whoever fetches it will see."""
    for path in (given,) if isinstance(given, Path) else given or ():
        if not os.path.lexists(path) and not re.match("[A-Za-z][A-Za-z0-9+]+:/", path.as_posix()):
            raise UsageError(f"{path} is not there: check the name")


There: Final = Parameter(validator=lambda kind, given: check_there(given))
"""Of a file or folder that a command cannot do without: if it is not there, nothing is begun."""

Json = Annotated[bool, Parameter(name="--json")]
Output = Annotated[Path, Parameter(name=["--output", "-o"])]
Ray = Annotated[list[str] | None, Parameter(consume_multiple=True)]
"""[ADDRESS]; cyclopts knows options with several values, or none, but not with one or none."""
Many = Parameter(consume_multiple=True)
Recursive = Annotated[bool | None, Parameter(negative="--no-recursive")]
Redraw = Annotated[bool, Parameter(negative="--no-redraw")]
