"""Folders and zip archives of pictures to a pack: decode, crop, drop duplicates, split, write.

The same input gives the same bytes: paths are sorted, the split follows from each picture's content, and nothing of
the day or the machine is recorded. The pack is built under a temporary name beside its own and renamed when whole.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from anime2real.atomic import atomic_folder
from anime2real.data.duplicates import NEAR, distinct, likeness
from anime2real.data.hair_masks import add_hair, need_scipy
from anime2real.data.labels import add_labels, read_table
from anime2real.data.pack import FORMAT_VERSION, Pack, PackError, write_index, write_meta
from anime2real.data.sources import (
    Crop,
    Member,
    Reason,
    Rejected,
    Result,
    Split,
    decode_chunk,
    index_entry,
    members_of,
    split_of,
)
from anime2real.domain import DOMAINS, Domain
from anime2real.progress import Progress

_CHUNK = 32


@dataclass(frozen=True)
class PackSummary:
    """What became of the pictures.

    Attributes:
        folder: the pack.
        counts: pictures by domain and split.
        dropped: pictures left out, by reason.
        bad: a line for each that could not be read.
        unpaired: a line for each that should have been one of a pair, and has no partner.
    """

    folder: Path
    counts: dict[str, dict[str, int]]
    dropped: dict[str, int]
    bad: list[str] = field(default_factory=list)
    unpaired: list[str] = field(default_factory=list)


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
        processes: to decode with; all cores if not given.
        overwrite: replace a pack that is there.
        quiet: no progress on stderr.

    Raises:
        PackError: nothing to read, `output` is there, or a domain ends up empty.
    """
    labels = labels or labels_from is not None
    check_options(output, size, crop, test_share, {"hair": hair, "labels": labels}, overwrite)
    if labels_from is not None:
        read_table(labels_from)  # refused now, not when the faces have been found
    recipe = _Recipe(size, crop, test_share, near, licence, rights)
    sources: list[tuple[Path, str]] = [
        (Path(p), d) for d, paths in zip(DOMAINS, (anime, real), strict=True) for p in paths
    ]
    members = [m for path, domain in sources for m in members_of(path, cast(Domain, domain), None)]
    members += [m for path in both for m in members_of(Path(path), None, layout or {})]
    sources += [(Path(path), "both") for path in both]
    members.sort(key=lambda m: (m.domain, m.label, m.container.name))
    for domain in DOMAINS:
        if not any(m.domain == domain for m in members):
            raise PackError(f"no {domain} pictures found: name a folder or zip archive that holds some")
    try:
        with Progress(quiet=quiet) as progress, atomic_folder(output) as partial:
            summary = _build(members, sources, partial, output, recipe, progress, processes)
            if hair:
                add_hair(partial, processes=processes, progress=progress)
            if labels:
                add_labels(partial, table=labels_from, progress=progress)
                summary = replace(summary, counts=Pack(partial).meta["counts"])
    except OSError as error:
        raise PackError(f"{output} cannot be written: {error.strerror or error}") from error
    return summary


def check_options(
    output: Path, size: int, crop: str, test_share: float, of_faces: Mapping[str, bool], overwrite: bool
) -> None:
    """Refuse with a PackError what no pack can be made of; `of_faces` are the options that want lined-up faces."""
    if not 16 <= size <= 1024 or size % 16:
        raise PackError(f"the size must be a multiple of 16 from 16 to 1024, not {size}")
    if crop not in get_args(Crop):
        raise PackError(f"no crop rule {crop!r}: there are {', '.join(get_args(Crop))}")
    for name, wanted in of_faces.items():
        if wanted and crop not in ("face", "tilted"):
            raise PackError(f"--{name} wants lined-up faces: use the crop rule face or tilted, not {crop}")
    if of_faces.get("hair"):
        need_scipy()  # before the faces are found, which takes long
    if not 0 <= test_share < 1:
        raise PackError(f"the test share must be at least 0 and below 1, not {test_share}")
    if output.exists() and not output.is_dir():
        raise PackError(f"{output} is a file: name a folder for the pack")
    if output.exists() and any(output.iterdir()):
        if not (output / "meta.json").is_file():
            raise PackError(f"{output} is not empty and not a pack: name another folder")
        if not overwrite:
            raise PackError(f"{output} is already there: give --overwrite, or another folder")


@dataclass(frozen=True)
class _Recipe:
    size: int
    crop: Crop
    test_share: float
    near: int
    licence: str
    rights: str


