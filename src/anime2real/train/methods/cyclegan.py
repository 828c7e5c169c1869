"""Method 3: CycleGAN.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017. Two generators and
two discriminators; least-squares adversarial loss (section 4), cycle loss (equation 2) weighted 10, identity loss
(section 5.2) weighted 0.5 of that, fakes for the discriminators from a pool of 50 (section 4), Adam at 2e-4 with
beta1 0.5, the learning rate constant over the first half and falling linearly to zero over the second.

Two departures. The generator doubles its resolution by resize-convolution (see `networks/resnet.py`), and what is
exported is a running average of it. The identity picture rides in the same call as the translation, so an iteration
is four generator calls rather than six; each picture is normalised by itself, so the sums are the same.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.train.config import EPOCH_PAIRS
from anime2real.train.method import Batch, Method, Product, adam, frozen
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import ResNetGenerator, initialise


@dataclass(frozen=True)
class CycleGANConfig:
    """Options of CycleGAN.

    Attributes:
        width: generator channels after the first layer.
        blocks: residual blocks.
        discriminator_width: discriminator channels after the first layer.
        cycle_weight: of the cycle loss (lambda).
        identity_weight: of the identity loss, as a share of `cycle_weight`.
        pool_size: earlier fakes kept for each discriminator.
        learning_rate: of Adam.
        batch_size: pairs a step (1 in the paper; more is many times faster).
    """

    width: int = 64
    blocks: int = 9
    discriminator_width: int = 64
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    pool_size: int = 50
    learning_rate: float = 2e-4
    batch_size: int = 16


class CycleGAN(Method):
    """Both directions at once.

    Args:
        config: the method's options.
        size: S, pixels a side, a multiple of 4.
    """

    name = "cyclegan"
    default_pairs = 15 * EPOCH_PAIRS  # the paper's 15 epochs
    averaged = ("to_real", "to_anime")

    def __init__(self, config: CycleGANConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.to_real = ResNetGenerator(config.width, config.blocks)
        self.to_anime = ResNetGenerator(config.width, config.blocks)
        self.judge_real = PatchDiscriminator(config.discriminator_width)
        self.judge_anime = PatchDiscriminator(config.discriminator_width)
        for network in (self.to_real, self.to_anime, self.judge_real, self.judge_anime):
            initialise(network)
        # A whole batch is drawn from the pool at once, into distinct slots.
        slots = max(config.pool_size, config.batch_size)
        self.register_buffer("pool_real", torch.zeros(slots, 3, size, size))
        self.register_buffer("pool_anime", torch.zeros(slots, 3, size, size))
        self.register_buffer("pooled", torch.zeros((), dtype=torch.int64))
        self.pool_real: Tensor
        self.pool_anime: Tensor
        self.pooled: Tensor

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators."""
        betas = (0.5, 0.999)
        self.optimizers = {
            "generators": adam([self.to_real, self.to_anime], learning_rate, betas),
            "discriminators": adam([self.judge_real, self.judge_anime], learning_rate, betas),
        }

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The generators' step, then the discriminators' on pooled fakes."""
        losses, fake_real, fake_anime = self._generator_step(batch.anime, batch.real)
        with torch.no_grad():
            pooled_real = exchange(self.pool_real, fake_real, self.pooled, batch.uniforms[:, 0:2])
            pooled_anime = exchange(self.pool_anime, fake_anime, self.pooled, batch.uniforms[:, 2:4])
            self.pooled.add_(len(fake_real))
        losses.update(self._discriminator_step(batch, pooled_real, pooled_anime))
        return losses

    def _generator_step(self, anime: Tensor, real: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        config = self.config
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        with frozen(self.judge_real, self.judge_anime), self.autocast():
            from_anime, from_real = self.both(
                lambda: self.to_real(torch.cat([anime, real])), lambda: self.to_anime(torch.cat([real, anime]))
            )
            fake_real, same_real = from_anime.chunk(2)
            fake_anime, same_anime = from_real.chunk(2)
            cycled_real, cycled_anime = self.both(lambda: self.to_real(fake_anime), lambda: self.to_anime(fake_real))
            score_real, score_anime = self.both(
                lambda: self.judge_real(fake_real), lambda: self.judge_anime(fake_anime)
            )
            adversarial = squared(score_real, 1.0) + squared(score_anime, 1.0)
            cycle = absolute(cycled_real, real) + absolute(cycled_anime, anime)
            identity = absolute(same_real, real) + absolute(same_anime, anime)
            loss = adversarial + config.cycle_weight * (cycle + config.identity_weight * identity)
        loss.backward()
        optimizer.step()
        losses = {"adversarial": adversarial, "cycle": cycle, "identity": identity}
        return {key: value.detach() for key, value in losses.items()}, fake_real.detach(), fake_anime.detach()

    def _discriminator_step(self, batch: Batch, fake_real: Tensor, fake_anime: Tensor) -> dict[str, Tensor]:
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            scores_real, scores_anime = self.both(
                lambda: self.judge_real(torch.cat([batch.real, fake_real])),
                lambda: self.judge_anime(torch.cat([batch.anime, fake_anime])),
            )
            loss_real, loss_anime = least_squares(scores_real), least_squares(scores_anime)
        (loss_real + loss_anime).backward()
        optimizer.step()
        return {"judge_real": loss_real.detach(), "judge_anime": loss_anime.detach()}

    def products(self) -> list[Product]:
        """Both directions, averaged."""
        return [
            Product(self.name, "anime", "real", self.average["to_real"]),
            Product(self.name, "real", "anime", self.average["to_anime"]),
        ]


def squared(scores: Tensor, target: float) -> Tensor:
    """Mean squared distance of scores from a target, in fp32 (LSGAN)."""
    return (scores.float() - target).square().mean()


def absolute(one: Tensor, two: Tensor) -> Tensor:
    """Mean absolute distance of two pictures, in fp32."""
    return F.l1_loss(one.float(), two.float())


def least_squares(scores: Tensor) -> Tensor:
    """The discriminator's loss on (2N, …) scores, real pictures first, then fakes; halved as in the paper."""
    real, fake = scores.chunk(2)
    return 0.5 * (squared(real, 1.0) + squared(fake, 0.0))


