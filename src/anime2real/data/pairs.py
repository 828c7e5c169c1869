"""Pictures of the same names to a pack of pairs: drawings or label maps, and the photographs that they belong to.

Both pictures of a pair get one crop, that of the face in the photograph (`pair_crops.py`), and one split. The pack is
as `prepare.py` makes it, with a key `pair` in its index.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.atomic_folder import atomic_folder
from anime2real.data.arrays import keep_rows, new_array
from anime2real.data.assemble import sum_of
from anime2real.data.duplicates import FEATURES, HASH, NEAR, distinct, thumbnail, thumbnails_alike
from anime2real.data.members import Member, Split, list_source
from anime2real.data.pack import FORMAT_VERSION, PackError, PackOptionError
from anime2real.data.pack_files import sums_of, write_index, write_meta
from anime2real.data.pair_crops import Pair, read_pair
from anime2real.data.prepare import PackSummary, check_pack_options
from anime2real.data.sources import Crop, Cropped, Rejected, index_entry, split_of
from anime2real.data.workers import in_order
from anime2real.domain import DOMAINS
from anime2real.image.decode import printable
from anime2real.image.label_map import MOST_CLASSES
from anime2real.progress import Progress, told_when_stopped

_CHUNK: Final = 16


@dataclass(frozen=True)
class _Recipe:
    size: int
    crop: Crop
    test_share: float
    near: int
    classes: tuple[str, ...]


def prepare_pairs(
    drawn: Path,
    real: Path,
    output: Path,
    *,
    size: int,
    crop: Crop = "face",
    classes: Sequence[str] = (),
    test_share: float = 0.05,
    licence: str = "",
    rights: str = "",
    near: int = NEAR,
    processes: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> PackSummary:
    """Make a pack of pairs.

    Args:
        drawn: a folder or zip archive of drawings or label maps; they are the pack's domain `anime`.
        real: the photographs, under the same folders and names; the suffixes may differ.
        output: the pack's folder, made here.
        size: pixels a side.
        crop: as in `prepare`; it is the photograph's, and the other picture gets the same.
        classes: what the values of label maps stand for, in the order of their numbers; () for drawings. Label maps
            are palette or grey PNGs, resampled by the nearest neighbour.
        test_share: share of the pairs that go to `test` unless the photograph's folder says which split it is of.
        licence, rights: as in `prepare`.
        near: as in `prepare`, of the photographs.
        processes: to decode with; all cores if not given.
        overwrite: replace a pack that is there.
        quiet: no progress on stderr.

    Raises:
        PackError: no names are the same, a name stands for two pictures, `output` is there, or no pair is left to
            train on.
    """
    check_pack_options(output, size, crop, test_share, near, {}, overwrite)
    if len(classes) > MOST_CLASSES or len(set(classes)) != len(classes) or len(classes) == 1:
        raise PackOptionError(f"--classes are 2 to {MOST_CLASSES} names, each once, not {len(classes)}")
    sources = [(Path(drawn), DOMAINS[0]), (Path(real), DOMAINS[1])]
    drawings, photographs = (list_source(path, domain, None) for path, domain in sources)
    pairs, unpaired = _paired(drawings.members, photographs.members)
    left_out = dict(sorted((drawings.left_out + photographs.left_out).items()))
    if not pairs:
        raise PackError(
            f"{drawn} and {real} have no name in common: a pair is 1.png in one and 1.png or 1.jpg in the other"
        )
    recipe = _Recipe(size, crop, test_share, near, tuple(classes))
    told = printable(f"{output}: nothing of it is kept, the same command begins anew")
    try:
        with told_when_stopped(lambda: told), Progress(quiet=quiet) as progress, atomic_folder(output) as partial:
            entries, members, meta = _build(pairs, partial, recipe, progress, processes)
            meta |= {
                "format_version": FORMAT_VERSION, "size": size, "crop": crop, "licence": licence, "rights": rights,
                "near": near, "near_hash": HASH, "unpaired": unpaired, "left_out": left_out,
                "sources": [
                    {"name": path.name, "domain": domain, "sha256": sum_of(path, *members)} for path, domain in sources
                ],
            }  # fmt: skip
            meta["dropped"] |= {"unpaired": len(unpaired), "not read": sum(left_out.values())}
            write_index(partial, entries)
            meta["sums"] = sums_of(partial)
            write_meta(partial, meta | ({"classes": list(classes)} if classes else {}))
    except OSError as error:
        raise PackError(f"{output} cannot be written ({error.strerror or error}): choose another place") from error
    return PackSummary(output, meta["counts"], meta["dropped"], meta["bad"], unpaired, left_out)


def _paired(drawn: list[Member], real: list[Member]) -> tuple[list[Pair], list[str]]:
    """The pairs, sorted by name, and a line for each picture without a partner."""
    drawings, photographs = _by_name(drawn), _by_name(real)
    pairs = [(drawings[name], photographs[name]) for name in sorted(drawings.keys() & photographs.keys())]
    alone = [m for name, m in [*drawings.items(), *photographs.items()] if (name in drawings) != (name in photographs)]
    return pairs, [f"{member.shown_as} has no partner" for member in alone]


def _by_name(members: list[Member]) -> dict[str, Member]:
    named: dict[str, Member] = {}
    for member in members:
        name = _name_of(member)
        if name in named:
            raise PackError(f"{named[name].shown_as} and {member.shown_as} have one name: rename or remove one of them")
        named[name] = member
    return named


def _name_of(member: Member) -> str:
    """What a picture of a pair is called in both sources: folders and name, without the suffix."""
    return PurePosixPath(member.label).with_suffix("").as_posix()


def _build(
    pairs: list[Pair], folder: Path, recipe: _Recipe, progress: Progress, processes: int | None
) -> tuple[list[dict[str, Any]], tuple[list[Member], list[str | None]], dict[str, Any]]:
    """Write images.npy; returns the index, all members with their sums, and what meta.json says of them."""
    path, count = folder / "images.npy", len(pairs)
    images = new_array(path, (2 * count, recipe.size, recipe.size, 3))  # all drawings, then all photographs
    crops, rejected = _fill(images, pairs, recipe, progress, processes)
    splits = {place: split_of(pairs[place][1], crops[place][1].sha256, recipe.test_share) for place in crops}
    kept, dropped = _distinct(crops, splits, images[count:], recipe.near)
    counts = {split: sum(splits[place] == split for place in kept) for split in ("train", "test")}
    if not counts["train"]:
        raise PackError(f"no pair is left to train on: {rejected[0].line if rejected else 'all went to test'}")
    del images
    keep_rows(path, np.array([side * count + place for side in range(2) for place in kept], np.int64))
    entries = [_entry(pairs[place][side], splits[place], crops[place][side]) for side in range(2) for place in kept]
    for reason in ("unreadable", "no face"):
        dropped[reason] = sum(r.reason == reason for r in rejected)
    members = [pair[side] for side in range(2) for pair in pairs]
    sums = [crops[place][side].sha256 if place in crops else None for side in range(2) for place in range(len(pairs))]
    meta = {
        "counts": {domain: dict(counts) for domain in DOMAINS},
        "dropped": dict(sorted(dropped.items())),
        "bad": [r.line for r in rejected if r.reason == "unreadable"],
    }
    return entries, (members, sums), meta


def _fill(
    images: NDArray[np.uint8], pairs: list[Pair], recipe: _Recipe, progress: Progress, processes: int | None
) -> tuple[dict[int, tuple[Cropped, Cropped]], list[Rejected]]:
    """Write the pairs' pixels; returns what else is known of those that are taken, by place, and the others."""
    crops: dict[int, tuple[Cropped, Cropped]] = {}
    rejected: list[Rejected] = []
    for place, result in enumerate(_read(pairs, recipe, processes)):
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            images[place], images[len(pairs) + place] = (side.pixels for side in result)
            first, second = (replace(side, pixels=np.empty(0, np.uint8)) for side in result)
            crops[place] = first, second
        progress("reading pairs", place + 1, len(pairs))
    return crops, rejected


