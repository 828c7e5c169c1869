"""Folders and zip archives of pictures to a pack: decode, crop, drop duplicates, split, write.

The same input gives the same bytes: paths are sorted, the split follows from each picture's content, and nothing of
the day or the machine is recorded. The work lies in a hidden folder beside the pack (`shards.py`), where the same
command goes on after it was stopped, and the pack gets its name when it is whole.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from anime2real.atomic import made_folder
from anime2real.atomic_folder import move_into_place, remove_partial_folders
from anime2real.data.assemble import EmptyDomainError, Recipe, assemble
from anime2real.data.duplicates import NEAR
from anime2real.data.finished import note_finished, removing_finished, stopped_at
from anime2real.data.hair_masks import add_hair, need_scipy
from anime2real.data.labels import add_labels, read_table
from anime2real.data.members import Listing, Member, left_out_words, list_source
from anime2real.data.near_hashes import BITS
from anime2real.data.pack import Pack, PackError, PackOptionError
from anime2real.data.shards import Shards, cannot_write, decode_shard, in_bytes, preparing_folder
from anime2real.data.sources import Crop
from anime2real.data.workers import Workers, processes_here
from anime2real.domain import DOMAINS, Domain, other
from anime2real.locks import alone
from anime2real.progress import Progress, tell, told_when_stopped

MISTAKEN = 0.05
"""The share of a domain's faces that may look like the other's before it is told: the finder is not always right."""


@dataclass(frozen=True)
class PackSummary:
    """What became of the pictures.

    Attributes:
        folder: the pack.
        counts: pictures by domain and split.
        dropped: pictures left out, by reason.
        bad: a line for each that could not be read.
        unpaired: a line for each that should have been one of a pair, and has no partner.
        left_out: what in the sources was passed over, by kind, such as `.heic`.
        notes: lines of what the user should know beside.
    """

    folder: Path
    counts: dict[str, dict[str, int]]
    dropped: dict[str, int]
    bad: list[str] = field(default_factory=list)
    unpaired: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def prepare(
    anime: Sequence[Path],
    real: Sequence[Path],
    output: Path,
    *,
    size: int,
    crop: Crop = "face",
    test_share: float = 0.05,
    both: Sequence[Path] = (),
    layout: dict[str, Domain] | None = None,
    licence: str = "",
    rights: str = "",
    near: int = NEAR,
    hair: bool = False,
    labels: bool = False,
    labels_from: Path | None = None,
    processes: int | None = None,
    spread: Workers | None = None,
    failed: Callable[[Path, str], None] | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> PackSummary:
    """Make a pack.

    Args:
        anime, real: folders or zip archives of each domain. A `train/`, `test/` or `val/` inside decides the split.
        output: the pack's folder, made here.
        size: pixels a side.
        crop: `face` finds the largest face and lines it up with the template, the same for both domains; `tilted` does
            so without turning it upright; `centre` takes the centre square; `celeba` crops its aligned 178×218 (or
            halved) pictures to the face as FFHQ is framed; `auto` is `celeba` for exactly those sizes, else `centre`.
        test_share: share of the pictures without a split of their own that go to `test`.
        both: folders or archives that hold both domains, as `trainA/`, `testB/` or as `anime/`, `train/real/` …
        layout: what the names in `both` mean, such as {"A": "real", "B": "anime"}.
        licence: in a few words, what may be done with what is learned from the pictures, for the model cards.
        rights: why, in a sentence.
        near: bits of the 64-bit perceptual hash by which near-duplicates differ at most, before small copies of them
            are compared; 0 drops exact ones only.
        hair: find the hair too: masks of it and its colour, in both domains; wants `face` or `tilted`.
        labels: read sex and age off each face too; wants `face` or `tilted`.
        labels_from: a table of labels that are known already, see `labels.read_table`; it stands for `labels`, too.
        processes: to decode with, and threads to compare pictures with; all cores if not given. The pack is the same.
        spread: decodes and finds hair elsewhere, in place of `processes`.
        failed: told each picture that cannot be read or shows no face, and why.
        overwrite: replace a pack that is there, which stays until the new one is whole.
        quiet: no progress on stderr.

    Raises:
        PackError: nothing to read, `output` is there, there is too little room, or a domain ends up empty.
    """
    labels, reading = labels or labels_from is not None, spread or processes_here(processes, finishing=True)
    with removing_finished(preparing_folder(output), output):
        check_pack_options(output, size, crop, test_share, near, {"hair": hair, "labels": labels}, overwrite)
    if labels_from is not None:
        read_table(labels_from)  # refused now, not when the faces have been found
    given: list[tuple[Path, str]] = [
        (Path(p), d) for d, paths in zip((*DOMAINS, "both"), (anime, real, both), strict=True) for p in paths
    ]
    found = [
        list_source(p, None, layout or {}) if d == "both" else list_source(p, cast(Domain, d), None) for p, d in given
    ]
    members = _members(found, [d for _, d in given])
    left_out = sum((listing.left_out for listing in found), Counter[str]())
    recipe = Recipe(size, crop, test_share, near, licence, rights, given, dict(sorted(left_out.items())))
    try:
        with Progress(quiet=quiet) as progress, _alone(output):
            shards = Shards(output, members, [listing.stamp for listing in found], size, crop)
            with told_when_stopped(lambda: stopped_at(shards.folder, output, shards.told())):
                shards.begin_pack(json.dumps({**recipe.decides(), "hair": hair, "labels": labels}))
                _decode(shards, hair, output, progress, reading, quiet)
                if failed is not None:
                    for path, line in shards.failed():
                        failed(path, line)
                try:
                    assemble(shards, recipe, progress, processes)
                except EmptyDomainError:
                    shards.remove()
                    raise
                if hair and "hair" not in Pack(shards.pack).meta:
                    add_hair(shards.pack, processes=processes, spread=spread, progress=progress)
                if labels:
                    add_labels(shards.pack, table=labels_from, progress=progress)
                meta = Pack(shards.pack).meta
                note_finished(shards.folder, shards.pack)
                move_into_place(shards.pack, output)
                shards.remove()
    except OSError as error:
        raise PackError(cannot_write(preparing_folder(output), error)) from error
    notes = _mixed(meta["counts"], meta["unlike"])
    return PackSummary(output, meta["counts"], meta["dropped"], meta["bad"], left_out=meta["left_out"], notes=notes)


def _mixed(counts: Mapping[str, Mapping[str, int]], unlike: Mapping[str, int]) -> list[str]:
    """A line for each domain of which more pictures look like the other's than the face finder may mistake."""
    kinds = {"anime": "drawings", "real": "photographs"}
    notes = []
    for domain, count in unlike.items():
        total = sum(counts[domain].values())
        if count > MISTAKEN * total:
            of_other = kinds[other(cast(Domain, domain))]
            notes.append(f"{count:,} of {total:,} {kinds[domain]} look like {of_other}: check what --{domain} names")
    return notes


