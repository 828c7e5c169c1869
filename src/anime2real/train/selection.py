"""Which rows of a pack a method trains on, and what is known of its pictures."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anime2real.data.hair_masks import hair_places
from anime2real.data.pack import Pack
from anime2real.train.method import Method
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import balanced, from_sources, matched, weighted

Rows = NDArray[np.int64]


def annotations(pack: Pack, method: Method, device: torch.device) -> tuple[Tensor | None, ...]:
    """What a method wants to know of a pack's P pictures, on the device, as `TrainingStep` takes it.

    Returns:
        landmarks (P, 5, 2) in [-1, 1]; hair (P, S, S) uint8; (P,) bool, which pictures are softer than the method's
        `min_scale`; who (P, 2), or (P, 6) with expressions; frames (P, 2, 3). None for what it does not want.

    Raises:
        TrainError: the pack has no landmarks, and the method wants them.
    """
    landmarks, hair, soft = None, None, None
    if method.wants_landmarks:
        if pack.landmarks is None:
            raise TrainError(f"{pack.folder} has no landmarks, which tilt needs: prepare it with --crop face or tilted")
        landmarks = torch.from_numpy(pack.landmarks).to(device)
    if method.wants_hair and pack.hair is not None:
        hair = torch.from_numpy(pack.hair).to(device)
    if method.soft_scale:
        assert pack.scales is not None  # the method has asked for them
        soft = torch.from_numpy(pack.scales < method.min_scale).to(device)
    who = torch.from_numpy(_labels(pack, method)).to(device) if method.wants_who and pack.who is not None else None
    frames = torch.from_numpy(pack.frames).to(device) if method.wants_frames and pack.frames is not None else None
    return landmarks, hair, soft, who, frames


def _labels(pack: Pack, method: Method) -> NDArray[np.float32]:
    assert pack.who is not None
    if not method.wants_expressions:
        return pack.who
    assert pack.expressions is not None  # the method has asked for them
    return np.concatenate([pack.who, pack.expressions], 1)


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
        drawn = np.array([row for row in rows[0] if pack.index[row]["hair"] is not None], np.int64)
        wanted = hair_places(pack.hair, drawn)
        for of_both in filter(None, (inputs, real_set)):
            of_both[1] = matched(of_both[1], hair_places(pack.hair, of_both[1]), wanted, method.hair_resampling)
    return inputs, real_set


def _real_set(pack: Pack, rows: Rows, sources: list[str], method: Method) -> Rows:
    """Those of a domain's rows (R,) that may be in the real set; an error where none is left."""
    min_scale = method.soft_scale or method.min_scale
    chosen = pack.of_scale(from_sources(rows, sources, method.real_set), min_scale)
    if not len(chosen):
        domain = pack.index[rows[0]]["domain"]
        option = "soft_scale" if method.soft_scale else "--min-scale"
        raise TrainError(
            f"no {domain} picture of the real set in {pack.folder} has {min_scale:g} pixels of its file for each of "
            f"its own: ask for a smaller {option}"
        )
    return chosen
