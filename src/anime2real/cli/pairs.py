"""The command `pairs`: drawings without partners to a pack of pairs, whose photographs translators make."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from anime2real.cli.options import Json, Output, There
from anime2real.cli.prepare import in_words, tell_left_out
from anime2real.errors import UserError


def pairs(
    sources: Annotated[list[Path], There],
    /,
    *,
    output: Output,
    with_: Annotated[list[str], Parameter(name="--with", consume_multiple=True)],
    size: int = 256,
    keep: float = 0.667,
    sheet: Path | None = None,
    processes: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    as_json: Json = False,
) -> int:
    """Make a pack of pairs of drawings alone: each with the best photograph that translators make of it.

    Each drawing goes through every bundle, mirrored too. Of its results the best is taken: one that shows a face,
    sharp, symmetric and the same both ways, of the drawing's sex, age, mouth and eyes. Drawings whose best result is
    poor are dropped. Whatever stops it, the same command goes on where it stopped.

    Args:
        sources: folders or zip archives of drawings.
        output: the pack's folder.
        with_: installed methods (galatea) or bundles (galatea-anime-to-real), folders of bundles, or names on the Hub
            (hf://OWNER/NAME); those that make photographs are used.
        size: pixels a side.
        keep: share of the drawings that stay.
        sheet: write a PNG that shows what was chosen and what was dropped; one that is there is replaced.
        processes: to work with; all cores if not given. The pack is the same.
        overwrite: replace an existing pack, which stays until the new one is whole.
        quiet: print no progress.
        as_json: print a line of JSON in place of words.
    """
    if find_spec("scipy") is None:
        raise UserError('pairs needs scipy, which measures results: pip install "anime2real[train]"')
    from anime2real.image.decode import printable
    from anime2real.measure.made_pairs import make_pairs

    summary = make_pairs(
        sources, with_, output, size=size, keep=keep, sheet=sheet, processes=processes, overwrite=overwrite,
        quiet=quiet,
    )  # fmt: skip
    tell_left_out(summary)
    facts = {"pack": str(summary.folder), "counts": summary.counts, "dropped": summary.dropped}
    print(json.dumps(facts) if as_json else printable(in_words(facts)))
    return 0
