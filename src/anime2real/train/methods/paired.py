"""What the methods that learn from pairs share: which ways they go, what the pack must have for it, and the step."""

from abc import abstractmethod
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from anime2real.data.pack import Pack
from anime2real.domain import Domain, other
from anime2real.train.batch import Augment, Batch
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.optimizers import adam
from anime2real.train.run.config import TrainError

ALL_WAYS: Final[tuple[Domain, ...]] = ("real", "anime")


class PairedMethod(Method):
    """Base of methods whose batches are pairs: `batch.real[i]` is what `batch.anime[i]` should become.

    Pairs are mirrored together and not cropped: a label map can be mirrored exactly. A method makes `generators` and
    `discriminators`, one of each for a way, by the domain that it leads to.

    Args:
        config: the method's options, resolved.
    """

    averaged = ("generators",)
    wants_pairs = True
    augment = Augment(flip=True, zoom=0.0, shared=True)

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.generators, self.discriminators = nn.ModuleDict(), nn.ModuleDict()

    @classmethod
    def resolve(cls, options: Any, pack: Pack) -> Any:
        """The options with `classes`, and the one way that label maps leave."""
        if not len(pack.pairs("train")):
            raise TrainError(f"{pack.folder} has no pairs, which {cls.name} needs: prepare it with --pairs")
        if pack.classes and options.to == "anime":
            raise TrainError(f"{pack.folder} has label maps, which nothing translates to: leave --to out")
        return replace(options, classes=len(pack.classes), to="real" if pack.classes else options.to)

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators."""
        betas = (0.5, 0.999)
        self.optimizers = {
            "generators": adam([self.generators], learning_rate, betas),
            "discriminators": adam([self.discriminators], learning_rate, betas),
        }

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The generators' step, then the discriminators' on the same pictures."""
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        made = {target: self._generate(batch, target) for target in ways(self.config.to)}
        losses = {name: torch.stack([own[name] for own, *_ in made.values()]).sum() for name in self._weights()}
        torch.stack([weight * losses[name] for name, weight in self._weights().items()]).sum().backward()
        optimizer.step()
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        scored = [self._discriminate(target, *pictures) for target, (_, *pictures) in made.items()]
        losses["discriminator"] = torch.stack(scored).sum()
        losses["discriminator"].backward()
        optimizer.step()
        return {name: loss.detach() for name, loss in losses.items()}

    @abstractmethod
    def _weights(self) -> dict[str, float]:
        """The generators' losses that count, with their weights."""

    @abstractmethod
    def _generate(self, batch: Batch, target: Domain) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """A generator's losses; then what it saw, what was wanted of it, and what it made, detached."""

    @abstractmethod
    def _discriminate(self, target: Domain, source: Tensor, wanted: Tensor, fake: Tensor) -> Tensor:
        """The loss of a way's discriminators."""

    def translators(self) -> list[TrainedTranslator]:
        """The ways that were trained, averaged."""
        generators = self.average["generators"]
        assert isinstance(generators, nn.ModuleDict)
        return [
            TrainedTranslator(self.name, other(target), target, generators[target], classes=self.config.classes)
            for target in ways(self.config.to)
        ]


def ways(to: str) -> tuple[Domain, ...]:
    """The domains that are translated to, by the option `to`."""
    return tuple(domain for domain in ALL_WAYS if to in (domain, "both"))


def given_and_wanted(batch: Batch, target: Domain) -> tuple[Tensor, Tensor]:
    """A batch's pictures of the source and of the target domain, (N, 3, S, S) each."""
    sides = {"anime": batch.anime, "real": batch.real}
    return sides[other(target)], sides[target]
