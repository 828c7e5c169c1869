"""What a method is to the training loop.

A method is one `torch.nn.Module` that holds its networks, their running averages and every tensor that must survive a
resume (fake pools are buffers). It offers a `step` without host reads, so that the loop can capture the whole iteration
in a CUDA graph, and hands out plain modules to export.
"""

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS, Domain
from anime2real.train.accelerated import accelerate
from anime2real.train.batch import Augment, Batch

First = TypeVar("First")
Second = TypeVar("Second")

WARMUP_PAIRS = 16_000
"""Pairs over which the learning rate rises where a run starts from bundles."""


@dataclass(frozen=True)
class TrainedTranslator:
    """A translator that training has made.

    Attributes:
        name: of the method, or what tells this one from its siblings.
        source, target: domains.
        module: image -> image, (N, 3, S, S) in [-1, 1]; where `conditions` has a name, (image, condition) -> image.
        final: whether it is what the run was for; snapshots are not.
        redrawn, keeps_colours: whether its bundle is redrawn by that of the way back, and keeps colours, as `Bundle`.
        classes: of the label maps that it takes for pictures, see `networks/source.py`; 0 if it takes pictures.
        conditions: () or what it takes beside the picture: ("tilt",), (N,) in radians; ("landmarks",), (N, 5, 2) in
            shares of the side; ("style",), (N, `bundle.STYLE`); ("who",), (N, 2).
    """

    name: str
    source: Domain
    target: Domain
    module: nn.Module
    final: bool = True
    conditions: tuple[str, ...] = ()
    classes: int = 0
    redrawn: bool = False
    keeps_colours: bool = False