def _entry(member: Member, split: Split, crop: Cropped) -> dict[str, Any]:
    """What the index says of a picture of a pair."""
    return index_entry(member, split, crop.sha256, crop.scale, crop.landmarks, crop.frame) | {"pair": _name_of(member)}


def _distinct(
    crops: dict[int, tuple[Cropped, Cropped]], splits: dict[int, Split], photographs: NDArray[np.uint8], near: int
) -> tuple[list[int], Counter[str]]:
    """The pairs whose photographs are no copies of others', those of the test split first; and how many were."""
    order = sorted(crops, key=lambda place: (splits[place] != "test", place))
    first = {crops[place][1].sha256: place for place in reversed(order)}
    unique = [place for place in order if first[crops[place][1].sha256] == place]
    hashes = np.array([crops[place][1].hash for place in unique], np.uint64)
    thumbnails = (
        np.stack([thumbnail(photographs[place]) for place in unique]) if unique else np.zeros((0, FEATURES), np.float32)
    )
    stays = distinct(hashes, near, thumbnails_alike(thumbnails))
    kept = sorted(place for place, stay in zip(unique, stays, strict=True) if stay)
    copies = {"exact duplicate": len(order) - len(unique), "near duplicate": len(unique) - len(kept)}
    return kept, Counter(copies)


def _read(pairs: list[Pair], recipe: _Recipe, processes: int | None) -> Iterator[tuple[Cropped, Cropped] | Rejected]:
    """Each pair decoded, in order."""
    chunks = range(0, len(pairs), _CHUNK)
    tasks = ((pairs[start : start + _CHUNK], recipe) for start in chunks)
    for results in in_order(_read_pairs, tasks, len(chunks), processes):
        yield from results


def _read_pairs(pairs: list[Pair], recipe: _Recipe) -> list[tuple[Cropped, Cropped] | Rejected]:
    return [read_pair(pair, recipe.size, recipe.crop, recipe.classes) for pair in pairs]
