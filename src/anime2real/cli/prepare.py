"""The command `prepare`: pictures to a pack to train on."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from anime2real.cli.cluster import cluster, table_of_failures
from anime2real.cli.options import Json, Many, Output, Ray, There
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UsageError
from anime2real.progress import tell

if TYPE_CHECKING:  # imported when the command runs: `--help` answers at once
    from anime2real.data.prepare import PackSummary

SHOWN: Final = 5
"""Pictures without a partner that are told by name; meta.json has them all."""


def prepare(
    *,
    output: Output,
    size: int,
    anime: Annotated[list[Path] | None, Many, There] = None,
    real: Annotated[list[Path] | None, Many, There] = None,
    both: Annotated[list[Path] | None, Many, There] = None,
    layout: Annotated[list[str] | None, Many] = None,
    pairs: Annotated[tuple[Path, Path] | None, There] = None,
    classes: Annotated[list[str] | None, Many] = None,
    crop: Literal["face", "tilted", "auto", "centre", "celeba"] = "face",
    test_share: float = 0.05,
    licence: str = "",
    rights: str = "",
    near: int = 8,
    hair: bool = False,
    labels: bool = False,
    labels_from: Annotated[Path | None, There] = None,
    processes: int | None = None,
    ray: Ray = None,
    overwrite: bool = False,
    quiet: bool = False,
    as_json: Json = False,
) -> int:
    """Make a pack to train on, from folders or zip archives of pictures. Bad files are listed and left out.

    Whatever stops it, the same command goes on where it stopped (with --pairs, it begins anew). The work lies in a
    hidden folder beside the pack. Ctrl-C waits for the pictures in work, and says so; another one ends at once.

    Args:
        output: the pack's folder.
        size: pixels a side.
        anime: folders or archives of drawings.
        real: folders or archives of photographs.
        both: folders or archives that hold both domains, as trainA, trainB, testA … or a folder for each domain.
        layout: which domain each name in `both` means, as A=real B=anime.
        pairs: folders or archives of the same names: drawings or label maps, and the photographs that they belong to.
            Both get the crop of the photograph's face.
        classes: for pairs: the drawings are label maps, palette or grey PNGs whose values 0, 1, 2 … stand for these.
        crop: face finds the face and turns it upright; tilted keeps its tilt; centre takes the centre square; celeba
            crops CelebA's aligned pictures to the face; auto is celeba for pictures of CelebA's sizes, else centre.
        test_share: share of the pictures kept for testing, unless their folders name a test set.
        licence: in a few words, what may be done with what is learned from the pictures, for the model cards.
        rights: why, in a sentence.
        near: near-duplicates' hashes (pHash) differ by at most this many bits of 64; 0 drops exact copies only.
        hair: find the hair too, which galatea's --hair-recolouring and --hair-weight need.
        labels: read sex and age off each face too, which galatea's preset people needs.
        labels_from: a CSV table with the columns archive, member, sex and age of those that are known; the other faces
            are read.
        processes: to read pictures and find hair with; all cores if not given. The pack is the same.
        ray: read pictures and find hair on a Ray cluster, with the extra `ray`: the one at HOST:PORT, or, if no address
            is given, the one of this machine. Pictures that fail are listed in OUTPUT.failed.csv.
        overwrite: replace an existing pack, which stays until the new one is whole.
        quiet: print no progress.
        as_json: print a line of JSON in place of words.
    """
    from anime2real.data.pairs import prepare_pairs
    from anime2real.data.prepare import prepare as make
    from anime2real.image.decode import printable

    common: dict[str, Any] = {
        "size": size, "crop": crop, "test_share": test_share, "licence": licence, "rights": rights, "near": near,
        "processes": processes, "overwrite": overwrite, "quiet": quiet,
    }  # fmt: skip
    if ray is not None and (pairs is not None or processes is not None):
        raise UsageError(f"--ray goes without {'--pairs' if pairs else '--processes'}: leave one of them out")
    if pairs is not None:
        if anime or real or both or layout or hair or labels or labels_from:
            raise UsageError("--pairs goes without the other sources, --hair and --labels: leave them out")
        summary = prepare_pairs(*pairs, output, classes=classes or (), **common)
    elif classes:
        raise UsageError("--classes are those of label maps, which --pairs takes: give it too")
    else:
        meanings = _meanings(layout or [])
        if not (both or (anime and real)):
            raise UsageError("a pack holds both domains: give --anime and --real, or --both, or --pairs")
        make_it = partial(
            make, anime or [], real or [], output, both=both or [], layout=meanings, hair=hair, labels=labels,
            labels_from=labels_from, **common,
        )  # fmt: skip
        if ray is None:
            summary = make_it()
        else:
            with cluster(ray) as spread, table_of_failures(output) as failed:
                summary = make_it(spread=spread, failed=failed)
    tell_left_out(summary)
    facts = {"pack": str(summary.folder), "counts": summary.counts, "dropped": summary.dropped}
    print(json.dumps(facts) if as_json else printable(in_words(facts)))
    return 0


def tell_left_out(summary: "PackSummary") -> None:
    """Say on stderr which pictures are not in the pack, and why."""
    from anime2real.data.members import left_out_words

    for line in summary.bad:
        tell(f"skipped: {line}")
    for line in summary.unpaired[:SHOWN]:
        tell(f"skipped: {line}")
    if len(summary.unpaired) > SHOWN:
        more = len(summary.unpaired) - SHOWN
        tell(f"skipped: {more} more without a partner, see meta.json")
    if summary.left_out:
        tell(left_out_words(summary.left_out))
    for note in summary.notes:
        tell(f"note: {note}")


def in_words(facts: dict[str, Any]) -> str:
    """A line that sums up a pack."""
    kinds = {"anime": "drawings", "real": "photographs"}
    kept = [
        f"{counts.get('train', 0):,} {kinds[domain]} to train on and {counts.get('test', 0):,} to test on"
        for domain, counts in facts["counts"].items()
    ]
    return f"{facts['pack']}: {', '.join(kept)}{dropped_in_words(facts['dropped'])}"


def dropped_in_words(dropped: Mapping[str, int]) -> str:
    """The end of a line that says how many pictures were left out, by reason."""
    words = [f"{count:,} {reason}" for reason, count in dropped.items() if count]
    return f"; left out: {', '.join(words)}" if words else ""


def _meanings(pairs: list[str]) -> dict[str, Domain] | None:
    meanings: dict[str, Domain] = {}
    for pair in pairs:
        name, _, domain = pair.partition("=")
        if not name or domain not in DOMAINS:
            raise UsageError(f"--layout {pair!r} must be a name and a domain, as A=real")
        meanings[name] = domain
    return meanings or None
