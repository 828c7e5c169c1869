"""Near-duplicates among hashes of pictures: `data/near_hashes.py` against the search that it took the place of.

    python benchmarks/duplicates.py [--hashes 1e6] [--reference 1e5] [--near 8] [--copies 0.02] [--parts 1]

Random hashes, a share of which are copies of earlier ones or of the same part with up to `--near` bits flipped. With
`--parts`, each part is searched by itself, as `prepare` does, and then all are joined, as `pack shard` does; hashes
are in a file. The reference puts every hash
into a bucket for each of near + 1 bands and looks at all that share one with it, one hash at a time: its time grows
with the square. It runs on the first `--reference` hashes, where both must keep the same; its time for all is reckoned
from that by the square. The last line is JSON: seconds (those of the CPU too, since a machine may be busy), the ratio,
peak memory with what is mapped.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anime2real.data.duplicates import distinct

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


def write_hashes(path: Path, count: int, parts: int, copies: float, near: int) -> NDArray[np.uint64]:
    """Random hashes (count,), of which a share are others with at most `near` bits flipped, in a file, mapped."""
    random = np.random.default_rng(0)
    hashes = np.memmap(path, np.uint64, "w+", shape=(count,))
    for start, stop in pairwise(edges_of(count, parts)):
        hashes[start:stop] = random.integers(0, 2**64, stop - start, np.uint64)
        targets = start + random.choice(stop - start, round(copies * (stop - start)), replace=False)
        flips = np.zeros(len(targets), np.uint64)
        for bit in range(near):
            chosen = random.random(len(targets)) < bit / near
            flips ^= np.where(chosen, np.uint64(1) << random.integers(0, 64, len(targets), np.uint64), np.uint64(0))
        hashes[targets] = hashes[random.integers(0, stop, len(targets))] ^ flips
    return hashes


def edges_of(count: int, parts: int) -> list[int]:
    """Where parts of equal size begin and end."""
    return [count * part // parts for part in range(parts + 1)]


def found(hashes: NDArray[np.uint64], near: int, parts: int, search: Search) -> NDArray[np.bool_]:
    """What stays (N,) when parts are searched one after the other, and then joined."""
    edges = edges_of(len(hashes), parts)
    staying, before = np.ones(len(hashes), bool), time.process_time()
    for start, stop in pairwise(edges):
        staying[start:stop] = search(hashes[start:stop], near)
        if stop - start >= 10**6:  # which takes a minute
            print(f"up to hash {stop:,}: {time.process_time() - before:.0f} s of processor time", file=sys.stderr)
    if parts == 1:
        return staying
    if search is distinct:
        return distinct(hashes, near, staying=staying, parts=edges[1:-1])
    staying[staying] = search(hashes[staying], near)
    return staying


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hashes", type=float, default=1e6)
    parser.add_argument("--reference", type=float, default=1e5, help="hashes that the reference gets")
    parser.add_argument("--near", type=int, default=8)
    parser.add_argument("--copies", type=float, default=0.02)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the hashes; a temporary one if not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(options, write_hashes(Path(folder) / "hashes", round(options.hashes), options.parts, options.copies,
                                      options.near))  # fmt: skip


def measure(options: argparse.Namespace, hashes: NDArray[np.uint64]) -> None:
    """Measure and print."""
    near, parts = options.near, options.parts
    few = hashes[: round(options.reference)]
    before = time.perf_counter()
    expected = found(few, near, parts, reference)
    reference_seconds = time.perf_counter() - before
    before = time.perf_counter()
    same = np.array_equal(expected, found(few, near, parts, distinct))
    few_seconds = time.perf_counter() - before
    if not same:
        sys.exit("the two keep different hashes")
    before, before_cpu = time.perf_counter(), time.process_time()
    kept = found(hashes, near, parts, distinct)
    seconds, cpu_seconds = time.perf_counter() - before, time.process_time() - before_cpu
    reckoned = reference_seconds * (len(hashes) / len(few)) ** 2
    print(json.dumps({
        "hashes": len(hashes), "parts": parts, "near": near, "copies_found": int((~kept).sum()),
        "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2),
        "reference_hashes": len(few), "seconds_of_those": round(few_seconds, 2),
        "reference_seconds": round(reference_seconds, 2),
        "ratio": round(reference_seconds / few_seconds, 1),
        "reference_seconds_for_all_reckoned": round(reckoned, 1),
        "ratio_for_all_reckoned": round(reckoned / seconds, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