class Method(nn.Module):
    """Base of every method.

    Class attributes:
        name: what the command line calls it.
        averaged: names of the submodules whose running average is kept in `self.average` and exported.
        decay_from: share of the budget after which the learning rate falls linearly to zero.
        wants_pairs: whether a batch's photographs are those that belong to its drawings.
        wants_who, wants_expressions, wants_frames: whether its batches tell whom a picture shows, with which
            expression, and where the picture shows its file.
        discriminated: domains whose pictures discriminators see; of others a real set need hold none.
        balance: how evenly the sources of a domain are drawn, from 0, as many as they hold, to 1, all alike.
        hair_resampling: how far the photographs are drawn so that their hair lies as the drawings' does, from 0 to 1.
        real_set: names of the sources whose pictures alone are the batch's `real_set`; of all, if none is named.
        min_scale: the least scale (`Pack.scales`) of pictures among them. With neither set a batch has no real_set.
        soft_scale: if not 0, a smaller scale that is enough; the batch says which of them are `soft`.
        head_start: share of the budget, at its beginning, in which what starts trained keeps still.
        started_from: what is to be noted of the bundles that its networks started from.
        discriminator_features: of `measure.features`, which discriminators or a loss see; they do not measure results.
    """

    name: ClassVar[str]
    averaged: tuple[str, ...] = ()
    decay_from: ClassVar[float] = 0.5
    discriminated: tuple[Domain, ...] = DOMAINS
    discriminator_features: str | None = None
    augment: Augment = Augment()
    wants_pairs: bool = False
    wants_landmarks: bool = False
    wants_hair: bool = False
    wants_who: bool = False
    wants_expressions: bool = False
    wants_frames: bool = False
    balance: float = 0.0
    hair_resampling: float = 0.0
    real_set: tuple[str, ...] = ()
    min_scale: float = 0.0
    soft_scale: float = 0.0
    head_start: float = 0.0
    started_from: Sequence[dict[str, Any]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.average = nn.ModuleDict()
        self.further_emas = 0
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.precision: torch.dtype = torch.float32
        self.side_streams: Sequence[torch.cuda.Stream] = ()

    @property
    def wants_real_set(self) -> bool:
        """Whether its batches have `real_set`."""
        return bool(self.real_set) or self.min_scale > 0

    @property
    def warmup_pairs(self) -> int:
        """Pairs over which the learning rate rises from nothing: only where the networks started from bundles, whose
        weights are not to be torn by Adam's first steps, which are as long whatever the gradient."""
        return WARMUP_PAIRS if self.started_from else 0

    def load_initial_weights(self) -> None:
        """Take up weights that the options name; called once, before the first step of a run and never on resuming."""

    def enter(self, used: float) -> bool:
        """Go into the stage of training that belongs to a share of the budget, in [0, 1].

        Returns:
            whether it is another stage than before, so that the next step computes something else.
        """
        del used
        return False

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One training step; returns detached scalar losses on the device. Must not read anything back to the host."""
        raise NotImplementedError

    def translators(self) -> list[TrainedTranslator]:
        """The translators as they stand, averaged where the method averages."""
        raise NotImplementedError

    @classmethod
    def resolve(cls, options: Any, pack: Pack) -> Any:
        """The options with what they leave to the pack decided.

        Args:
            options: the method's configuration.
            pack: to train on.

        Raises:
            TrainError: if they want what the pack does not have.
        """
        del pack
        return options

    def set_hair_colours(self, colours: NDArray[np.float32]) -> None:
        """Keep the colours (K, 3), CIELAB, of the training drawings' hair; called once, if `wants_hair`."""
        del colours

    def arrange(
        self, anime: NDArray[np.int64], real: NDArray[np.int64], pictures: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """Reorder the rows `real` (N,) against the rows `anime` (N,) of `pictures`; on the host, before the step."""
        del anime, pictures
        return real

    def make_optimizers(self, learning_rate: float) -> None:
        """Fill `self.optimizers`; called once, after the networks lie on their device."""
        del learning_rate

    def accelerate(self) -> None:
        """Let the networks compute by their fused forms; their averages, which only translate, stay plain."""
        for name, child in self.named_children():
            if name != "average":
                accelerate(child)

    def start_average(self, further: int = 0) -> None:
        """Copy every averaged network as it stands, and again for so many further EMAs."""
        self.further_emas = further
        for name in self.averaged:
            for each in _averages_of(name, further):
                self.average[each] = copy.deepcopy(getattr(self, name)).requires_grad_(False).eval()

    @torch.no_grad()
    def update_average(self, weights: Tensor) -> None:
        """Move the EMAs towards their networks, by `weights`: (1 + further_emas,), 1 - β of each."""
        for name in self.averaged:
            current: list[Tensor] = list(getattr(self, name).parameters())
            for each, weight in zip(_averages_of(name, self.further_emas), weights, strict=True):
                average: list[Tensor] = list(self.average[each].parameters())
                if average:
                    change = torch._foreach_sub(current, average)
                    torch._foreach_mul_(change, weight)
                    torch._foreach_add_(average, change)

    def ema_translators(self, place: int) -> list[TrainedTranslator]:
        """The translators by a further EMA in place of the first."""
        usual = {name: self.average[name] for name in self.averaged}
        try:
            for name in self.averaged:
                self.average[name] = self.average[_averages_of(name, self.further_emas)[1 + place]]
            return self.translators()
        finally:
            for name, module in usual.items():
                self.average[name] = module

    def autocast(self) -> torch.autocast:
        """The mixed precision of the forward passes: off for fp32."""
        own = next(itertools.chain(self.buffers(), self.parameters()), None)
        device = "cpu" if own is None else own.device.type
        return torch.autocast(device, dtype=torch.bfloat16, enabled=self.precision == torch.bfloat16)

    def both(self, first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
        """Run two independent pieces of work, side by side where the loop gave CUDA streams.

        One generator's memory-bound norms then overlap with the other's compute-bound convolutions.
        """
        done = self.together({"first": first, "second": second})
        return done["first"], done["second"]

    def together(self, works: Mapping[str, Callable[[], Any]], place: int = 0) -> dict[str, Any]:
        """Run independent pieces of work side by side where the loop gave CUDA streams; their results by their names.

        Small batches leave a GPU waiting for thousands of small kernels one after the other; those of different works
        run at once. Whoever runs a network twice in a step gives it the same place, so that memory is found again
        where it was left. The caller keeps what the works see until they are through, backward pass included.

        Args:
            works: by name.
            place: of the first of them among the streams, 0 for the main one; the others follow.
        """
        if not self.side_streams:
            return {name: work() for name, work in works.items()}
        main = torch.cuda.current_stream()
        streams = [main, *self.side_streams]
        given = {name: streams[(place + i) % len(streams)] for i, name in enumerate(works)}
        beside = [stream for stream in streams[1:] if stream in given.values()]
        for stream in beside:
            stream.wait_stream(main)
        done = {}
        for name, work in works.items():
            with torch.cuda.stream(given[name]):
                done[name] = work()
        for stream in beside:
            main.wait_stream(stream)
        return done


def _averages_of(name: str, further: int) -> list[str]:
    """What a network's averages are called in `Method.average`."""
    return [name, *(f"{name}_{place + 1}" for place in range(further))]
