"""Galatea: cycle translation with discriminators on pretrained features.

CycleGAN's cycle and identity losses (Zhu et al., 2017) with discriminators D on frozen ImageNet features (Sauer et al.,
"Projected GANs Converge Faster", 2021; `networks/projected.py`), which know from the first step what eyes, hair and
skin are. For G: x → y and F: y → x, and the same the other way round,

    adversarial    mean over heads of -D(G(x))                               weight 1
    cycle          |F(G(x)) - x|₁, of cells' means with `cycle_cell`         λ, `cycle_weight`
    identity       |G(y) - y|₁                                               λ · ι, `identity_weight`

    discriminator  mean over heads of max(0, 1 - D(y)) + max(0, 1 + D(G(x)))

These discriminators see augmented pictures (Zhao et al., 2020), since 15,000 pictures are few. Three more kinds see
pictures as they are, each with an adversarial loss of its own in least squares:

    patch          a PatchGAN: lines and texture, which features of stride 4 do not show
    worst_patch    the PatchGAN's loss on the worst patch of each picture alone
    detail         PatchGANs of eyes and of the mouth, cut out by the landmarks (`face_parts.py`)
    cam            U-GAT-IT's discriminators, whose attention sees a face as a whole (`cam_discriminator`)

and the generators have three more losses:

    cam            of U-GAT-IT's generators' classifiers (`networks/ugatit.py`)
    hair, eyes,    the distance between their colours before and after (`losses/hair_colour.py`, `eye_colour.py`,
    skin           `skin_colour.py`)
    labels         the distance from who was asked for, and from the expression before (`losses/labels.py`)
    diversity      the likeness of results of different styles (`losses/styles.py`)

With `who` the generators are told sex and age, and the discriminators on features see pictures beside labels, wrong
ones too (`networks/who.py`, `losses/who.py`).

What is translated need not be what is learned from: inputs come from all sources, and the pictures that discriminators
see as real from the real set alone (`real_set`, `min_scale`). With `mask_margins` they see grey where a picture, or the
one beside it, reaches beyond its file: nothing that was made up there, and no margin that tells domains apart.
The options are in `galatea_options.py`, what they build in `galatea_networks.py`; what changes in pictures before a
step is in `galatea_colours.py`, what results keep in `galatea_kept.py`; what generators are told and what
discriminators see and score is in `galatea_told.py`, `galatea_results.py` and `galatea_discriminators.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS, Domain
from anime2real.train.batch import Batch
from anime2real.train.face_parts import DETAILS
from anime2real.train.import_discriminators import import_discriminators
from anime2real.train.import_weights import bundles_of, start_from
from anime2real.train.losses.adversarial import absolute, cam_loss
from anime2real.train.losses.cycle import cycle_distance
from anime2real.train.losses.mirrored import mirrored
from anime2real.train.losses.styles import style_likeness, styles
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.methods.galatea_colours import hardened, recoloured, tinted
from anime2real.train.methods.galatea_discriminators import Discriminators, seen_beside_real, seen_results
from anime2real.train.methods.galatea_kept import kept, kept_losses
from anime2real.train.methods.galatea_networks import cam_discriminators, discriminator_of, generator_of, translated
from anime2real.train.methods.galatea_options import SIDE, GalateaConfig, resolved
from anime2real.train.methods.galatea_results import Results, chosen_results
from anime2real.train.methods.galatea_told import told
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.labels import LabelNetwork
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import initialise
from anime2real.train.networks.ugatit import clip_rho
from anime2real.train.optimizers import adam, frozen
from anime2real.train.run.config import TrainError

MIN_SIZE: Final = 32
"""Pixels a side below which the frozen features have nothing left to see."""

CYCLES: Final = 2
"""CUDA streams that the generators' step gives to the cycle; the discriminators' step leaves them out, so that each
discriminator has the same stream in both."""

HAIR_COLOURS: Final = 4096
"""Colours of drawn hair that photographs are given."""


class Galatea(Method):
    """Both directions at once.

    Args:
        config: the method's options; those that a pack decides are off until `resolve` has set them.
        size: S, pixels a side, a multiple of 32.

    Raises:
        TrainError: the packages with the pretrained features are missing, the pictures are too small, or their size
            cannot be divided as `unshuffle` wants.
    """

    name = "galatea"
    discriminator_features = "Lite0"
    averaged: tuple[str, ...] = ("to_real", "to_anime")
    decay_from = 2 / 3
    discriminated: tuple[Domain, ...] = ("real", "anime")  # first weights are drawn in this order

    def __init__(self, config: GalateaConfig, size: int) -> None:
        super().__init__()
        if size < MIN_SIZE:
            raise TrainError(f"galatea wants pictures of at least {MIN_SIZE} px, not {size}")
        unshuffle = config.unshuffle_factor
        if size % config.cycle_cell:
            raise TrainError(f"cycle_cell {config.cycle_cell} does not divide pictures of {size} px")
        if size % (4 * unshuffle):
            raise TrainError(f"unshuffle {unshuffle} wants pictures of a multiple of {4 * unshuffle} px, not {size}")
        self.config = config
        self.balance, self.hair_resampling = config.balance, config.hair_resampling or 0.0
        self.real_set, self.min_scale, self.soft_scale = config.real_set, config.min_scale, config.soft_scale
        self.wants_landmarks = config.wants_landmarks
        self.wants_hair = bool(config.hair_recolouring or config.hair_weight)
        self.wants_who, self.wants_expressions = config.who, config.expressions
        self.wants_frames = config.mask_margins
        self.to_real, self.to_anime = (generator_of(config, size, unshuffle) for _ in DOMAINS)
        self.features, of = LiteFeatures(), self.discriminated
        self.feature_discriminators = nn.ModuleDict({d: discriminator_of(config, self.features) for d in of})
        if config.label_weight:
            self.label_network = LabelNetwork()
        if config.hair_recolouring:  # saved with the networks: a resumed run goes on with the same colours
            self.register_buffer("hair_colours", torch.zeros(HAIR_COLOURS, 3))
        width = config.patch_width
        patches = of if config.patch_weight else ()
        self.patch_discriminators = nn.ModuleDict({domain: PatchDiscriminator(width) for domain in patches})
        details = [f"{domain}_{name}" for domain in of for name in DETAILS]
        details = details if config.detail_weight else []
        channels = 3 + (2 if config.expressions else 0)
        self.detail_discriminators = nn.ModuleDict({name: PatchDiscriminator(width, channels) for name in details})
        self.reduction = max(1, size // SIDE)
        cams = [d for d in DOMAINS if d in of and config.cam_discriminator_weight]
        self.cam_discriminators = nn.ModuleDict({d: cam_discriminators(size // self.reduction, width) for d in cams})
        generators = () if config.generator == "ugatit" else (self.to_real, self.to_anime)
        for part in (*generators, *self.patch_discriminators.values(), *self.detail_discriminators.values()):
            initialise(part)

    @classmethod
    def resolve(cls, options: GalateaConfig, pack: Pack) -> GalateaConfig:
        """See `galatea_options.resolved`."""
        return resolved(options, pack)

    def load_initial_weights(self) -> None:
        """Load the weights of `start_from` and of `discriminators_from`.

        Raises:
            TrainError: a bundle is missing, holds another network, or leads the same way as another; or there are no
                such discriminators.
        """
        networks = {"real": self.to_real, "anime": self.to_anime}
        starts = bundles_of(self.config.start_from)
        self.started_from = [start_from(networks[domain], bundle) for domain, bundle in starts.items()]
        if self.config.discriminators_from:
            import_discriminators(self, Path(self.config.discriminators_from))

    def accelerate(self) -> None:
        """As of all methods; weights that never change are also rounded once, not by autocast at each call."""
        from anime2real.train.accelerated.depthwise import lay_filters  # imports Triton

        super().accelerate()
        lay_filters(self.features.to(self.precision))  # all discriminators'

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators; without momentum, as projected GANs train."""
        betas = (0.0, 0.99)
        self.optimizers = {
            "generators": adam([getattr(self, name) for name in self.averaged], learning_rate, betas),
            "discriminators": adam(self.discriminators.networks(), learning_rate, betas),
        }

    def set_hair_colours(self, colours: NDArray[np.float32]) -> None:
        """Keep `HAIR_COLOURS` of the colours, evenly spread over the drawings; repeated where there are fewer."""
        if not self.config.hair_recolouring:
            return
        places = np.linspace(0, len(colours), HAIR_COLOURS, endpoint=False).astype(np.int64)
        self.get_buffer("hair_colours").copy_(torch.from_numpy(colours[places]))

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Change colours, step the generators, then the discriminators on the same fakes."""
        colours = self.get_buffer("hair_colours") if self.config.hair_recolouring else None
        changed = partial(recoloured, self.config, hair_colours=colours)
        real_set = batch.real_set
        if real_set is None:
            batch = changed(batch)
        else:
            batch, real_set = self.both(partial(changed, batch), partial(changed, real_set))
            batch = replace(batch, real_set=real_set)
        batch = tinted(self.config, batch)
        losses, results = self._generator_step(batch)
        losses.update(self._discriminator_step(batch, results))
        return losses

    def _generator_step(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Results]]:
        anime, real = batch.anime, batch.real
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        with frozen(*self.discriminators.networks()), self.autocast():
            # The identity picture rides in the translation's batch: each picture is normalised by itself.
            of_both, on_return = told(self.config, batch)
            hard_anime, hard_real = hardened(self.config, batch)
            (from_anime, logits_real), (from_real, logits_anime) = self.both(
                lambda: translated(self.to_real, torch.cat([hard_anime, real]), of_both[0]),
                lambda: translated(self.to_anime, torch.cat([hard_real, anime]), of_both[1]),
            )
            fake_real, same_real = from_anime.chunk(2)
            fake_anime, same_anime = from_real.chunk(2)
            works: dict[str, Callable[[], Any]] = {
                "real": lambda: self.to_real(fake_anime, on_return[0]),
                "anime": lambda: self.to_anime(fake_real, on_return[1]),
            }
            returned = self.together(works) if self.config.returned_share else {}
            results = chosen_results(self.config, batch, {"real": fake_real, "anime": fake_anime}, returned)
            scores = self.discriminators.scores(seen_results(self.config, batch, results))
            works = scores if returned else works | scores
            if self.config.mirror_weight:
                works["mirrored_real"] = partial(mirrored, self.to_real, hard_anime, fake_real, of_both[0])
                works["mirrored_anime"] = partial(mirrored, self.to_anime, hard_real, fake_anime, of_both[1])
            labels = (self.label_network, self.features) if self.config.label_weight else None
            works |= kept(self.config, batch, {"real": fake_real, "anime": fake_anime}, labels)
            done = returned | self.together(works, place=CYCLES if returned else 0)
            losses = self.discriminators.generators_losses(done)
            cell = self.config.cycle_cell
            losses["cycle"] = cycle_distance(real, done["real"], cell) + cycle_distance(anime, done["anime"], cell)
            losses["identity"] = absolute(same_real, real) + absolute(same_anime, anime)
            if self.config.style_weight:
                losses["diversity"] = self._likeness(batch, fake_real, fake_anime)
            losses |= kept_losses(done)
            if self.config.mirror_weight:
                losses["mirrored"] = done["mirrored_real"] + done["mirrored_anime"]
            if logits_real is not None and logits_anime is not None:
                losses["cam"] = cam_loss(logits_real) + cam_loss(logits_anime)
            loss = self._weighted(losses)
        loss.backward()
        optimizer.step()
        clip_rho(self.to_real)
        clip_rho(self.to_anime)
        detached = {domain: result.detached() for domain, result in results.items()}
        return {key: value.detach() for key, value in losses.items()}, detached

    def _weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The generators' loss: the sum of their losses, each with its weight."""
        config = self.config
        cycle = losses["cycle"] + config.identity_weight * losses["identity"]
        loss = losses["adversarial"] + config.cycle_weight * cycle
        for name, weight in config.weights.items():
            if name in losses:
                loss = loss + weight * losses[name]
        return loss

    def _discriminator_step(self, batch: Batch, results: Mapping[str, Results]) -> dict[str, Tensor]:
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        seen = seen_beside_real(self.config, batch, results)
        with self.autocast():
            done = self.together(self.discriminators.scores(seen), place=CYCLES)
            losses = self.discriminators.losses(done, count=len(batch.anime))
            loss = reduce(add, losses.values())
        loss.backward()
        optimizer.step()
        return {key: value.detach() for key, value in losses.items()}

    @property
    def discriminators(self) -> Discriminators:
        """What scores the networks that this module holds."""
        projected, patches = self.feature_discriminators, self.patch_discriminators
        cams, details = self.cam_discriminators, self.detail_discriminators
        return Discriminators(self.config, projected, patches, cams, details, self.reduction)

    def _likeness(self, batch: Batch, fake_real: Tensor, fake_anime: Tensor) -> Tensor:
        """How alike results of three styles are, the usual and two others, of some of the batch's pictures."""
        some = slice(max(1, len(batch.anime) // 4))  # of the half that had the usual style
        drawn = [styles(batch.numbers.style(variant))[some] for variant in range(4)]
        real, anime = self.both(
            lambda: self.to_real(torch.cat([batch.anime[some]] * 2), torch.cat([drawn[0], drawn[2]])),
            lambda: self.to_anime(torch.cat([batch.real[some]] * 2), torch.cat([drawn[1], drawn[3]])),
        )
        of_real = style_likeness(self.features, fake_real[some], *real.chunk(2))
        return of_real + style_likeness(self.features, fake_anime[some], *anime.chunk(2))

    def translators(self) -> list[TrainedTranslator]:
        """Both directions, averaged."""
        conditions = ("style",) if self.config.style_weight else ("who",) if self.config.who else ()
        to_real = TrainedTranslator(self.name, "anime", "real", self.average["to_real"], conditions=conditions)
        to_anime = TrainedTranslator(self.name, "real", "anime", self.average["to_anime"], conditions=conditions)
        return [
            replace(to_real, redrawn=self.config.returned_share > 0, keeps_colours=True),
            replace(to_anime, keeps_colours=True),
        ]
