"""Averages of translators that learned on from the same weights.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time", 2022: where several runs start from one network, the straight way between what they come to leads over
networks that are as good. What each run found for itself alone, an eye too many or a blur, is averaged out; what all of
them, or the weights that they started from, can do stays. It costs no training, and the result is one network.

The parts of a network may be averaged otherwise than the rest, as Pinkney and Adler swap layers ("Resolution dependent
GAN interpolation for controllable image synthesis between domains", 2020): the decoder of runs that found sharp skin
and hair, say, behind the blocks of an average that keeps faces even.

Networks that did not start together have their channels in other orders, and their average draws nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch

from anime2real.bundle.format import Bundle
from anime2real.bundle.save import LINEAGE
from anime2real.train.export.to_onnx import ParityReport, export_bundle
from anime2real.train.import_weights import network_of
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.run.config import TrainError

_ALIKE: Final = ("source", "target", "px", "crop", "conditions")

_OF_A_RUN: Final[tuple[str, ...]] = (
    "options",
    "budget",
    "steps",
    "pairs",
    "minutes",
    "seed",
    "started_from",
    "ema_share",
    "torch",
    "date",
    "pack",
)


def averaged(
    bundles: Sequence[Bundle], shares: Sequence[float], parts: Mapping[str, Sequence[float]] | None = None
) -> ResNetGenerator | UGATITGenerator:
    """The network whose every weight is the mean of theirs.

    Args:
        bundles: two or more, of the same task and with networks of the same shape.
        shares: one each, not below 0 and not all 0; only how they stand to each other matters.
        parts: such shares for parts of the network, by their names (`network.named_children()`).

    Raises:
        TrainError: the bundles are not alike, one holds no generator, counts nowhere, or the shares do not fit.
        BundleError: one cannot be read.
    """
    if len(bundles) < 2:
        raise TrainError(f"an average is of two or more bundles, not {len(bundles)}")
    every = {"": shares, **(parts or {})}
    for part, given in every.items():
        if len(given) != len(bundles) or not all(0 <= share < float("inf") for share in given) or not any(given):
            of = f" of {part}" if part else ""
            raise TrainError(
                f"an average{of} of {len(bundles)} bundles wants as many shares, none below 0 and one above, not "
                f"{list(given)}"
            )
    for number, bundle in enumerate(bundles):
        if not any(given[number] for given in every.values()):
            raise TrainError(f"{bundle.folder} has no share in the average: leave it out")
    for bundle in bundles[1:]:
        for name in _ALIKE:
            one, other = getattr(bundles[0], name), getattr(bundle, name)
            if one != other:
                raise TrainError(f"{bundle.folder} differs from {bundles[0].folder} in {name}: {other}, not {one}")
    networks = [network_of(bundle) for bundle in bundles]
    mean = networks[0]
    known = [name for name, _ in mean.named_children()]
    for part in parts or {}:
        if part not in known:
            raise TrainError(f"{bundles[0].folder} holds a network without a part {part!r}: it has {', '.join(known)}")
    states = [network.state_dict() for network in networks]
    for bundle, network, state in zip(bundles, networks, states, strict=True):
        shapes = [{name: value.shape for name, value in s.items()} for s in (state, states[0])]
        if type(network) is not type(mean) or network.unshuffle != mean.unshuffle or shapes[0] != shapes[1]:
            raise TrainError(f"{bundle.folder} holds a network of another shape than {bundles[0].folder}")
    with torch.no_grad():
        weights = {}
        for name in states[0]:
            counted = every.get(name.split(".")[0], shares)
            weights[name] = sum(
                share / sum(counted) * state[name] for share, state in zip(counted, states, strict=True) if share
            )
    mean.load_state_dict(weights)
    return mean


def save_average(
    bundles: Sequence[Bundle],
    shares: Sequence[float],
    folder: Path,
    parts: Mapping[str, Sequence[float]] | None = None,
) -> ParityReport:
    """Write the bundle of their average, which says what it is of; what is there is replaced.

    Args:
        bundles, shares, parts: as of `averaged`.
        folder: of the bundle.

    Raises:
        TrainError, BundleError: as `averaged`.
        ExportError: its file draws another picture than the network.
    """
    network, first = averaged(bundles, shares, parts), bundles[0]
    shared = [key for key in first.training if key not in _OF_A_RUN and _alike(bundles, key)]
    noted = {key: first.training[key] for key in shared}
    seen = [
        bundle.training["discriminator_features"] for bundle in bundles if "discriminator_features" in bundle.training
    ]
    noted |= (
        {"discriminator_features": seen[0]} if seen else {}
    )  # whichever discriminator saw them, they cannot measure the average
    every = {"share": shares, **{f"share of {part}": given for part, given in (parts or {}).items()}}
    members = [
        _member(bundle, {name: round(given[number] / sum(given), 4) for name, given in every.items()}, shared)
        for number, bundle in enumerate(bundles)
    ]
    return export_bundle(
        network,
        folder,
        method=first.method,
        source=first.source,
        target=first.target,
        px=first.px,
        crop=first.crop,
        conditions=first.conditions,
        training=_told_once({**noted, "averaged_from": members, "date": datetime.now(UTC).date().isoformat()}, {}),
        rights=_joined([bundle.rights for bundle in bundles]),
        licence=_joined([bundle.licence or f"unknown: {bundle.name} names none" for bundle in bundles]),
        hardware=_joined([name for bundle in bundles for name in (bundle.hardware or "").split("; ")]),
    )


def _told_once(training: Mapping[str, Any], told: dict[str, set[str]]) -> dict[str, Any]:
    """What is noted, but of each bundle what an earlier mention of it has told is left out: runs share their past."""
    once = dict(training)
    for key in LINEAGE:
        parts = []
        for part in once.get(key, ()):
            known = told.setdefault(part.get("sha256", ""), set()) if "sha256" in part else set()
            new = {k: v for k, v in part.items() if k in ("name", "sha256") or k.startswith("share") or k not in known}
            known.update(part)
            parts.append(_told_once(new, told))
        if parts:
            once[key] = parts
    return once


def _alike(bundles: Sequence[Bundle], key: str) -> bool:
    return all(key in bundle.training and bundle.training[key] == bundles[0].training[key] for bundle in bundles)


def _member(bundle: Bundle, shares: Mapping[str, float], shared: Sequence[str]) -> dict[str, Any]:
    """What is noted of one of them: its shares, of its run, and whatever they do not share."""
    known = {key: value for key, value in bundle.training.items() if key not in shared}
    return {"name": bundle.name, "sha256": bundle.sha256, **shares, **known}


def _joined(told: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, told)))
