"""The command `average`: one bundle whose weights are the mean of several bundles'."""

from typing import TYPE_CHECKING, Annotated

from anime2real.cli.extras import need_extra
from anime2real.cli.options import Many, Output
from anime2real.domain import Domain
from anime2real.errors import UsageError
from anime2real.progress import tell

if TYPE_CHECKING:  # imported when the command runs: `--help` answers at once
    from anime2real.bundle.format import Bundle


def average(
    bundles: list[str],
    /,
    *,
    output: Output,
    to: Domain | None = None,
    shares: Annotated[list[float] | None, Many] = None,
    part: list[str] | None = None,
) -> int:
    """Average the weights of bundles whose networks were trained on from the same ones. Needs the extra `train`.

    Args:
        bundles: installed methods (galatea) or bundles (galatea-anime-to-real), folders of bundles, or names on the Hub
            (hf://OWNER/NAME).
        output: the folder of the average; a bundle that is there is replaced. What its results are redrawn by is copied
            into it.
        to: take only bundles that translate to this domain; needed where all that is named goes both ways.
        shares: a number for each bundle, 0 or more; all count alike if not given.
        part: other shares for a part of the networks, as decoder=0,1; may be given more than once.
    """
    parts = _parts(part or [])
    need_extra("train", "averaging weights")
    from anime2real.bundle.registry import find_bundles
    from anime2real.image.decode import printable
    from anime2real.train.weight_averaging import redrawer_of, save_average

    chosen = _one_way([find_bundles(name) for name in bundles], to)
    back = redrawer_of(chosen, output)
    save_average(chosen, shares or [1.0] * len(chosen), output, parts, back=back)
    if back is not None:
        tell(printable(f"{output} is redrawn by a copy of {back.folder}, which it holds"))
    return 0


def _one_way(named: "list[list[Bundle]]", to: Domain | None) -> "list[Bundle]":
    """Of what each name stands for, what goes the one way that is asked for, or that all of them go."""
    ways = [{bundle.target for bundle in bundles} for bundles in named]
    common = {to} if to else set.intersection(*ways)
    if len(common) > 1:
        raise UsageError("the bundles go both ways: say with --to which way the average is to go")
    # Where there is none, the average itself says which of them differ.
    chosen = [bundle for bundles in named for bundle in bundles if not common or bundle.target in common]
    if to and not chosen:
        raise UsageError(f"none of the bundles goes to {to}")
    return chosen


def _parts(given: list[str]) -> dict[str, list[float]]:
    """Shares by part, out of PART=SHARE,SHARE…"""
    parts: dict[str, list[float]] = {}
    for text in given:
        name, equals, numbers = text.partition("=")
        if not name or not equals:
            raise UsageError(f"--part {text!r} must be a part and its shares, as decoder=0,1")
        if name in parts:
            raise UsageError(f"the shares of {name} are given once: leave one --part {name}=… out")
        try:
            parts[name] = [float(number) for number in numbers.split(",")]
        except ValueError as error:
            raise UsageError(f"--part {text!r} must have numbers for shares, as decoder=0,1") from error
    return parts
