"""Drawings without partners to a pack of pairs: each with the best of the photographs that translators make of it.

The pack is as `prepare --pairs` makes it, and meta.json says what made its photographs. The same drawings and bundles
give the same bytes, however many processes work. The work lies in a hidden folder beside the pack, by shards of 16
drawings, where the same command goes on after it was stopped.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anime2real.atomic import made_folder
from anime2real.atomic_folder import atomic_folder
from anime2real.bundle.format import Bundle
from anime2real.bundle.redrawer import networks_sum, redrawer, version_of
from anime2real.bundle.registry import find_bundles
from anime2real.data.arrays import new_array
from anime2real.data.assemble import sum_of
from anime2real.data.duplicates import NEAR, distinct, thumbnails_alike
from anime2real.data.finished import note_finished, removing_finished, stopped_at
from anime2real.data.members import Listing, Member, left_out_words, list_source
from anime2real.data.pack import FORMAT_VERSION, PackError, PackOptionError
from anime2real.data.pack_files import sums_of, write_index, write_meta
from anime2real.data.prepare import PackSummary, check_pack_options
from anime2real.data.shards import cannot_write
from anime2real.data.sources import index_entry, split_of
from anime2real.domain import DOMAINS
from anime2real.image.files import write
from anime2real.locks import alone
from anime2real.measure.candidates import pack_share
from anime2real.measure.choice import MARKS, Measurements, choose, marks, scores
from anime2real.measure.choice_sheet import choice_sheet
from anime2real.measure.distances import Vectors
from anime2real.measure.foreign import foreign_detector
from anime2real.measure.pairing_work import SEEN, Drawings, Work, pairing_folder, read_all
from anime2real.progress import Progress, told_when_stopped

TEST_SHARE: Final = 0.05


def make_pairs(
    sources: Sequence[Path],
    names: Sequence[str],
    output: Path,
    *,
    size: int,
    keep: float,
    sheet: Path | None = None,
    processes: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> PackSummary:
    """Make a pack of drawings and of photographs that bundles make of them.

    Args:
        sources: folders or zip archives of drawings; a `train/`, `test/` or `val/` inside decides the split, else their
            content does: 5 % go to `test`.
        names: what the bundles are called, as `find_bundles` takes it; those that make photographs are used.
        output: the pack's folder, made here.
        size: S, pixels a side.
        keep: share of the drawings that stay: those whose best results score highest (`choice.py`).
        sheet: a PNG that shows what was chosen and what was dropped; one that is there is replaced.
        processes: to work with; all cores if not given. The pack is the same.
        overwrite: replace a pack that is there, which stays until the new one is whole.
        quiet: no progress on stderr.

    Raises:
        PackError: there are no drawings, none shows a face, `output` is there, or there is too little room.
        BundleError: a bundle cannot be had, or makes no photographs of drawings.
        PictureError: the sheet cannot be written.
    """
    with removing_finished(pairing_folder(output), output):
        check_pack_options(output, size, "face", TEST_SHARE, NEAR, {}, overwrite)
    if not 0 < keep <= 1:
        raise PackOptionError(f"--keep is a share above 0 and up to 1, not {keep:g}")
    if sheet is not None and (sheet.suffix.lower() != ".png" or sheet.is_dir()):
        raise PackOptionError(f"--sheet names a file that ends in .png, not {sheet.name}")
    bundles = photographers(names)
    listed = [list_source(path, "anime", None) for path in dict.fromkeys(sources)]
    work = Work(output, _members(listed), bundles, size, [listing.stamp for listing in listed])
    refusal = PackError(f"{output} is being made by another process: wait for it, or name another folder")
    try:
        lock = alone(work.folder.with_suffix(".lock"), refusal)
        stopped = told_when_stopped(lambda: stopped_at(work.folder, output, work.told()))
        with made_folder(output.parent), Progress(quiet=quiet) as progress, lock, stopped:
            work.translate(processes, progress)
            left_out = sum((listing.left_out for listing in listed), Counter[str]())
            summary = _assemble(work, output, sources, keep, dict(sorted(left_out.items())), sheet)
            work.remove()
    except OSError as error:
        raise PackError(cannot_write(work.folder, error)) from error
    return summary


def photographers(names: Sequence[str]) -> list[Bundle]:
    """The bundles that make photographs of drawings among those that names stand for, each once.

    Raises:
        BundleError: a name stands for none.
        PackOptionError: none of a name makes photographs of drawings.
    """
    found: dict[str, Bundle] = {}
    for name in names:
        fitting = [bundle for bundle in find_bundles(name) if bundle.target == "real" and not bundle.classes]
        if not fitting:
            raise PackOptionError(f"{name} makes no photographs of drawings: name another bundle after --with")
        found |= {networks_sum(bundle): bundle for bundle in fitting}
    return list(found.values())


def _members(listed: Sequence[Listing]) -> list[Member]:
    """The drawings of all sources in the order of the pack."""
    members = sorted((m for listing in listed for m in listing.members), key=lambda m: m.shown_as)
    if not members:
        passed = left_out_words(sum((listing.left_out for listing in listed), Counter[str]()))
        raise PackError(f"no drawings found: name a folder or zip archive that holds some{passed and f' ({passed})'}")
    names = Counter(member.shown_as for member in members)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise PackError(f"{name} is there {count} times: rename a source, so that each drawing has a name of its own")
    return members


def _assemble(
    work: Work, output: Path, sources: Sequence[Path], keep: float, left_out: dict[str, int], sheet: Path | None
) -> PackSummary:
    """Choose, and write the sheet and the pack."""
    found = read_all(work)
    splits = [split_of(m, s.decode(), TEST_SHARE) for m, s in zip(found.members, found.facts["sums"], strict=True)]
    unique, dropped = _without_copies(found, splits)
    for reason in ("unreadable", "no face"):
        dropped[reason] = sum(why == reason for why, _ in found.rejected)
    if not len(unique):
        work.remove()
        raise PackError(f"no drawing shows a face: {found.rejected[0][1]}")
    seen = Measurements(**{name: found.facts[name][unique] for name in SEEN})
    scored = scores(seen)
    best, kept = choose(scored, keep)
    dropped.update({"poor results": len(unique) - len(kept), "not read": sum(left_out.values())})
    counts = {split: sum(splits[unique[place]] == split for place in kept) for split in ("train", "test")}
    if not counts["train"]:
        work.remove()
        raise PackError("no pair is left to train on: all went to test")

    @lru_cache(maxsize=2)  # pictures are asked for by place, mostly ascending
    def shard_of(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        held = work.read(number, "drawings", "results")
        return held["drawings"], held["results"]

    def pictures(place: int) -> list[NDArray[np.uint8]]:
        number, row = found.at[unique[place]].tolist()
        drawings, results = shard_of(number)
        return [drawings[row], *results[row]]

    if sheet is not None:
        write(choice_sheet(pictures, scored, best, kept), sheet, overwrite=True)
    with atomic_folder(output) as folder:
        images = new_array(folder / "images.npy", (2 * len(kept), work.size, work.size, 3))
        for row, place in enumerate(kept.tolist()):
            drawing, *results = pictures(place)
            images[row], images[len(kept) + row] = drawing, results[best[place]]
        images.flush()  # type: ignore[attr-defined]
        marked = marks(seen)
        chosen = [(int(unique[p]), int(best[p]), scored[p, best[p]], marked[p, best[p]]) for p in kept.tolist()]
        write_index(folder, _entries(work, found, splits, chosen, images[len(kept) :]))
        meta = {
            "format_version": FORMAT_VERSION, "size": work.size, "crop": "face", "near": NEAR, "left_out": left_out,
            "counts": dict.fromkeys(DOMAINS, counts), "dropped": dict(sorted(dropped.items())),
            "bad": [line for why, line in found.rejected if why == "unreadable"], "unpaired": [],
            "sources": _sources(work, found, sources), **_origin(work.bundles, keep), "sums": sums_of(folder),
        }  # fmt: skip
        write_meta(folder, meta)
        note_finished(work.folder, folder)
    notes = _photographed(found)
    return PackSummary(output, meta["counts"], meta["dropped"], meta["bad"], left_out=left_out, notes=notes)


def _photographed(found: Drawings) -> list[str]:
    """A note if some of what was given for drawings looks like photographs of people."""
    names = [member.shown_as for member, real in zip(found.members, found.facts["photographed"], strict=True) if real]
    told = f"{len(names)} of {len(found.members)} drawings with a face look like photographs"
    return [f"{told}, such as {names[0]}: leave them out if they are"] if names else []


def _without_copies(found: Drawings, splits: Sequence[str]) -> tuple[NDArray[np.int64], Counter[str]]:
    """Places, ascending, of the drawings that are no copies of others; those to test on are looked at first."""
    sums, hashes = found.facts["sums"], found.facts["hashes"]
    order = np.array(sorted(range(len(splits)), key=lambda place: (splits[place] != "test", place)), np.int64)
    first = np.sort(np.unique(sums[order], return_index=True)[1]) if len(order) else order
    unique = order[first]
    kept = unique[distinct(hashes[unique], NEAR, thumbnails_alike(found.thumbnails[unique]))]
    copies = {"exact duplicate": len(order) - len(unique), "near duplicate": len(unique) - len(kept)}
    return np.sort(kept), Counter(copies)


def _entries(
    work: Work,
    found: Drawings,
    splits: Sequence[Any],
    chosen: Sequence[tuple[int, int, float, Vectors]],
    photographs: NDArray[np.uint8],
) -> list[dict[str, Any]]:
    """The index: all drawings, then all photographs."""
    facts, share = found.facts, pack_share(work.bundles)
    drawings, made = [], []
    for (place, way, score, marked), photograph in zip(chosen, photographs, strict=True):
        member, bundle = found.members[place], work.bundles[way % len(work.bundles)]
        points, pair = facts["landmarks"][place], {"pair": member.shown_as}
        scale, frame, sha256 = float(facts["scales"][place]), facts["frames"][place], facts["sums"][place].decode()
        drawings.append(index_entry(member, splits[place], sha256, scale, points, frame) | pair)
        own = hashlib.sha256(photograph.tobytes()).hexdigest()
        px = bundle.px * share / bundle.crop_share / work.size
        entry = index_entry(member, splits[place], own, px, points, np.eye(2, 3))
        made.append(
            entry | pair | {
                "file": f"{label(bundle)}/{member.shown_as}", "domain": "real", "mirrored": way >= len(work.bundles),
                "score": round(float(score), 4),
                "marks": {name: round(float(mark), 3) for name, mark in zip(MARKS, marked, strict=True)},
            }
        )  # fmt: skip
    return [*drawings, *made]


def label(bundle: Bundle) -> str:
    """What a bundle is called where photographs are said to come from it, by its sum and that of what redraws it."""
    return f"{bundle.name}@{version_of(bundle, redrawer(bundle))}"


def _sources(work: Work, found: Drawings, sources: Sequence[Path]) -> list[dict[str, str]]:
    sums = [found.sums.get(place) for place in range(len(work.members))]
    drawn = [
        {"name": path.name, "domain": "anime", "sha256": sum_of(path, work.members, sums)}
        for path in dict.fromkeys(sources)
    ]
    return drawn + [{"name": label(bundle), "domain": "real", "sha256": bundle.sha256} for bundle in work.bundles]


def _origin(bundles: Sequence[Bundle], keep: float) -> dict[str, Any]:
    """What meta.json says of what made the photographs, and of what may be done with them."""
    detector = foreign_detector()
    redrawers = [redrawer(bundle) for bundle in bundles]
    working = {networks_sum(one): one for one in (*bundles, *redrawers) if one}.values()
    rights = [f"{bundle.name}: {bundle.rights}" if bundle.rights else bundle.name for bundle in working]
    return {
        "licence": " AND ".join(sorted({bundle.licence or "unknown" for bundle in working})),
        "rights": "The photographs are generated, and have the licences of the bundles that made them. "
        + " ".join(rights),
        "crop_share": pack_share(bundles),
        "generated": {
            "domain": "real", "mirrored": True, "keep": keep, "detector": detector.name if detector else None,
            "bundles": [
                {
                    "name": bundle.name, "sha256": bundle.sha256, "licence": bundle.licence,
                    "redrawn_by": back and back.sha256,
                }
                for bundle, back in zip(bundles, redrawers, strict=True)
            ],
        },
    }  # fmt: skip
