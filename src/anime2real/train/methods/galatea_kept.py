"""What Galatea's results keep of what they were made from, and show of what was asked for: colours and labels."""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import add
from typing import Any, Final

from torch import Tensor

from anime2real.domain import Domain, other
from anime2real.train.batch import Batch
from anime2real.train.joined_batch import joined_mean
from anime2real.train.losses.eye_colour import eye_distance
from anime2real.train.losses.hair_colour import hair_distance
from anime2real.train.losses.labels import label_distance
from anime2real.train.losses.skin_colour import skin_distance
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.galatea_told import asked
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.labels import LabelNetwork

KEPT: Final = ("hair", "eyes", "skin", "labels")
"""The losses' names: each is the sum of that of results to real and that of results to anime."""


def kept(
    config: GalateaConfig,
    batch: Batch,
    results: Mapping[Domain, Tensor],
    labels: tuple[LabelNetwork, LiteFeatures] | None = None,
) -> dict[str, Callable[[], Any]]:
    """What computes the distances between results and what they are to keep: independent pieces of work, by name.

    Args:
        config: the method's options.
        batch: the step's data.
        results: (N, 3, S, S), by their domain, of the batch's pictures of the other one.
        labels: the label network and its trunk, with `label_weight`.

    Returns:
        as `hair_real` and `hair_anime`, by the domain of the results: what `kept_losses` takes.
    """
    works: dict[str, Callable[[], Any]] = {}
    of = {domain: _about(batch, other(domain)) for domain in results}
    for domain, result in results.items():
        if config.hair_weight and (hair := of[domain]["hair"]) is not None:
            works[f"hair_{domain}"] = partial(hair_distance, of[domain]["picture"], result, hair)
    placed = {domain: at for domain in results if (at := of[domain]["landmarks"]) is not None}
    for domain, at in placed.items():
        if config.eye_weight:
            before, who = of[domain]["picture"], of[domain]["who"]
            works[f"eyes_{domain}"] = partial(eye_distance, before, results[domain], at, who, domain)
    for domain, at in placed.items():
        if config.skin_weight:
            works[f"skin_{domain}"] = partial(skin_distance, of[domain]["picture"], results[domain], at, domain)
    for domain, at in placed.items():
        if config.label_weight and labels is not None:
            who, variant = (asked(batch)[0], 6) if domain == "real" else (asked(batch)[1], 7)
            assert who is not None  # `resolved` refuses packs without labels
            numbers = batch.numbers.augmentation(variant)[:, 3:5]
            works[f"labels_{domain}"] = partial(label_distance, *labels, results[domain], at, who, numbers)
    return works


def _about(batch: Batch, domain: Domain) -> dict[str, Any]:
    """A domain's pictures in a batch, and what is known of them."""
    known = {name: getattr(batch, f"{domain}_{name}") for name in ("hair", "landmarks", "who")}
    return {"picture": getattr(batch, domain)} | known


def kept_losses(done: Mapping[str, Any]) -> dict[str, Tensor]:
    """The losses, by the names in `KEPT`, of what the works of `kept` gave.

    Args:
        done: scalars, or sums of distances in CIELAB and how many count; these become hundreds, 0 where none counts.
    """
    losses = {}
    for name in KEPT:
        found = [done[f"{name}_{to}"] for to in ("real", "anime") if f"{name}_{to}" in done]
        means = [joined_mean(*each) / 100 if isinstance(each, tuple) else each for each in found]
        if means:
            losses[name] = reduce(add, means)
    return losses
