"""Averages of translators that learned on from the same weights.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time", 2022: where several runs start from one network, the straight way between what they come to leads over
networks that are as good. What each run found for itself alone, an eye too many or a blur, is averaged out; what all of
them, or the weights that they started from, can do stays. It costs no training, and the result is one network.

Networks that did not start together have their channels in other orders, and their average draws nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch

from anime2real.bundle import Bundle
from anime2real.train.config import TrainError
from anime2real.train.export import ParityReport, export_bundle
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.warmstart import network_of

_ALIKE: Final = ("source", "target", "px", "crop", "conditions")

_OF_A_RUN: Final[tuple[str, ...]] = (
    "options",
    "budget",
    "steps",
    "pairs",
    "minutes",
    "seed",
    "started_from",
    "torch",
    "date",
    "pack",
)


def averaged(bundles: Sequence[Bundle], shares: Sequence[float]) -> ResNetGenerator | UGATITGenerator:
    """The network whose every weight is the mean of theirs.

    Args:
        bundles: two or more, of the same task and with networks of the same shape.
        shares: one each, above 0; only how they stand to each other matters.

    Raises:
        TrainError: the bundles are not alike, one holds no generator, or the shares do not fit.
        BundleError: one cannot be read.
    """
    if len(bundles) < 2:
        raise TrainError(f"an average is of two or more bundles, not {len(bundles)}")
    if len(shares) != len(bundles) or not all(0 < share < float("inf") for share in shares):
        raise TrainError(f"an average of {len(bundles)} bundles wants as many shares above 0, not {list(shares)}")
    for bundle in bundles[1:]:
        for name in _ALIKE:
            one, other = getattr(bundles[0], name), getattr(bundle, name)
            if one != other:
                raise TrainError(f"{bundle.folder} differs from {bundles[0].folder} in {name}: {other}, not {one}")
    networks = [network_of(bundle) for bundle in bundles]
    mean = networks[0]
    states = [network.state_dict() for network in networks]
    for bundle, network, state in zip(bundles, networks, states, strict=True):
        shapes = [{name: value.shape for name, value in s.items()} for s in (state, states[0])]
        if type(network) is not type(mean) or network.unshuffle != mean.unshuffle or shapes[0] != shapes[1]:
            raise TrainError(f"{bundle.folder} holds a network of another shape than {bundles[0].folder}")
    total = sum(shares)
    with torch.no_grad():
        weights = {
            name: sum(share / total * state[name] for share, state in zip(shares, states, strict=True))
            for name in states[0]
        }
    mean.load_state_dict(weights)
    return mean


def save_average(bundles: Sequence[Bundle], shares: Sequence[float], folder: Path) -> ParityReport:
    """Write the bundle of their average, which says what it is of; what is there is replaced.

    Args:
        bundles, shares: as of `averaged`.
        folder: of the bundle.

    Raises:
        TrainError, BundleError: as `averaged`.
        ExportError: its file draws another picture than the network.
    """
    network, first, total = averaged(bundles, shares), bundles[0], sum(shares)
    shared = [key for key in first.training if key not in _OF_A_RUN and _alike(bundles, key)]
    noted = {key: first.training[key] for key in shared}
    seen = [
        bundle.training["discriminator_features"] for bundle in bundles if "discriminator_features" in bundle.training
    ]
    noted |= {"discriminator_features": seen[0]} if seen else {}  # whichever saw them, they are no judge of the average
    parts = [_part(bundle, share / total, shared) for bundle, share in zip(bundles, shares, strict=True)]
    return export_bundle(
        network,
        folder,
        method=first.method,
        source=first.source,
        target=first.target,
        px=first.px,
        crop=first.crop,
        conditions=first.conditions,
        training={**noted, "averaged_from": parts, "date": datetime.now(UTC).date().isoformat()},
        rights=_joined([bundle.rights for bundle in bundles]),
        licence=_joined([bundle.licence or f"unknown: {bundle.name} names none" for bundle in bundles]),
        hardware=_joined([name for bundle in bundles for name in (bundle.hardware or "").split("; ")]),
    )


def _alike(bundles: Sequence[Bundle], key: str) -> bool:
    return all(key in bundle.training and bundle.training[key] == bundles[0].training[key] for bundle in bundles)


def _part(bundle: Bundle, share: float, shared: Sequence[str]) -> dict[str, Any]:
    """What is noted of one of them: of its run, and whatever they do not share."""
    known = {key: value for key, value in bundle.training.items() if key not in shared}
    return {"name": bundle.name, "sha256": bundle.sha256, "share": round(share, 4), **known}


def _joined(told: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, told)))
