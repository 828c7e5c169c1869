"""Near-duplicates among hashes of pictures, against those that were planted, and against a search without an index.

    python benchmarks/duplicates.py [--hashes 1e6] [--near 8] [--copies 0.02] [--exact 0] [--parts 1] [--threads N]
    python benchmarks/duplicates.py --hashes 1e8 --parts 10 --exact 0.01

Random hashes, a share of which are copies of earlier ones or of the same part with up to `--near` bits flipped. With
`--parts`, each part is searched by itself, as `prepare` does, and then all are joined, as `pack shard` does. With
`--exact`, such a share of pictures has the sum of another one, too, and these are left out first. Hashes and sums are
in files. The reference puts every hash into a bucket for each of near + 1 bands and looks at all that share one with
it, one hash at a time: its time grows with the square. It runs on the first `--reference` hashes, where both must keep
the same. The last line is JSON: seconds (those of the CPU too, since a machine may be busy), copies planted, found and
missed (a planted pair of which both stay), peak memory with what is mapped, disk; a line like it stands before, of a
tenth of the hashes.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anime2real.data.duplicates import distinct
from anime2real.data.joined_copies import first_of_each

Search = Callable[[NDArray[np.uint64], int], NDArray[np.bool_]]


def reference(hashes: NDArray[np.uint64], near: int) -> NDArray[np.bool_]:
    """Which hashes (N,) are within `near` bits of no earlier one that stays; near is 1 or more."""
    stays = np.ones(len(hashes), bool)
    edges = np.linspace(0, 64, near + 2).astype(int)
    bands = [(np.uint64(a), np.uint64(2 ** (int(b) - int(a)) - 1)) for a, b in pairwise(edges)]
    buckets: list[dict[int, list[int]]] = [{} for _ in bands]
    for place, value in enumerate(hashes):
        keys = [int((value >> shift) & mask) for shift, mask in bands]
        sharing = {p for bucket, key in zip(buckets, keys, strict=True) for p in bucket.get(key, ())}
        candidates = np.fromiter(sharing, np.int64, len(sharing))
        if (np.bitwise_count(hashes[candidates] ^ value) <= near).any():
            stays[place] = False
            continue
        for bucket, key in zip(buckets, keys, strict=True):
            bucket.setdefault(key, []).append(place)
    return stays


@dataclass(frozen=True)
class Planted:
    """Made-up pictures in files.

    Attributes:
        hashes: (N,).
        sums: (N, 4), SHA-256 of each picture; None if not wanted.
        near: places (K,) and those (K,) that they are near copies of; `exact` the same of equal sums.
    """

    hashes: NDArray[np.uint64]
    sums: NDArray[np.uint64] | None
    near: tuple[NDArray[np.int64], NDArray[np.int64]]
    exact: tuple[NDArray[np.int64], NDArray[np.int64]]

    def missed(self, stays: NDArray[np.bool_]) -> int:
        """Planted pairs of which both stay."""
        return sum(int((stays[one] & stays[other]).sum()) for one, other in (self.near, self.exact))


def planted(folder: Path, count: int, options: argparse.Namespace) -> Planted:
    """Random hashes (count,), of which a share are others with at most `near` bits flipped, in files, mapped."""
    random, near = np.random.default_rng(0), options.near
    hashes = np.memmap(folder / "hashes", np.uint64, "w+", shape=(count,))
    places, sources = [], []
    for start, stop in pairwise(edges_of(count, max(options.parts, -(-count // 10**7)))):
        hashes[start:stop] = random.integers(0, 2**64, stop - start, np.uint64)
        targets = start + random.choice(stop - start, round(options.copies * (stop - start)), replace=False)
        flips = np.zeros(len(targets), np.uint64)
        for bit in range(near):
            chosen = random.random(len(targets)) < bit / near
            flips ^= np.where(chosen, np.uint64(1) << random.integers(0, 64, len(targets), np.uint64), np.uint64(0))
        places.append(targets)
        sources.append(random.integers(0, stop, len(targets)))
        hashes[targets] = hashes[sources[-1]] ^ flips
    one, other = np.concatenate(places), np.concatenate(sources)
    # A source may have become a copy of another one afterwards; then the two are near no more.
    close = (np.bitwise_count(hashes[one] ^ hashes[other]) <= near) & (one != other)
    sums, exact = None, (np.zeros(0, np.int64), np.zeros(0, np.int64))
    if options.exact:
        sums = np.memmap(folder / "sums", np.uint64, "w+", shape=(count, 4))
        for start in range(0, count, 2**20):
            sums[start : start + 2**20] = random.integers(1, 2**64, (min(2**20, count - start), 4), np.uint64)
        half, copies = count // 2, round(options.exact * count)
        exact = (half + random.choice(count - half, copies, replace=False), random.integers(0, half, copies))
        sums[exact[0]] = sums[exact[1]]
    return Planted(hashes, sums, (one[close], other[close]), exact)


def edges_of(count: int, parts: int) -> list[int]:
    """Where parts of equal size begin and end."""
    return [count * part // parts for part in range(parts + 1)]


def found(hashes: NDArray[np.uint64], near: int, parts: int, search: Search) -> NDArray[np.bool_]:
    """What stays (N,) when parts are searched one after the other, and then joined."""
    edges = edges_of(len(hashes), parts)
    staying = np.ones(len(hashes), bool)
    for start, stop in pairwise(edges):
        staying[start:stop] = search(hashes[start:stop], near)
    if parts > 1:
        staying[staying] = search(hashes[staying], near)
    return staying


def searched(pictures: Planted, options: argparse.Namespace) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """What stays (N,), searched as `prepare` and `pack shard` search, and the seconds of each step."""
    near, threads, seconds = options.near, options.threads, {}
    edges, hashes = edges_of(len(pictures.hashes), options.parts), pictures.hashes
    begun = time.perf_counter()
    stays = np.ones(len(hashes), bool) if pictures.sums is None else first_of_each(pictures.sums, threads)
    seconds["exact"] = time.perf_counter() - begun
    for start, stop in pairwise(edges):
        stays[start:stop] = distinct(hashes[start:stop], near, staying=stays[start:stop], threads=threads)
        if stop - start >= 10**6:  # which takes a minute
            print(f"up to hash {stop:,}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    seconds["parts"] = time.perf_counter() - begun - seconds["exact"]
    if options.parts > 1:
        stays = distinct(hashes, near, staying=stays, parts=edges[1:-1], threads=threads)
    seconds["joined"] = time.perf_counter() - begun - seconds["parts"] - seconds["exact"]
    return stays, {name: round(value, 2) for name, value in seconds.items()}


def compared(options: argparse.Namespace) -> dict[str, float]:
    """Both searches of a few hashes."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        few = planted(Path(folder), round(options.reference), options).hashes
        begun = time.process_time()
        expected = found(few, options.near, options.parts, reference)
        reference_seconds, begun = time.process_time() - begun, time.process_time()
        kept = found(few, options.near, options.parts, distinct)
        seconds = time.process_time() - begun
        if not np.array_equal(expected, kept):
            sys.exit("the two keep different hashes")
    return {"reference_hashes": len(few), "cpu_seconds_of_those": round(seconds, 2),
            "reference_cpu_seconds": round(reference_seconds, 2), "ratio": round(reference_seconds / seconds, 1),
    }  # fmt: skip