def _members(found: Sequence[Listing], domains: Sequence[str]) -> list[Member]:
    """The pictures of all sources in the order of the pack.

    Args:
        found: what each source holds.
        domains: of each source, or `both`.

    Raises:
        PackError: there is none of a domain.
    """
    members = [member for listing in found for member in listing.members]
    members.sort(key=lambda m: (m.domain, m.label, m.container.name))
    for domain in DOMAINS:
        if not any(m.domain == domain for m in members):
            of_domain = (listing.left_out for d, listing in zip(domains, found, strict=True) if d in (domain, "both"))
            passed = left_out_words(sum(of_domain, Counter[str]()))
            seen = f" ({passed})" if passed else ""
            raise PackError(f"no {domain} pictures found: name a folder or zip archive that holds some{seen}")
    return members


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Hold the pack's name against other processes, and tidy what one that was killed left of it."""
    refusal = PackError(f"{output} is being prepared by another process: wait for it, or name another folder")
    with made_folder(output.parent):
        remove_partial_folders(output)
        with alone(preparing_folder(output).with_suffix(".lock"), refusal):
            yield


def _decode(shards: Shards, hair: bool, output: Path, progress: Progress, spread: Workers, quiet: bool) -> None:
    """Decode the shards that are not done, after a look at the room that the pack will take."""
    undone = shards.undone()
    total = len(shards.members)
    done = total - sum(len(task[2]) for task in shards.tasks(undone))
    need, free = shards.need(undone, hair), shutil.disk_usage(shards.folder).free
    room = f"up to {in_bytes(need)} of the {in_bytes(free)} free at {output.absolute().parent}"
    if need > free:
        where = "make room, or name a folder on another disk"
        if not done:
            shards.remove()
        raise PackError(f"{output} may take {room}, which is too little: {where}")
    if not quiet:
        begun = f"; {done:,} of {total:,} pictures are done already" if done else ""
        tell(f"{total:,} pictures, {room}{begun}")
    for finished in spread(decode_shard, shards.tasks(undone), len(undone)):
        done += finished
        progress("reading pictures", done, total)


def check_pack_options(
    output: Path, size: int, crop: str, test_share: float, near: int, of_faces: Mapping[str, bool], overwrite: bool
) -> None:
    """Refuse what no pack can be made of; `of_faces` are the options that want lined-up faces.

    Raises:
        PackOptionError: a value is out of its range, or two do not go together.
        PackError: something is at `output`.
    """
    if not 16 <= size <= 1024 or size % 16:
        raise PackOptionError(f"the size must be a multiple of 16 from 16 to 1024, not {size}")
    if crop not in get_args(Crop):
        raise PackOptionError(f"no crop rule {crop!r}: there are {', '.join(get_args(Crop))}")
    for name, wanted in of_faces.items():
        if wanted and crop not in ("face", "tilted"):
            raise PackOptionError(f"--{name} wants lined-up faces: use the crop rule face or tilted, not {crop}")
    if of_faces.get("hair"):
        need_scipy()  # before the faces are found, which takes long
    if not 0 <= test_share < 1:
        raise PackOptionError(f"the test share must be at least 0 and below 1, not {test_share}")
    if not 0 <= near <= BITS:
        raise PackOptionError(f"--near goes from 0 to {BITS} bits, not {near}")
    if output.exists() and not output.is_dir():
        raise PackError(f"{output} is a file: name a folder for the pack")
    if output.exists() and any(output.iterdir()):
        if not (output / "meta.json").is_file():
            raise PackError(f"{output} is not empty and not a pack: name another folder")
        if not overwrite:
            raise PackError(f"{output} is already there: give --overwrite, or another folder")
