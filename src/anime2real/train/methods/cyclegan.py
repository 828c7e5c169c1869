"""Method 3: CycleGAN.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017. Two generators and
two discriminators; least-squares adversarial loss (section 4), cycle loss (equation 2) weighted 10, identity loss
(section 5.2) weighted 0.5 of that, fakes for the discriminators from a pool of 50 (section 4), Adam at 2e-4 with
beta1 0.5, the learning rate constant over the first half and falling linearly to zero over the second.

Two departures. The generator doubles its resolution by resize-convolution (see `networks/resnet.py`), and what is
exported is a running average of it. The identity picture rides in the same call as the translation, so an iteration
is four generator calls rather than six; each picture is normalised by itself, so the sums are the same.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from anime2real.domain import Domain
from anime2real.train.batch import Batch
from anime2real.train.joined_batch import joined, part
from anime2real.train.losses.adversarial import absolute, least_squares, squared
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.methods.options import CycleGANConfig
from anime2real.train.networks.resnet import initialise
from anime2real.train.networks.tilt import (
    Conditioned,
    TiltedDiscriminator,
    TiltedGenerator,
    condition_of,
)
from anime2real.train.networks.tilt_ways import inputs_of
from anime2real.train.optimizers import adam, frozen
from anime2real.train.run.config import TrainError

MIN_SIZE = 24
"""Pixels a side from which the discriminators' four convolutions have something to see."""


