"""Weight averaging: one translator whose weights are the mean of several that were trained on from the same ones.

Wortsman et al., ICML 2022 (arXiv 2203.05482), on averaging the weights of models that were fine-tuned: where several
runs start from one network, the straight line between their weights leads over networks that are as good. Flaws that
one run has alone, such as a third eye or a blur, are averaged out. It costs no training, and the result is one network.

A part of the network may have shares of its own, as Pinkney and Adler swap layers ("Resolution dependent GAN
interpolation for controllable image synthesis between domains", 2020): the decoder of runs with sharp skin and hair,
say, behind the blocks of an average that keeps faces even.

Networks that did not start from the same weights have their channels in other orders: their average is noise.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch

from anime2real.atomic import hidden_beside, made_folder
from anime2real.bundle.format import Bundle, BundleError
from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.bundle.lineage import ANCESTORS, LINEAGE
from anime2real.bundle.redrawer import back_in, redrawer
from anime2real.locks import alone
from anime2real.train.export.comparison import ParityReport
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.import_weights import Generator, network_of
from anime2real.train.run.config import TrainError

_EQUAL: Final = ("source", "target", "px", "crop", "conditions")
"""Fields that averaged bundles have in common."""

_OF_A_RUN: Final[tuple[str, ...]] = (
    "options",
    "budget",
    "earlier_budgets",
    "steps",
    "pairs",
    "minutes",
    "seed",
    *LINEAGE,
    ANCESTORS,
    "ema_share",
    "torch",
    "date",
    "pack",
)
"""Keys of `training` that are noted of each run, not of the average."""


def averaged(
    bundles: Sequence[Bundle], shares: Sequence[float], parts: Mapping[str, Sequence[float]] | None = None
) -> Generator:
    """The network whose every weight is the mean of theirs.

    Args:
        bundles: two or more, of the same task and with networks of the same shape.
        shares: one each, 0 or more and not all 0; they are divided by their sum.
        parts: such shares for parts of the network, by their names (`network.named_children()`).

    Raises:
        TrainError: the bundles differ, one holds no generator or counts nowhere, or the shares do not fit.
        BundleError: one cannot be read.
    """
    parts = parts or {}
    _check(bundles, shares, parts)
    networks = [network_of(bundle) for bundle in bundles]
    mean = networks[0]
    known = [name for name, _ in mean.named_children()]
    for part in parts:
        if part not in known:
            raise TrainError(f"{bundles[0].folder} holds a network without a part {part!r}: it has {', '.join(known)}")
    for bundle, network in zip(bundles, networks, strict=True):
        if _shape(network) != _shape(mean):
            raise TrainError(f"{bundle.folder} holds a network of another shape than {bundles[0].folder}")
    states = [network.state_dict() for network in networks]
    weights = {}
    with torch.no_grad():
        for name in states[0]:
            counted = parts.get(name.split(".")[0], shares)
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
    *,
    back: Bundle | None = None,
) -> ParityReport:
    """Write the bundle of their average, which names them; a bundle that is there is replaced.

    Args:
        bundles, shares, parts: as of `averaged`.
        folder: of the bundle.
        back: what redraws its results (`redrawer_of`), to be copied into the folder.

    Raises:
        TrainError, BundleError: as `averaged`.
        ExportError: the file's pictures differ from the network's.
    """
    refusal = TrainError(f"{folder} is being made by another process: wait for it, or give another folder")
    with made_folder(folder.parent), alone(hidden_beside(folder, "lock"), refusal):
        network = averaged(bundles, shares, parts)
        every = {"share": shares, **{f"share of {part}": given for part, given in (parts or {}).items()}}
        normalised = [{name: round(s[i] / sum(s), 4) for name, s in every.items()} for i in range(len(bundles))]
        return _save(network, bundles, normalised, folder, back)


def redrawer_of(bundles: Sequence[Bundle], folder: Path) -> Bundle | None:
    """What redraws the results of their average: the bundle of that name beside its folder, if one leads back.

    So the ways back of two runs may be averaged first. Else it is what redraws the first of them that is redrawn; None
    if none is.

    Raises:
        BundleError: it is not there, or damaged.
    """
    redrawn = next((bundle for bundle in bundles if bundle.redrawn_by), None)
    if redrawn is None:
        return None
    beside = folder.absolute().parent / str(redrawn.redrawn_by)
    with contextlib.suppress(BundleError):
        return back_in(beside, replace(redrawn, follows_links=False, installed=False))
    return redrawer(redrawn)


def _save(
    network: Generator,
    bundles: Sequence[Bundle],
    normalised: Sequence[Mapping[str, float]],
    folder: Path,
    back: Bundle | None,
) -> ParityReport:
    first = bundles[0]
    return export_bundle(
        network,
        folder,
        method=first.method,
        source=first.source,
        target=first.target,
        px=first.px,
        crop=first.crop,
        conditions=first.conditions,
        training=_training(bundles, normalised),
        rights=_joined([bundle.rights for bundle in bundles]),
        licence=_joined([bundle.licence or f"unknown: {bundle.name} names none" for bundle in bundles]),
        hardware=_joined([name for bundle in bundles for name in (bundle.hardware or "").split("; ")]),
        back=back,
    )


def _check(bundles: Sequence[Bundle], shares: Sequence[float], parts: Mapping[str, Sequence[float]]) -> None:
    """Refuse shares that do not fit the bundles, and bundles of different tasks."""
    if len(bundles) < 2:
        raise TrainError(f"an average is of two or more bundles, not {len(bundles)}")
    every = {"": shares, **parts}
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
        for name in _EQUAL:
            one, other = getattr(bundles[0], name), getattr(bundle, name)
            if one != other:
                raise TrainError(f"{bundle.folder} differs from {bundles[0].folder} in {name}: {other}, not {one}")


def _shape(network: Generator) -> tuple[Any, ...]:
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    return type(network), network.unshuffle, shapes


def _training(bundles: Sequence[Bundle], shares: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """`training` of the average: what all bundles record alike, and each bundle with what it records alone."""
    first = bundles[0].training
    common = [key for key in first if key not in _OF_A_RUN and all(_same(bundle, first, key) for bundle in bundles)]
    training: dict[str, Any] = {key: first[key] for key in common}
    for bundle in bundles:
        # Features that any of them was trained against do not measure the average either, and what any has learned
        # to translate once more, the average has.
        for key in ("discriminator_features", "redrawn_by", "keeps_colours"):
            if key in bundle.training:
                training.setdefault(key, bundle.training[key])
    if any("ages" in bundle.training for bundle in bundles):  # those that all of them have learned to draw
        youngest, oldest = zip(*(b.training.get("ages", (YOUNGEST, OLDEST)) for b in bundles), strict=True)
        training["ages"] = sorted([max(youngest), min(oldest)])
    if any("crop_share" in bundle.training for bundle in bundles):  # as close as the one that crops closest
        training["crop_share"] = min(bundle.crop_share for bundle in bundles)
    members = []
    for bundle, own in zip(bundles, shares, strict=True):
        alone = {key: value for key, value in bundle.training.items() if key not in common}
        members.append({"name": bundle.name, "sha256": bundle.sha256, **own, **alone})
    training |= {"averaged_from": members, "date": datetime.now(UTC).date().isoformat()}
    return training


def _same(bundle: Bundle, training: Mapping[str, Any], key: str) -> bool:
    return key in bundle.training and bool(bundle.training[key] == training[key])


def _joined(texts: Sequence[str]) -> str:
    """Different texts, one after another."""
    return "; ".join(dict.fromkeys(filter(None, texts)))
