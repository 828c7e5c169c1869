"""U-GAT-IT: translators that look where the domains differ.

Kim et al., "U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive Layer-Instance Normalization for
Image-to-Image Translation", ICLR 2020. Two generators with class-activation attention and AdaLIN
(`networks/ugatit.py`), a local and a global discriminator for each domain
(`networks/ugatit_discriminator.py`). For G: x → y, with η_G the logits of its
attention's classifiers and η_D those of the discriminators',

    adversarial    (D(G(x)) - 1)² + (η_D(G(x)) - 1)², local and global       section 2.2; weight 1
    cycle          |F(G(x)) - x|₁                                            weight 10
    identity       |G(y) - y|₁                                               weight 10
    CAM            -log σ(η_G(x)) - log(1 - σ(η_G(y)))                       weight 1000

and for each D: (D(y) - 1)² + D(G(x))², the same for η_D, summed over local and global, not halved. The discriminators
step first, then the generators against the stepped discriminators, as in the authors' code; but the generators'
translations serve both, since nothing moves them in between.

The paper's Adam: 1e-4, betas 0.5 and 0.999, weight decay 1e-4, the rate constant for half of a million iterations of
one pair, then falling linearly to zero. Departures: batches of 16 by default; a running average is exported.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from anime2real.bundle.limits import MAX_MODEL_BYTES
from anime2real.train.batch import Batch
from anime2real.train.losses.adversarial import absolute, cam_loss, discriminators_loss, generators_loss
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.methods.options import UGATITConfig
from anime2real.train.networks.ugatit import UGATITGenerator, clip_rho
from anime2real.train.networks.ugatit_discriminator import DiscriminatorPair, min_side
from anime2real.train.optimizers import adam, frozen
from anime2real.train.run.config import TrainError


@dataclass(frozen=True)
class Translations:
    """What the generators made of a batch, with gradients.

    Attributes:
        fake_real, fake_anime: translations, (N, 3, S, S) in [-1, 1].
        same_real, same_anime: what they made of pictures that were of the target domain already.
        logits_real, logits_anime: (2N, 2), what each one's classifiers took the pictures for: N of the source domain
            first, then N of the target.
    """

    fake_real: Tensor
    fake_anime: Tensor
    same_real: Tensor
    same_anime: Tensor
    logits_real: Tensor
    logits_anime: Tensor


class UGATIT(Method):
    """Both directions at once.

    Args:
        config: the method's options.
        size: S, pixels a side, a multiple of 4.

    Raises:
        TrainError: if the pictures are too small for the discriminators, or the full version's bundle too large.
    """

    name = "ugatit"
    averaged = ("to_real", "to_anime")

    def __init__(self, config: UGATITConfig, size: int) -> None:
        super().__init__()
        layers = max(config.local_layers, config.global_layers)
        if size % 4:
            raise TrainError(f"ugatit wants pictures of a multiple of 4 px, not {size}")
        if size < min_side(layers):
            raise TrainError(
                f"a discriminator of {layers} layers needs pictures of {min_side(layers)} px, not {size}: "
                "set --global-layers lower"
            )
        heaviest = 2 * (size // 4) ** 2 * (4 * config.width) ** 2  # bytes in fp16 of the layer that reads every place
        if not config.light and heaviest >= MAX_MODEL_BYTES:
            raise TrainError(
                f"the full version of width {config.width} for {size} px does not fit a bundle, which may have "
                f"{MAX_MODEL_BYTES >> 20} MB: train the light one, smaller or at a lower --width"
            )
        self.config = config
        self.to_real = UGATITGenerator(size, config.width, config.blocks, config.light)
        self.to_anime = UGATITGenerator(size, config.width, config.blocks, config.light)
        self.discriminator_real = DiscriminatorPair(
            config.discriminator_width, config.local_layers, config.global_layers
        )
        self.discriminator_anime = DiscriminatorPair(
            config.discriminator_width, config.local_layers, config.global_layers
        )

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators."""
        betas = (0.5, 0.999)
        self.optimizers = {
            "generators": adam([self.to_real, self.to_anime], learning_rate, betas),
            "discriminators": adam([self.discriminator_real, self.discriminator_anime], learning_rate, betas),
        }
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["weight_decay"] = self.config.weight_decay

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The discriminators' step, then the generators', on the same translations."""
        made = self._translate(batch)
        losses = self._discriminator_step(batch, made.fake_real.detach(), made.fake_anime.detach())
        return self._generator_step(batch, made) | losses

    def _translate(self, batch: Batch) -> Translations:
        anime, real = batch.anime, batch.real
        with self.autocast():
            # The identity picture rides in the translation's batch: each picture is normalised by itself.
            (to_real, logits_real), (to_anime, logits_anime) = self.both(
                lambda: self.to_real.classified(torch.cat([anime, real])),
                lambda: self.to_anime.classified(torch.cat([real, anime])),
            )
        (fake_real, same_real), (fake_anime, same_anime) = to_real.chunk(2), to_anime.chunk(2)
        return Translations(fake_real, fake_anime, same_real, same_anime, logits_real, logits_anime)

    def _discriminator_step(self, batch: Batch, fake_real: Tensor, fake_anime: Tensor) -> dict[str, Tensor]:
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            scores_real, scores_anime = self.both(
                lambda: self.discriminator_real(torch.cat([batch.real, fake_real])),
                lambda: self.discriminator_anime(torch.cat([batch.anime, fake_anime])),
            )
        loss_real, loss_anime = discriminators_loss(scores_real), discriminators_loss(scores_anime)
        (self.config.adversarial_weight * (loss_real + loss_anime)).backward()
        optimizer.step()
        return {"discriminator_real": loss_real.detach(), "discriminator_anime": loss_anime.detach()}

    def _generator_step(self, batch: Batch, made: Translations) -> dict[str, Tensor]:
        config = self.config
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        with frozen(self.discriminator_real, self.discriminator_anime), self.autocast():
            cycled_real, cycled_anime = self.both(
                lambda: self.to_real(made.fake_anime), lambda: self.to_anime(made.fake_real)
            )
            scores_real, scores_anime = self.both(
                lambda: self.discriminator_real(made.fake_real), lambda: self.discriminator_anime(made.fake_anime)
            )
        losses = {
            "adversarial": generators_loss(scores_real) + generators_loss(scores_anime),
            "cycle": absolute(cycled_real, batch.real) + absolute(cycled_anime, batch.anime),
            "identity": absolute(made.same_real, batch.real) + absolute(made.same_anime, batch.anime),
            "cam": cam_loss(made.logits_real) + cam_loss(made.logits_anime),
        }
        loss = (
            config.adversarial_weight * losses["adversarial"]
            + config.cycle_weight * losses["cycle"]
            + config.identity_weight * losses["identity"]
            + config.cam_weight * losses["cam"]
        )
        loss.backward()
        optimizer.step()
        clip_rho(self.to_real)
        clip_rho(self.to_anime)
        return {key: value.detach() for key, value in losses.items()}

    def translators(self) -> list[TrainedTranslator]:
        """Both directions, averaged."""
        return [
            TrainedTranslator(self.name, "anime", "real", self.average["to_real"]),
            TrainedTranslator(self.name, "real", "anime", self.average["to_anime"]),
        ]
