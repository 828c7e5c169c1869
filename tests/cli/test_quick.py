"""Command lines are read alike with and without cyclopts."""

import inspect
import itertools
from functools import partial
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from anime2real.cli.app import app
from anime2real.cli.main import quick
from anime2real.cli.translate import translate

EACH = (
    "--to real", "--to auto", "--method galatea", "--bundle b", "--layout paste", "--crop none", "--face 2",
    "--format jpg", "--quality 80", "--background #fff", "--overwrite", "--skip-existing", "--recursive",
    "--no-recursive", "--redraw", "--no-redraw", "--variants 3", "--threads 02", "--json", "--who woman,30",
)  # fmt: skip


def by_cyclopts(line: list[str]) -> dict[str, object] | None:
    try:
        command, bound, _ = app.parse_args(line, exit_on_error=False, print_error=False)
    except CycloptsError:
        return None
    return dict(bound.arguments) if command is translate else None


def by_us(line: list[str]) -> dict[str, object] | None:
    call = quick(line)
    if call is None:
        return None
    assert isinstance(call, partial)
    return dict(inspect.signature(translate).bind(*call.args, **call.keywords).arguments)


def test_every_option_alone_and_with_each_other_is_read_as_cyclopts_does() -> None:
    lines = [["translate", "a.png", "-o", "out", *one.split()] for one in EACH]
    for one, two in itertools.pairwise(EACH):
        lines.append(["translate", *one.split(), "--output", "out", *two.split(), "a.png", "b c.png", "/dev/stdin"])
    for line in lines:
        told = by_us(line)
        if {"--no-recursive", "--recursive"} <= {*line} or {"--no-redraw", "--redraw"} <= {*line}:
            assert told is None
            continue
        assert told == by_cyclopts(line), line
    names = {name for line in lines for name in by_us(line) or {}}
    # A new option has to be tried here, too; --ray, which imports much, is left to cyclopts.
    assert names == set(inspect.signature(translate).parameters) - {"ray"}
    assert by_us(["translate", "a", "-o", "out"]) == {"pictures": ["a"], "output": Path("out")}


@pytest.mark.parametrize(
    "words",
    [
        "", "translate", "translate a", "translate -o out", "translate --help", "translate a -o out --help",
        "inspect a", "translate a -o out --to paris", "translate a -o out --quality 1.5",
        "translate a -o out --quality -1", "translate a -o out --quality ٣", "translate a -o out --as-json",
        "translate a -o out --no-overwrite", "translate a -o out --skip_existing", "translate a -oout",
        "translate a --output=out", "translate a -o out --to", "translate a -o out -o out",
        "translate a -o out -- -b", "translate a -o out --method --json", "translate a -o out -x",
        "translate a -o out b", "translate a -o out --ray", "translate a -o out --ray h:1",
        "translate a -o out --pictures b",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_cyclopts(words: str) -> None:
    assert quick(words.split()) is None