def measured(count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Search, and say what was found and what it took."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        begun = time.perf_counter()
        pictures = planted(Path(folder), count, options)
        written, cpu = time.perf_counter() - begun, time.process_time()
        print(f"{count:,} made up: {written:.0f} s", file=sys.stderr, flush=True)
        stays, seconds = searched(pictures, options)
        cpu = time.process_time() - cpu
        disk = sum(path.stat().st_size for path in Path(folder).iterdir())
        return {
            "hashes": count, "parts": options.parts, "near": options.near, "threads": options.threads,
            "planted": {"near": len(pictures.near[0]), "exact": len(pictures.exact[0])},
            "copies_found": int((~stays).sum()), "missed": pictures.missed(stays),
            "near_by_chance": round(count**2 / 2 * sum(comb(64, bits) for bits in range(options.near + 1)) / 2**64),
            "seconds_to_make_up": round(written, 1), "seconds": round(sum(seconds.values()), 2),
            "seconds_of": seconds, "cpu_seconds": round(cpu, 2), "disk_gb": round(disk / 1e9, 2),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hashes", type=float, default=1e6)
    parser.add_argument("--reference", type=float, default=3e4, help="hashes that the reference gets; 0 for none")
    parser.add_argument("--near", type=int, default=8)
    parser.add_argument("--copies", type=float, default=0.02)
    parser.add_argument("--exact", type=float, default=0.0, help="share of pictures that have the sum of another")
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="for the hashes; a temporary one if not given")
    options = parser.parse_args()
    lines = compared(options) if options.reference else {}
    for count in (round(options.hashes / 10), round(options.hashes)):
        print(json.dumps(measured(count, options) | lines), flush=True)


if __name__ == "__main__":
    main()
