"""Weights imported from a bundle: to train on where a finished run ended, or to learn from other pictures.

A bundle's ONNX file holds the trained weights (`exported_weights.py`). They are loaded into the network again, whose
pictures must then be the bundle's: a file that was exported in another way is refused. Discriminators are in no bundle
and start from random weights.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from anime2real.bundle.format import STYLE, Bundle
from anime2real.bundle.lineage import ANCESTORS, LINEAGE
from anime2real.bundle.registry import find_bundles
from anime2real.domain import DOMAINS, Domain, other
from anime2real.train.export.comparison import LIMIT, difference_from_torch
from anime2real.train.exported_weights import state_of, stored_weights, unshuffle_of
from anime2real.train.networks.pixel_decoder import PixelDecoder, PixelGenerator
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.networks.who import ToldGenerator, ToldPixelGenerator
from anime2real.train.run.config import TrainError

Generator = ResNetGenerator | UGATITGenerator

_RECORDED: Final = ("pairs", "minutes", "pack", "ema_share", *LINEAGE, ANCESTORS)

_HEAD: Final = {"decoder.head.convolution.weight", "decoder.head.convolution.bias"}


def bundles_of(named: Sequence[str]) -> dict[Domain, Bundle]:
    """The bundles to start from, by the domain that they translate to.

    Args:
        named: what `registry.find_bundles` takes: folders, methods and bundles that ship, names on the Hub.

    Raises:
        TrainError: two lead the same way, or there is one direction alone.
        BundleError: one is not there, or damaged.
    """
    found: dict[Domain, Bundle] = {}
    for name in named:
        for bundle in find_bundles(name):
            if bundle.target in found:
                raise TrainError(f"--start-from names two bundles to {bundle.target}: give one for each direction")
            found[bundle.target] = bundle
    for domain in DOMAINS:
        if named and domain not in found:
            raise TrainError(f"--start-from names a bundle to {other(domain)} alone: give one to {domain} as well")
    return found


def start_from(network: Generator, bundle: Bundle) -> dict[str, Any]:
    """Load the weights of a bundle into a network.

    The two may work at different resolutions (`unshuffle`). A network that works at an r-th of its pictures' resolution
    and starts from one for pictures of just that size computes the same, between a reduction and an enlargement by r;
    the other way round, it computes what that one makes of an enlarged picture. A network that is told a style or who
    should be shown may start from one that is not; then it does not listen at first. One with a `PixelDecoder` may
    start from one with another decoder, and takes of it the two doublings; what follows starts from random weights.

    Args:
        network: changed in place.
        bundle: of a network of the same kind, width and number of blocks.

    Returns:
        what `training` records of the bundle: name, sha256, licence, rights, and how long it was trained.

    Raises:
        TrainError: the bundle holds another network.
        BundleError: it cannot be read.
    """
    content = bundle.model()
    named = stored_weights(content)
    width, blocks = network.encoder.down1.in_channels, len(network.blocks)
    own = _generator(type(network), bundle, width, blocks, named)
    state = state_of(named)
    missing, unknown = _loaded(own, state)
    if unknown or any(".modulate." not in name for name in missing):
        kind = "ugatit" if isinstance(network, UGATITGenerator) else "resnet"
        blocks *= 2 if isinstance(network, UGATITGenerator) else 1
        raise TrainError(
            f"{bundle.folder} does not hold the generator that would start from it, {kind} of width {width} and "
            f"{blocks} blocks: it is of method {bundle.method!r}{_described(state)}"
        )
    difference = difference_from_torch(own, content, bundle.px, bundle.conditions)
    if not difference <= LIMIT:
        raise TrainError(
            f"{bundle.folder} cannot be started from: its weights, put back, draw other pictures than it does "
            f"({difference:.2g} apart in [-1, 1])"
        )
    if network.unshuffle != own.unshuffle:
        state = enlarged(reduced(state, own.unshuffle), network.unshuffle)
    state = _with_code(state, network)
    if isinstance(network.decoder, PixelDecoder) and not isinstance(own.decoder, PixelDecoder):
        known = network.state_dict().keys()  # it has one adaptive block fewer, and a head of its own
        state = {name: value for name, value in state.items() if name in known and not name.startswith("decoder.head")}
    _, unknown = _loaded(network, state)
    if unknown:
        raise TrainError(_refused(network, bundle))
    record = {"name": bundle.name, "sha256": bundle.sha256, "licence": bundle.licence, "rights": bundle.rights}
    return record | {key: bundle.training[key] for key in _RECORDED if key in bundle.training}


def network_of(bundle: Bundle) -> Generator:
    """The network that a bundle holds, with its weights.

    Raises:
        TrainError: it is no generator that runs start from.
        BundleError: it cannot be read.
    """
    named = stored_weights(bundle.model())
    state = state_of(named)
    down, blocks = state.get("encoder.down1.weight"), _blocks(state)
    if down is None or not blocks:
        raise TrainError(
            f"{bundle.folder} holds no generator that galatea or student has made: it is of method {bundle.method!r}"
        )
    kind = UGATITGenerator if "attention.mix.weight" in state else ResNetGenerator
    network = _generator(kind, bundle, down.shape[1], blocks, named)
    start_from(network, bundle)
    return network


def _generator(
    kind: type[Generator], bundle: Bundle, width: int, blocks: int, named: Mapping[str, Tensor]
) -> Generator:
    """A generator as the bundle's, of random weights: told what it is told, at the resolution it works at."""
    code = STYLE if "style" in bundle.conditions else 0
    if issubclass(kind, UGATITGenerator):
        draws_pixels = "decoder.narrow.weight" in named
        if bundle.takes_who:
            told = ToldPixelGenerator if draws_pixels else partial(ToldGenerator, unshuffle=unshuffle_of(named))
            return told(bundle.px, width, blocks)
        if draws_pixels:
            return PixelGenerator(bundle.px, width, blocks, code=code)
        return UGATITGenerator(bundle.px, width, blocks, code=code, unshuffle=unshuffle_of(named))
    return ResNetGenerator(width, blocks, code=code, unshuffle=unshuffle_of(named))


