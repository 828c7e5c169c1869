"""What Galatea's results keep of what they were made from, and show of what was asked for: colours and labels."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from torch import Tensor

from anime2real.train.joined_batch import joined_mean
from anime2real.train.losses.eye_colour import eye_distance
from anime2real.train.losses.hair_colour import hair_distance
from anime2real.train.losses.labels import label_distance
from anime2real.train.losses.skin_colour import skin_distance
from anime2real.train.method import Batch
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.galatea_told import asked
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.labels import LabelNetwork

KEPT: Final = ("hair", "eyes", "skin", "labels")
"""The losses' names: each is the sum of that of results to real and that of results to anime."""


def kept(
    config: GalateaConfig,
    batch: Batch,
    fake_real: Tensor,
    fake_anime: Tensor,
    labels: tuple[LabelNetwork, LiteFeatures] | None = None,
) -> dict[str, Callable[[], Any]]:
    """What computes the distances between results and what they are to keep: independent pieces of work, by name.

    Args:
        config: the method's options.
        batch: the step's data.
        fake_real, fake_anime: (N, 3, S, S), results of `batch.anime` and of `batch.real`.
        labels: the label network and its trunk, with `label_weight`.

    Returns:
        in pairs, as `hair_real` and `hair_anime`, by the domain of the results: what `kept_losses` takes.
    """
    works: dict[str, Callable[[], Any]] = {}
    if config.hair_weight and batch.anime_hair is not None and batch.real_hair is not None:
        works["hair_real"] = partial(hair_distance, batch.anime, fake_real, batch.anime_hair)
        works["hair_anime"] = partial(hair_distance, batch.real, fake_anime, batch.real_hair)
    at_anime, at_real = batch.anime_landmarks, batch.real_landmarks
    if config.eye_weight and at_anime is not None and at_real is not None:
        works["eyes_real"] = partial(eye_distance, batch.anime, fake_real, at_anime, batch.anime_who, "real")
        works["eyes_anime"] = partial(eye_distance, batch.real, fake_anime, at_real, batch.real_who, "anime")
    if config.skin_weight and at_anime is not None and at_real is not None:
        works["skin_real"] = partial(skin_distance, batch.anime, fake_real, at_anime, "real")
        works["skin_anime"] = partial(skin_distance, batch.real, fake_anime, at_real, "anime")
    if config.label_weight and labels is not None:
        for domain, result, landmarks, who, variant in zip(
            ("real", "anime"),
            (fake_real, fake_anime),
            (batch.anime_landmarks, batch.real_landmarks),
            asked(batch),
            (6, 7),
            strict=True,
        ):
            assert landmarks is not None  # `resolved` refuses packs without them
            assert who is not None
            numbers = batch.numbers.augmentation(variant)[:, 3:5]
            works[f"labels_{domain}"] = partial(label_distance, *labels, result, landmarks, who, numbers)
    return works


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
            losses[name] = means[0] + means[1]
    return losses
