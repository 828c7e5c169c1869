"""Decoded shards to a pack: drop duplicates, split, write."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from anime2real.data.arrays import header
from anime2real.data.duplicates import HASH, distinct, thumbnails_alike
from anime2real.data.members import Member, left_out_words
from anime2real.data.pack import FORMAT_VERSION, PackError
from anime2real.data.pack_files import sums_of, write_index, write_meta
from anime2real.data.shards import Facts, Shards
from anime2real.data.sources import Crop, Reason, index_entry, split_of
from anime2real.domain import DOMAINS, Domain
from anime2real.progress import Progress


class EmptyDomainError(PackError):
    """No picture of a domain is left to train on."""


@dataclass(frozen=True)
class Recipe:
    """What decides a pack beside its pictures.

    Attributes:
        sources: folders and archives, each with its domain or `both`.
        left_out: what in them was passed over, by kind.
    """

    size: int
    crop: Crop
    test_share: float
    near: int
    licence: str
    rights: str
    sources: Sequence[tuple[Path, str]]
    left_out: dict[str, int]

    def decides(self) -> dict[str, Any]:
        """All of it, for a mark on what was begun by it."""
        return {**vars(self), "sources": [(str(path), domain) for path, domain in self.sources]}


def assemble(shards: Shards, recipe: Recipe, progress: Progress, threads: int | None = None) -> None:
    """Write a pack from shards that are all decoded; each is removed when its pictures are in the pack.

    Args:
        threads: that compare pictures, and processes that read the index; as many as there are cores if not given.

    Raises:
        EmptyDomainError: no picture of a domain is left to train on.
        OSError: the disk is full or cannot be written to; the same call goes on.
    """
    if (shards.pack / "meta.json").is_file():  # written last, by a call that was stopped later
        return
    members, facts = shards.members, shards.read_facts()
    progress("comparing pictures", 0)
    kept, test, dropped = _select(members, facts, thumbnails_alike(shards.thumbnails()), recipe, threads)
    for reason in get_args(Reason):
        dropped[reason] = sum(r.reason == reason for r in facts.rejected)
    dropped["not read"] = sum(recipe.left_out.values())
    unlike: dict[str, int] = {
        domain: sum(members[place].domain == domain for place in kept[facts.looks[kept] == 2 - number].tolist())
        for number, domain in enumerate(DOMAINS)
    }
    counts: dict[str, dict[str, int]] = {d: dict.fromkeys(("train", "test"), 0) for d in DOMAINS}
    for place in kept.tolist():
        counts[members[place].domain]["test" if test[place] else "train"] += 1
    for domain in DOMAINS:
        if not counts[domain]["train"]:
            passed = f" ({left_out_words(Counter(recipe.left_out))})" if recipe.left_out else ""
            why = _why_empty(domain, members, facts)
            raise EmptyDomainError(f"no {domain} picture is left to train on: {why}{passed}")
    _write_pictures(shards, facts, kept, progress)
    write_index(shards.pack, _entries(members, facts, kept, test))
    sums = [content.decode() or None for content in facts.sums.tolist()]
    meta = {
        "format_version": FORMAT_VERSION, "size": recipe.size, "crop": recipe.crop, "licence": recipe.licence,
        "rights": recipe.rights, "counts": counts, "dropped": dict(sorted(dropped.items())), 
        "near": recipe.near, "near_hash": HASH, "unlike": unlike,
        "bad": [r.line for r in facts.rejected if r.reason == "unreadable"], "left_out": recipe.left_out,
        "sources": [
            {"name": path.name, "domain": domain, "sha256": sum_of(path, members, sums)}
            for path, domain in recipe.sources
        ],
        "sums": sums_of(shards.pack, threads),
    }  # fmt: skip
    write_meta(shards.pack, meta)


def _why_empty(domain: Domain, members: Sequence[Member], facts: Facts) -> str:
    """Why no picture of a domain is left to train on: the first that was left out, and how many were."""
    unread = (member for member, content in zip(members, facts.sums.tolist(), strict=True) if not content)
    lines = [left.line for member, left in zip(unread, facts.rejected, strict=True) if member.domain == domain]
    if not lines:
        return "all went to test"
    return f"{len(lines)} left out{', the first' if len(lines) > 1 else ''}: {lines[0]}"


def _select(
    members: list[Member], facts: Facts, alike: Any, recipe: Recipe, threads: int | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Counter[str]]:
    """Places that stay, ascending, and which (N,) are for testing; these go first, so no near copy is trained on."""
    sums = (content.decode() or "0" * 64 for content in facts.sums.tolist())
    test = np.array([split_of(m, s, recipe.test_share) == "test" for m, s in zip(members, sums, strict=True)], bool)
    read = facts.sums != b""
    dropped: Counter[str] = Counter({"exact duplicate": 0, "near duplicate": 0})
    kept = []
    for domain in DOMAINS:
        own = np.array([member.domain == domain for member in members], bool) & read
        places = np.concatenate([np.flatnonzero(own & test), np.flatnonzero(own & ~test)])
        unique = places[np.sort(np.unique(facts.sums[places], return_index=True)[1])]
        dropped["exact duplicate"] += len(places) - len(unique)

        def same(one: NDArray[np.int64], other: NDArray[np.int64], of: NDArray[np.int64] = unique) -> Any:
            return alike(of[one], of[other])

        chosen = unique[distinct(facts.hashes[unique], recipe.near, same, threads=threads)]
        dropped["near duplicate"] += len(unique) - len(chosen)
        kept.append(chosen)
    return np.sort(np.concatenate(kept)), test, dropped


def _write_pictures(shards: Shards, facts: Facts, kept: NDArray[np.int64], progress: Progress) -> None:
    """images.npy, shard by shard: plain writes, which say so where the disk is full, unlike those of memory maps."""
    size = shards.size
    head = header((len(kept), size, size, 3))
    path = shards.pack / "images.npy"
    path.touch()
    read = facts.sums != b""
    with path.open("r+b", buffering=0) as file:
        file.write(head)
        for number, start in enumerate(shards.bounds):
            if shards.pixels(number).is_file():  # else they are in images.npy, since a call that was stopped
                first, last = np.searchsorted(kept, (start, start + shards.bounds.step))
                rows = np.cumsum(read[start : start + shards.bounds.step]) - 1  # in the shard's file, by place
                chosen = shards.read_pixels(number, rows[kept[first:last] - start])
                file.seek(len(head) + int(first) * size * size * 3)
                _write_all(file, memoryview(chosen.tobytes()))
                shards.let_go(number, file)
            progress("writing pictures", min(start + shards.bounds.step, len(read)), len(read))


def _write_all(file: Any, content: memoryview) -> None:
    while content:
        content = content[file.write(content) :]


def _entries(
    members: list[Member], facts: Facts, kept: NDArray[np.int64], test: NDArray[np.bool_]
) -> Iterator[dict[str, Any]]:
    for place in kept.tolist():
        yield index_entry(
            members[place],
            "test" if test[place] else "train",
            facts.sums[place].decode(),
            float(facts.scales[place]),
            _known(facts.landmarks[place]),
            _known(facts.frames[place]),
        )


def _known(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return None if np.isnan(values).any() else values


def sum_of(source: Path, members: Sequence[Member], sums: Sequence[str | None]) -> str:
    """The sum over a source's pictures: their labels and contents, however they are stored."""
    total = hashlib.sha256()
    for member, content in zip(members, sums, strict=True):
        if member.container == source:
            total.update(f"{member.label}\0{content}\n".encode(errors="surrogateescape"))
    return total.hexdigest()