def _build(
    members: list[Member],
    sources: list[tuple[Path, str]],
    partial: Path,
    output: Path,
    recipe: _Recipe,
    progress: Progress,
    processes: int | None,
) -> PackSummary:
    size = recipe.size
    scratch = partial / "decoded.bin"
    hashes = np.zeros(len(members), np.uint64)
    sums: list[str | None] = [None] * len(members)
    scales = np.zeros(len(members))
    landmarks: dict[int, NDArray[np.float64]] = {}
    frames: dict[int, NDArray[np.float64]] = {}
    rejected: list[Rejected] = []
    decoded = np.memmap(scratch, np.uint8, "w+", shape=(len(members), size, size, 3))
    for start, results in _decoded(members, size, recipe.crop, processes):
        for place, result in enumerate(results, start):
            if isinstance(result, Rejected):
                rejected.append(result)
                continue
            decoded[place], hashes[place], sums[place] = result.pixels, result.hash, result.sha256
            scales[place] = result.scale
            if result.landmarks is not None:
                landmarks[place] = result.landmarks
            if result.frame is not None:
                frames[place] = result.frame
        progress("reading pictures", start + len(results), len(members))
    kept, splits, dropped = _select(members, sums, hashes, decoded, recipe)
    for reason in get_args(Reason):
        dropped[reason] = sum(r.reason == reason for r in rejected)
    bad = [r.line for r in rejected if r.reason == "unreadable"]
    images = np.lib.format.open_memmap(partial / "images.npy", "w+", np.uint8, (len(kept), size, size, 3))
    index: list[dict[str, Any]] = []
    for row, place in enumerate(kept):
        images[row] = decoded[place]
        entry = index_entry(
            members[place], splits[place], sums[place], scales[place], landmarks.get(place), frames.get(place)
        )
        index.append(entry)
    write_index(partial, index)
    images.flush()
    del images, decoded
    scratch.unlink()
    counts: dict[str, dict[str, int]] = {d: dict.fromkeys(("train", "test"), 0) for d in DOMAINS}
    for place in kept:
        counts[members[place].domain][splits[place]] += 1
    for domain in DOMAINS:
        if not counts[domain]["train"]:
            why = rejected[0].line if rejected else "all went to test"
            raise PackError(f"no {domain} picture is left to train on: {why}")
    meta = {
        "format_version": FORMAT_VERSION, "size": size, "crop": recipe.crop, "licence": recipe.licence,
        "rights": recipe.rights, "counts": counts,
        "dropped": dict(sorted(dropped.items())), "near": recipe.near, "bad": bad,
        "sources": [
            {"name": path.name, "domain": domain, "sha256": sum_of(path, members, sums)}
            for path, domain in sources
        ],
    }  # fmt: skip
    write_meta(partial, meta)
    return PackSummary(output, counts, dict(dropped), bad)


def sum_of(source: Path, members: Sequence[Member], sums: Sequence[str | None]) -> str:
    """The sum over a source's pictures: their labels and contents, however they are stored."""
    total = hashlib.sha256()
    for member, content in zip(members, sums, strict=True):
        if member.container == source:
            total.update(f"{member.label}\0{content}\n".encode())
    return total.hexdigest()


def _select(
    members: list[Member],
    sums: list[str | None],
    hashes: NDArray[np.uint64],
    decoded: NDArray[np.uint8],
    recipe: _Recipe,
) -> tuple[list[int], dict[int, Split], Counter[str]]:
    """Which pictures stay, and in which split; test pictures go first, so that no near copy of one is trained on."""
    splits: dict[int, Split] = {}
    for place, (member, content) in enumerate(zip(members, sums, strict=True)):
        if content is not None:
            splits[place] = split_of(member, content, recipe.test_share)
    dropped: Counter[str] = Counter({"exact duplicate": 0, "near duplicate": 0})
    kept: list[int] = []
    for domain in DOMAINS:
        places = [p for p in splits if members[p].domain == domain]
        places.sort(key=lambda p: (splits[p] != "test", p))
        seen: set[str] = set()
        unique = []
        for place in places:
            content = str(sums[place])
            if content in seen:
                dropped["exact duplicate"] += 1
            else:
                seen.add(content)
                unique.append(place)
        chosen = distinct(hashes[unique], recipe.near, likeness(decoded, unique))
        dropped["near duplicate"] += len(unique) - int(chosen.sum())
        kept += sorted(p for p, stays in zip(unique, chosen, strict=True) if stays)
    return sorted(kept), splits, dropped


def cores_for(processes: int | None) -> int:
    """The processes that were asked for, or one for each core."""
    return processes or os.cpu_count() or 1


def _decoded(members: list[Member], size: int, crop: Crop, processes: int | None) -> Iterator[tuple[int, list[Result]]]:
    chunks = [members[i : i + _CHUNK] for i in range(0, len(members), _CHUNK)]
    count = min(cores_for(processes), len(chunks))
    if count <= 1:
        for i, chunk in enumerate(chunks):
            yield i * _CHUNK, decode_chunk(chunk, size, crop)
        return
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        waiting: list[Any] = []
        for i, chunk in enumerate(chunks):
            waiting.append((i * _CHUNK, pool.submit(decode_chunk, chunk, size, crop)))
            if len(waiting) >= 4 * count:  # results do not pile up in memory
                start, future = waiting.pop(0)
                yield start, future.result()
        for start, future in waiting:
            yield start, future.result()
