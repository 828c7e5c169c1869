"""What the methods that learn from pairs share: which ways they go, and what the pack must have for it."""

from dataclasses import replace
from typing import Any, Final

from torch import Tensor

from anime2real.data.pack import Pack
from anime2real.domain import Domain, other
from anime2real.train.method import Augment, Batch, Method
from anime2real.train.run.config import TrainError

ALL_WAYS: Final[tuple[Domain, ...]] = ("real", "anime")


class PairedMethod(Method):
    """Base of methods whose batches are pairs: `batch.real[i]` is what `batch.anime[i]` should become.

    Pairs are mirrored together and not cropped: a label map can be mirrored exactly.
    """

    wants_pairs = True
    augment = Augment(flip=True, zoom=0.0, shared=True)

    @classmethod
    def resolve(cls, options: Any, pack: Pack) -> Any:
        """The options with `classes`, and the one way that label maps leave."""
        if not len(pack.pairs("train")):
            raise TrainError(f"{pack.folder} has no pairs, which {cls.name} needs: prepare it with --pairs")
        if pack.classes and options.to == "anime":
            raise TrainError(f"{pack.folder} has label maps, which nothing translates to: leave --to out")
        return replace(options, classes=len(pack.classes), to="real" if pack.classes else options.to)


def ways(to: str) -> tuple[Domain, ...]:
    """The domains that are translated to, by the option `to`."""
    return tuple(domain for domain in ALL_WAYS if to in (domain, "both"))


def given_and_wanted(batch: Batch, target: Domain) -> tuple[Tensor, Tensor]:
    """A batch's pictures of the source and of the target domain, (N, 3, S, S) each."""
    sides = {"anime": batch.anime, "real": batch.real}
    return sides[other(target)], sides[target]
