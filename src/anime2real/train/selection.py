"""Which rows of a pack a method trains on, and what is known of its pictures."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anime2real.data.hair_masks import hair_places
from anime2real.data.pack import Pack
from anime2real.data.tar_pixels import TarPixels
from anime2real.train.method import Method
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import balanced, from_sources, matched, weighted

Rows = NDArray[np.int64]

READ_AT_ONCE: Final = 64
"""Pictures that a thread reads at a time where all of a pack in shards go to the device."""


def known_of(pack: Pack, method: Method) -> tuple[NDArray[Any] | None, ...]:
    """What a method wants to know of a pack's P pictures, on the host; masks of hair are read when they are asked for.

    Returns:
        landmarks (P, 5, 2) in [-1, 1]; hair (P, S, S) uint8; (P,) bool, which pictures are softer than the method's
        `min_scale`; who (P, 2), or (P, 6) with expressions; frames (P, 2, 3). None for what it does not want.

    Raises:
        TrainError: the pack has no landmarks, and the method wants them.
    """
    landmarks, soft = None, None
    if method.wants_landmarks:
        if pack.landmarks is None:
            raise TrainError(f"{pack.folder} has no landmarks, which tilt needs: prepare it with --crop face or tilted")
        landmarks = pack.landmarks
    if method.soft_scale:
        assert pack.scales is not None  # the method has asked for them
        soft = pack.scales < method.min_scale
    hair = pack.hair if method.wants_hair else None
    who = _labels(pack, method) if method.wants_who and pack.who is not None else None
    return landmarks, hair, soft, who, pack.frames if method.wants_frames else None


def _labels(pack: Pack, method: Method) -> NDArray[np.float32]:
    assert pack.who is not None
    if not method.wants_expressions:
        return pack.who
    assert pack.expressions is not None  # the method has asked for them
    return np.concatenate([pack.who, pack.expressions], 1)


def annotations(pack: Pack, method: Method, device: torch.device) -> tuple[Tensor | None, ...]:
    """The same on the device, as `TrainingStep` takes it."""
    return tuple(None if values is None else whole(values, device) for values in known_of(pack, method))


def whole(values: NDArray[Any], device: torch.device) -> Tensor:
    """All of what is known, or of a pack's pictures, on the device; on the CPU mapped files stay where they are."""
    if not isinstance(values, TarPixels):
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)  # a table's columns lie apart
    result = torch.empty(values.shape, dtype=torch.uint8, device=device)
    starts = range(0, len(values), READ_AT_ONCE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start, part in zip(starts, pool.map(lambda s: values[s : s + READ_AT_ONCE], starts), strict=True):
            result[start : start + READ_AT_ONCE] = torch.from_numpy(part)
    return result


def training_rows(pack: Pack, method: Method, seed: int) -> tuple[list[Rows], list[Rows]]:
    """The rows of drawings and of photographs that a method translates, and those of its real set, if it has one.

    A row that is drawn more often than others stands there more often. Pairs, for methods that want them, are row by
    row, each once.

    Raises:
        TrainError: a domain has no training pictures, or the real set none.
    """
    if method.wants_pairs:
        return list(pack.pairs("train").T), []
    rows = [pack.rows(domain, "train") for domain in ("anime", "real")]
    if not all(len(of_domain) for of_domain in rows):
        raise TrainError("the pack has no training pictures of one domain: prepare it with both")
    sources = [pack.sources(of_domain) for of_domain in rows]
    real_set = [_real_set(pack, r, s, method) for r, s in zip(rows, sources, strict=True)]
    real_set = real_set if method.wants_real_set else []
    if pack.weights is None:
        inputs = [balanced(r, s, method.balance, seed) for r, s in zip(rows, sources, strict=True)]
    else:
        inputs, real_set = ([weighted(r, pack.weights[r], seed) for r in of_both] for of_both in (rows, real_set))
    if method.hair_resampling:
        assert pack.hair is not None  # the method has asked for it
        drawn = rows[0][~np.isnan(pack.index.column("hair")[rows[0]]).any(1)]
        wanted = hair_places(pack.hair, drawn)
        for of_both in filter(None, (inputs, real_set)):
            of_both[1] = matched(of_both[1], hair_places(pack.hair, of_both[1]), wanted, method.hair_resampling)
    return inputs, real_set


def _real_set(pack: Pack, rows: Rows, sources: list[str], method: Method) -> Rows:
    """Those of a domain's rows (R,) that may be in the real set.

    Where none may, all of a domain that no discriminator sees, else an error.
    """
    min_scale = method.soft_scale or method.min_scale
    chosen = pack.of_scale(from_sources(rows, sources, method.real_set), min_scale)
    if not len(chosen):
        domain = pack.index[rows[0]]["domain"]
        if domain not in method.discriminated:
            return rows
        option = "soft_scale" if method.soft_scale else "--min-scale"
        raise TrainError(
            f"no {domain} picture of the real set in {pack.folder} has {min_scale:g} pixels of its file for each of "
            f"its own: ask for a smaller {option}"
        )
    return chosen