def enlarged(state: Mapping[str, Tensor], unshuffle: int) -> dict[str, Tensor]:
    """The weights of a plain generator for one of pictures r times as large, which sees means and makes squares of r×r.

    Args:
        state: of the plain one.
        unshuffle: r.
    """
    state, phases = dict(state), unshuffle**2
    stem = "encoder.stem.convolution.weight"
    state[stem] = state[stem].repeat_interleave(phases, 1) / phases
    for name in _HEAD & state.keys():
        state[name] = state[name].repeat_interleave(phases, 0)
    return state


def reduced(state: Mapping[str, Tensor], unshuffle: int) -> dict[str, Tensor]:
    """The weights of a plain generator from those of one of r times as large pictures, which undoes `enlarged`.

    It draws the mean of what that one draws in r×r pixels, before the tanh, of a picture with r×r pixels alike.

    Args:
        state: of the one for larger pictures.
        unshuffle: r.
    """
    state, phases = dict(state), unshuffle**2
    stem = "encoder.stem.convolution.weight"
    state[stem] = state[stem].unflatten(1, (-1, phases)).sum(2)
    for name in _HEAD & state.keys():
        state[name] = state[name].unflatten(0, (-1, phases)).mean(1)
    return state


def _refused(network: Generator, bundle: Bundle) -> str:
    """Why a bundle's weights do not fit a network of the same kind, width and blocks."""
    if bundle.takes_who and not isinstance(network, ToldGenerator | ToldPixelGenerator):
        return f"{bundle.name} is told who should be shown, this network is not: give --set who=true"
    if "style" in bundle.conditions:
        return f"{bundle.name} has styles, this network has none: galatea's --style-weight gives it some"
    return f"{bundle.name} has another decoder than this network: give --set decoder=pixels"


def _with_code(state: Mapping[str, Tensor], network: Generator) -> dict[str, Tensor]:
    """The weights of a generator that is told nothing for one that is, whose weights of it start at 0."""
    state, name = dict(state), "modulation.first.weight"
    if isinstance(network, UGATITGenerator) and name in state:
        wanted = network.modulation.first.in_features
        state[name] = torch.nn.functional.pad(state[name], (0, max(0, wanted - state[name].shape[1])))
    return state


def _loaded(network: nn.Module, state: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
    """Load what fits; returns the names that the network lacks, and those that it does not know or has otherwise."""
    own = network.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return sorted(own.keys() - fitting.keys()), sorted(state.keys() - fitting.keys())


def _described(state: Mapping[str, Tensor]) -> str:
    """The options of the generator that the weights are of, where they show."""
    down, blocks = state.get("encoder.down1.weight"), _blocks(state)
    if down is None or not blocks:
        return ""
    kind = "ugatit" if "attention.mix.weight" in state else "resnet"
    blocks += sum(name.startswith("adaptive_blocks.") and name.endswith(".first.weight") for name in state)
    return f", {kind} of width {down.shape[1]} and {blocks} blocks"


def _blocks(state: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in state if name.startswith("blocks.")})