def exchange(pool: Tensor, fakes: Tensor, pooled: Tensor, uniforms: Tensor) -> Tensor:
    """Pass a batch of fakes through a pool of earlier ones (Shrivastava et al., 2017), without a host read.

    Until the pool is full, fakes go in and come out as they are. Then each one, with probability one half, comes out
    as it is, or takes the place of an earlier one, which comes out instead.

    Args:
        pool: (P, 3, S, S), changed in place, P ≥ N.
        fakes: (N, 3, S, S).
        pooled: scalar int64, fakes that have passed before this batch.
        uniforms: (N, 2) in [0, 1): the choice, and the order in which slots are drawn.

    Returns:
        (N, 3, S, S): what the discriminator sees.
    """
    count, slots = len(fakes), len(pool)
    filling = pooled < slots
    arrival = (pooled + torch.arange(count, device=pool.device)) % slots
    # Distinct random slots: a random rotation plus a random order of a stride through the pool.
    order = torch.argsort(uniforms[:, 1])
    rotation = (uniforms[0, 1] * slots).long()
    drawn = (order * slots // count + rotation) % slots
    slot = torch.where(filling, arrival, drawn)
    swap = (uniforms[:, 0] >= 0.5) & ~filling
    keep = filling | swap
    earlier = pool[slot]
    mask = (slice(None), None, None, None)
    pool.index_copy_(0, slot, torch.where(keep[mask], fakes.to(pool.dtype), earlier))
    return torch.where(swap[mask], earlier.to(fakes.dtype), fakes)
