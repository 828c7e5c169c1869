"""Galatea's discriminators: what they see, how they score it, and the losses that follow from the scores.

Those on features see pictures augmented, all others as they are. The generators' step asks for the scores of results
alone; the discriminators' step for those of real pictures and of the same results behind them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.augment import augmented, softened
from anime2real.train.batch import Batch
from anime2real.train.face_parts import beside_expression, detail
from anime2real.train.losses.adversarial import (
    discriminators_loss,
    generators_loss,
    least_squares,
    squared,
    worst_patch,
)
from anime2real.train.losses.who import matching_least_squares, matching_loss, wrong_labels
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.galatea_results import Results
from anime2real.train.methods.galatea_told import joined
from anime2real.train.networks.projected import discriminator_loss, generator_loss


@dataclass(frozen=True)
class Seen:
    """What the discriminators of a domain see.

    Attributes:
        image: (N, 3, S, S) in [-1, 1].
        numbers: (N, AUGMENTATION) in [0, 1), which decide the augmentation.
        landmarks: (N, 5, 2) in [-1, 1], where the pack has them.
        who: (N, 2), who was asked for or is there, for discriminators that are told; (N, 6) with expressions.
        wrong: (M, 2) or (M, 6), wrong labels of the first M pictures, for these.
    """

    image: Tensor
    numbers: Tensor
    landmarks: Tensor | None
    who: Tensor | None = None
    wrong: Tensor | None = None


def seen_results(config: GalateaConfig, batch: Batch, results: Mapping[str, Results]) -> dict[str, Seen]:
    """What is seen in the generators' step, by domain: results, beside who was asked for."""
    seen = {}
    for variant, domain in ((0, "real"), (1, "anime")):
        if (of := results.get(domain)) is None:
            continue
        image = masked(batch, of, domain, as_soft(batch, domain, of.image))
        who = of.who if config.who else None
        seen[domain] = Seen(image, batch.numbers.augmentation(variant), of.landmarks, who)
    return seen


def seen_beside_real(config: GalateaConfig, batch: Batch, results: Mapping[str, Results]) -> dict[str, Seen]:
    """What is seen in the discriminators' step, by domain: real pictures first, then results.

    Args:
        config: the method's options.
        batch: the step's data.
        results: those that are seen (`galatea_results.py`), detached.
    """
    shown = batch if batch.real_set is None else batch.real_set
    augmentation = batch.numbers.augmentation  # each picture is augmented by numbers of its own
    seen = {}
    for variant, domain in ((2, "real"), (4, "anime")):
        if (of := results.get(domain)) is None:
            continue
        own_who = getattr(shown, f"{domain}_who")
        images = [
            masked(batch, of, domain, as_soft(batch, domain, each)) for each in (getattr(shown, domain), of.image)
        ]
        seen[domain] = Seen(
            torch.cat(images),
            torch.cat([augmentation(variant), augmentation(variant + 1)]),
            joined(getattr(shown, f"{domain}_landmarks"), of.landmarks),
        )
        if config.who:
            seen[domain] = replace(seen[domain], who=joined(own_who, of.who), wrong=wrong_labels(own_who))
    return seen


def as_soft(batch: Batch, domain: str, image: Tensor) -> Tensor:
    """Pictures of a domain, real or made, (N, 3, S, S), as soft as the real set's pictures beside them."""
    if batch.real_set is None:
        return image
    return softened(image, getattr(batch.real_set, f"{domain}_soft"))


def masked(batch: Batch, of: Results, domain: str, image: Tensor) -> Tensor:
    """Pictures of a domain, real or made, (N, 3, S, S), grey where a margin of either was made up.

    A made picture stands beside the real one of its place in the batch: both are masked where that one, or what the
    other was made from, does not show its file.
    """
    shown = batch if batch.real_set is None else batch.real_set
    known = getattr(shown, f"{domain}_known")
    if of.known is None or known is None:
        return image
    both: Tensor = of.known * known
    return image * both.to(image.dtype)


