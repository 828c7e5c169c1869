"""Near-duplicates among hashes of pictures: `data/near_hashes.py` against the search that it took the place of.

    python benchmarks/duplicates.py [--hashes 1e6] [--reference 1e5] [--near 8] [--copies 0.02]

Random hashes, a share of which are copies of others with up to `--near` bits flipped. The reference puts every hash
into a bucket for each of near + 1 bands and looks at all that share one with it, one hash at a time: its time grows
with the square. It runs on the first `--reference` hashes, where both must keep the same; its time for all is reckoned
from that by the square. The last line is JSON: seconds (those of the CPU too, since a machine may be busy), the ratio,
peak memory.
"""

import argparse
import json
import resource
import sys
import time
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from anime2real.data.duplicates import distinct


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


def with_copies(count: int, copies: float, near: int) -> NDArray[np.uint64]:
    """Random hashes (count,), of which a share are others with at most `near` bits flipped."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, count, np.uint64)
    targets = random.choice(count, round(copies * count), replace=False)
    flips = np.zeros(len(targets), np.uint64)
    for bit in range(near):
        chosen = random.random(len(targets)) < bit / near
        flips ^= np.where(chosen, np.uint64(1) << random.integers(0, 64, len(targets), np.uint64), np.uint64(0))
    hashes[targets] = hashes[random.integers(0, count, len(targets))] ^ flips
    return hashes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hashes", type=float, default=1e6)
    parser.add_argument("--reference", type=float, default=1e5, help="hashes that the reference gets")
    parser.add_argument("--near", type=int, default=8)
    parser.add_argument("--copies", type=float, default=0.02)
    options = parser.parse_args()
    hashes = with_copies(round(options.hashes), options.copies, options.near)
    few = hashes[: round(options.reference)]
    before = time.perf_counter()
    expected = reference(few, options.near)
    reference_seconds = time.perf_counter() - before
    before = time.perf_counter()
    found = distinct(few, options.near)
    few_seconds = time.perf_counter() - before
    if not np.array_equal(expected, found):
        sys.exit("the two keep different hashes")
    before, before_cpu = time.perf_counter(), time.process_time()
    kept = distinct(hashes, options.near)
    seconds, cpu_seconds = time.perf_counter() - before, time.process_time() - before_cpu
    reckoned = reference_seconds * (len(hashes) / len(few)) ** 2
    print(json.dumps({
        "hashes": len(hashes), "near": options.near, "copies_found": int((~kept).sum()),
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
