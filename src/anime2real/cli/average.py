"""The command `average`: one bundle whose weights are the mean of several bundles'."""

from pathlib import Path
from typing import Annotated

from anime2real.cli.extras import need_extra
from anime2real.cli.options import Many, Output, There
from anime2real.errors import UsageError


def average(
    bundles: Annotated[list[Path], There],
    /,
    *,
    output: Output,
    shares: Annotated[list[float] | None, Many] = None,
    part: list[str] | None = None,
) -> int:
    """Average the weights of bundles whose networks were trained on from the same ones. Needs the extra `train`.

    Args:
        bundles: their folders.
        output: the folder of the average; a bundle that is there is replaced.
        shares: a number for each bundle, 0 or more; all count alike if not given.
        part: other shares for a part of the networks, as decoder=0,1; may be given more than once.
    """
    parts = _parts(part or [])
    need_extra("train", "averaging weights")
    from anime2real.bundle.format import read
    from anime2real.train.weight_averaging import save_average

    read_bundles = [read(folder) for folder in bundles]
    save_average(read_bundles, shares or [1.0] * len(read_bundles), output, parts)
    return 0


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