@dataclass(frozen=True)
class Discriminators:
    """All discriminators of a Galatea, which holds their networks.

    Attributes:
        config: the method's options.
        features: on pretrained features, by domain; the others are of the same domains.
        patch: PatchGANs of whole pictures, by domain.
        cam: U-GAT-IT's pairs, by domain.
        details: PatchGANs of `face_parts.DETAILS`, by domain and name, as `real_eyes`.
        reduction: how many pixels a side are averaged to one for `cam` and `details`.
    """

    config: GalateaConfig
    features: nn.ModuleDict
    patch: nn.ModuleDict
    cam: nn.ModuleDict
    details: nn.ModuleDict
    reduction: int

    def networks(self) -> list[nn.Module]:
        """What learns in the discriminators' step."""
        return [self.features, self.patch, self.cam, self.details]

    def scores(self, seen: Mapping[str, Seen]) -> dict[str, Callable[[], Any]]:
        """What computes each discriminator's scores of the pictures of its domain: independent pieces of work, by name.

        `features_real` and `cam_real` give lists of scores, `patch_real`, `real_eyes` and `real_mouth` scores; with
        as many for `anime`. Those that see more come first.
        """
        works: dict[str, Callable[[], Any]] = {}
        for domain, of in seen.items():
            labels = (of.who, of.wrong) if self.config.who else ()
            works[f"features_{domain}"] = partial(_of_augmented, self.features[domain], of.image, of.numbers, *labels)
        for domain, cam in self.cam.items():
            works[f"cam_{domain}"] = partial(self._cam_scores, cam, seen[domain].image)
        for domain, patch in self.patch.items():
            works[f"patch_{domain}"] = partial(patch, seen[domain].image)
        for place, near in self.details.items():
            domain, _, name = place.partition("_")
            works[place] = partial(self._detail_score, near, name, seen[domain])
        return works

    def generators_losses(self, done: Mapping[str, Any]) -> dict[str, Tensor]:
        """The generators' adversarial losses, by name, of the scores of results."""
        of_features = [generator_loss(done[f"features_{domain}"]) for domain in self.features]
        losses = {"adversarial": reduce(add, of_features)}
        if self.patch:
            scores = [done[f"patch_{domain}"] for domain in self.patch]
            losses["patch"] = reduce(add, (squared(score, 1.0) for score in scores))
            if self.config.worst_patch_weight:
                losses["worst_patch"] = reduce(add, (worst_patch(score) for score in scores))
        if self.cam:
            cams = [generators_loss(done[f"cam_{domain}"]) for domain in self.cam]
            losses["cam_discriminator"] = reduce(add, cams)
        if self.details:
            losses["detail"] = torch.stack([squared(done[place], 1.0) for place in self.details]).sum()
        return losses

    def losses(self, done: Mapping[str, Any], count: int) -> dict[str, Tensor]:
        """The discriminators' own losses, by name.

        Args:
            done: the scores of real pictures and results (`seen_beside_real`).
            count: N, how many real pictures there are of a domain, and as many results.
        """
        features_loss = partial(matching_loss, count=count) if self.config.who else hinge
        losses = {f"discriminator_{domain}": features_loss(done[f"features_{domain}"]) for domain in self.features}
        for domain in self.patch:
            losses[f"discriminator_patch_{domain}"] = least_squares(done[f"patch_{domain}"])
        if self.cam:
            cams = [discriminators_loss(done[f"cam_{domain}"]) for domain in self.cam]
            losses["discriminator_cam"] = reduce(add, cams)
        if self.details:
            of_detail = partial(matching_least_squares, count=count) if self.config.expressions else least_squares
            losses["discriminator_detail"] = torch.stack([of_detail(done[place]) for place in self.details]).sum()
        return losses

    def _cam_scores(self, discriminators: nn.Module, image: Tensor) -> list[Tensor]:
        """The scores that U-GAT-IT's discriminators give."""
        scores: list[Tensor] = discriminators(self._reduced(image))
        return scores

    def _detail_score(self, discriminator: nn.Module, name: str, of: Seen) -> Tensor:
        """The score that a discriminator of eyes or mouth gives."""
        assert of.landmarks is not None  # the loop refuses packs without them
        near = detail(name, self._reduced(of.image), of.landmarks)
        if self.config.expressions:
            assert of.who is not None
            near = beside_expression(name, near, of.who, of.wrong)
        score: Tensor = discriminator(near)
        return score

    def _reduced(self, image: Tensor) -> Tensor:
        """The picture as discriminators of `SIDE` px see it."""
        return F.avg_pool2d(image, self.reduction) if self.reduction > 1 else image


def _of_augmented(discriminator: nn.Module, image: Tensor, numbers: Tensor, *labels: Tensor | None) -> Any:
    """A discriminator's scores of pictures that are first augmented, beside labels if it is told: one piece of work."""
    return discriminator(augmented(image, numbers), *labels)


def hinge(scores: list[Tensor]) -> Tensor:
    """A projected discriminator's loss on (2N, …) scores a head, real pictures first, then fakes."""
    halves = [score.chunk(2) for score in scores]
    return discriminator_loss([real for real, _ in halves], [fake for _, fake in halves])