class CycleGAN(Method):
    """Both directions at once.

    Args:
        config: the method's options.
        size: S, pixels a side, a multiple of 4.
        maps: frozen translators of other runs, by the domain that they start from, whose results the generators see
            beside the picture.
    """

    name = "cyclegan"
    averaged = ("to_real", "to_anime")

    def __init__(self, config: CycleGANConfig, size: int, maps: Sequence[Mapping[Domain, nn.Module]] = ()) -> None:
        super().__init__()
        if size % 4 or size < MIN_SIZE:
            raise TrainError(f"cyclegan wants pictures of a multiple of 4 px, {MIN_SIZE} at least, not {size}")
        if len(maps) != len(config.maps):
            raise ValueError("maps are the translators of config.maps, which `run.restore.build` loads")
        self.config = config
        self.wants_landmarks = config.tilt != "none"
        self.augment = replace(type(self).augment, turn=math.radians(config.turn))
        self.to_real = TiltedGenerator(config.tilt, config.width, config.blocks, [m["anime"] for m in maps])
        self.to_anime = TiltedGenerator(config.tilt, config.width, config.blocks, [m["real"] for m in maps])
        self.discriminator_real = TiltedDiscriminator(config.tilt, config.discriminator_width)
        self.discriminator_anime = TiltedDiscriminator(config.tilt, config.discriminator_width)
        for each in (self.to_real, self.to_anime, self.discriminator_real, self.discriminator_anime):
            initialise(each.network)
        # A whole batch is drawn from the pool at once, into distinct slots.
        slots = max(config.pool_size, config.batch_size)
        self.register_buffer("pool_real", torch.zeros(slots, 3, size, size))
        self.register_buffer("pool_anime", torch.zeros(slots, 3, size, size))
        shape = (5, 2) if config.tilt == "landmarks" else ()
        self.register_buffer("condition_real", torch.zeros(slots, *shape))
        self.register_buffer("condition_anime", torch.zeros(slots, *shape))
        self.register_buffer("pooled", torch.zeros((), dtype=torch.int64))
        self.pool_real: Tensor
        self.pool_anime: Tensor
        self.condition_real: Tensor
        self.condition_anime: Tensor
        self.pooled: Tensor

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators."""
        betas = (0.5, 0.999)
        self.optimizers = {
            "generators": adam([self.to_real, self.to_anime], learning_rate, betas),
            "discriminators": adam([self.discriminator_real, self.discriminator_anime], learning_rate, betas),
        }

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The generators' step, then the discriminators' on pooled fakes."""
        conditions = self._conditions(batch)
        losses, fake_real, fake_anime = self._generator_step(batch, *conditions)
        with torch.no_grad():
            # A fake keeps the condition that it was made under: the drawing's for a fake photograph.
            pool_real, pool_anime = (self.pool_real, self.condition_real), (self.pool_anime, self.condition_anime)
            # All processes have the same pools, and pass the whole batch through them.
            fakes = joined(fake_real), joined(conditions[0]), joined(fake_anime), joined(conditions[1])
            numbers = joined(batch.numbers.pool_real), joined(batch.numbers.pool_anime)
            pooled_real = exchange(pool_real, fakes[:2], self.pooled, numbers[0])
            pooled_anime = exchange(pool_anime, fakes[2:], self.pooled, numbers[1])
            pooled_real, pooled_anime = (tuple(map(part, each)) for each in (pooled_real, pooled_anime))
            self.pooled.add_(len(fakes[0]))
        losses.update(self._discriminator_step(batch, conditions, pooled_real, pooled_anime))
        return losses

    def _conditions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The conditions of the drawings and of the photographs: zeros where the networks take none."""
        if batch.anime_landmarks is None or batch.real_landmarks is None:
            nothing = torch.zeros(len(batch.anime), device=batch.anime.device)
            return nothing, nothing
        tilt = self.config.tilt
        return condition_of(tilt, batch.anime_landmarks), condition_of(tilt, batch.real_landmarks)

    def _generator_step(
        self, batch: Batch, condition_anime: Tensor, condition_real: Tensor
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        config = self.config
        anime, real = batch.anime, batch.real
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        with frozen(self.discriminator_real, self.discriminator_anime), self.autocast():
            from_anime, from_real = self.both(
                lambda: self.to_real(torch.cat([anime, real]), torch.cat([condition_anime, condition_real])),
                lambda: self.to_anime(torch.cat([real, anime]), torch.cat([condition_real, condition_anime])),
            )
            fake_real, same_real = from_anime.chunk(2)
            fake_anime, same_anime = from_real.chunk(2)
            cycled_real, cycled_anime = self.both(
                lambda: self.to_real(fake_anime, condition_real), lambda: self.to_anime(fake_real, condition_anime)
            )
            score_real, score_anime = self.both(
                lambda: self.discriminator_real(fake_real, condition_anime),
                lambda: self.discriminator_anime(fake_anime, condition_real),
            )
            adversarial = squared(score_real, 1.0) + squared(score_anime, 1.0)
            cycle = absolute(cycled_real, real) + absolute(cycled_anime, anime)
            identity = absolute(same_real, real) + absolute(same_anime, anime)
            loss = adversarial + config.cycle_weight * (cycle + config.identity_weight * identity)
        loss.backward()
        optimizer.step()
        losses = {"adversarial": adversarial, "cycle": cycle, "identity": identity}
        return {key: value.detach() for key, value in losses.items()}, fake_real.detach(), fake_anime.detach()

    def _discriminator_step(
        self,
        batch: Batch,
        conditions: tuple[Tensor, Tensor],
        fake_real: Sequence[Tensor],
        fake_anime: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            scores_real, scores_anime = self.both(
                lambda: self.discriminator_real(
                    torch.cat([batch.real, fake_real[0]]), torch.cat([conditions[1], fake_real[1]])
                ),
                lambda: self.discriminator_anime(
                    torch.cat([batch.anime, fake_anime[0]]), torch.cat([conditions[0], fake_anime[1]])
                ),
            )
            loss_real, loss_anime = least_squares(scores_real), least_squares(scores_anime)
        (loss_real + loss_anime).backward()
        optimizer.step()
        return {"discriminator_real": loss_real.detach(), "discriminator_anime": loss_anime.detach()}

    def translators(self) -> list[TrainedTranslator]:
        """Both directions, averaged."""
        name = "cyclegan" if self.config.tilt == "none" else f"cyclegan-{self.config.tilt}"
        conditions = inputs_of(self.config.tilt)
        translators = []
        for source, target in (("anime", "real"), ("real", "anime")):
            module = self.average[f"to_{target}"]
            shown = Conditioned(cast(TiltedGenerator, module)) if conditions else module
            translators.append(
                TrainedTranslator(name, cast(Domain, source), cast(Domain, target), shown, conditions=conditions)
            )
        return translators


def exchange(pools: Sequence[Tensor], items: Sequence[Tensor], pooled: Tensor, uniforms: Tensor) -> tuple[Tensor, ...]:
    """Pass a batch of fakes through a pool of earlier ones (Shrivastava et al., 2017), without a host read.

    Until the pool is full, fakes go in and come out as they are. Then each one, with probability one half, comes out
    as it is, or takes the place of an earlier one, which comes out instead.

    Args:
        pools: the pool, (P, …) for each thing that a fake consists of, changed in place, P ≥ N.
        items: (N, …) for each, fakes first.
        pooled: scalar int64, fakes that have passed before this batch.
        uniforms: (N, 2) in [0, 1): the choice, and the order in which slots are drawn.

    Returns:
        (N, …) for each: what the discriminator sees.
    """
    count, slots = len(items[0]), len(pools[0])
    filling = pooled < slots
    arrival = (pooled + torch.arange(count, device=pooled.device)) % slots
    # Distinct random slots: a random rotation plus a random order of a stride through the pool.
    order = torch.argsort(uniforms[:, 1])
    rotation = (uniforms[0, 1] * slots).long()
    drawn = (order * slots // count + rotation) % slots
    slot = torch.where(filling, arrival, drawn)
    swap = (uniforms[:, 0] >= 0.5) & ~filling
    keep = filling | swap
    seen = []
    for pool, item in zip(pools, items, strict=True):
        shape = (-1,) + (1,) * (item.ndim - 1)
        earlier = pool[slot]
        pool.index_copy_(0, slot, torch.where(keep.view(shape), item.to(pool.dtype), earlier))
        seen.append(torch.where(swap.view(shape), earlier.to(item.dtype), item))
    return tuple(seen)
