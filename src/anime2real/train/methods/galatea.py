"""Galatea: cycle translation judged through pretrained eyes.

CycleGAN's cycle and identity losses (Zhu et al., 2017), with discriminators on frozen ImageNet features in place of
PatchGANs trained from nothing (Sauer et al., "Projected GANs Converge Faster", 2021; see `networks/projected.py`): they
know from the first step what eyes, hair and skin are, and faces stand after minutes.

    L(G, F) = mean over heads of -D(G(x)) + λ · (|F(G(x)) - x|₁ + ι · |G(y) - y|₁), and the same the other way round
    L(D)    = mean over heads of max(0, 1 - D(y)) + max(0, 1 + D(G(x)))

What the discriminators see is varied (Zhao et al., 2020), since 15,000 pictures are few. A PatchGAN beside them
(`patch_weight`) sees what stride-4 features do not: lines and texture; others, for each of eyes and mouth
(`detail_weight`, see `networks/details.py`), look from near. These see pictures as they are.

Hair keeps its colour and its place where the pack knows hair (`hair_weight`, see `networks/hair_colour.py`). And what
is translated need not be what is learned from: inputs come from all sources, the pictures that discriminators see as
real from the sharp ones alone (`real_set`, `min_scale`), or soft ones, too, beside results as soft (`soft_scale`).

With `style_weight` the generators are told a style, too, and one drawing gives several people (`networks/styles.py`).

The generators are U-GAT-IT's (`networks/ugatit.py`), which see a picture as a whole before they decide on its colours,
or CycleGAN's (`generator`). The former's classifiers learn as in U-GAT-IT (`cam_weight`). Its discriminators, of which
one sees a face as a whole, stand beside the others (`cam_discriminator_weight`).

The options are in `galatea_options.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from anime2real.bundle.format import STYLE
from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS
from anime2real.train.augment import augmented, reused, softened
from anime2real.train.face_parts import DETAILS, detail
from anime2real.train.hair_recolouring import chosen_colours, recoloured
from anime2real.train.import_weights import bundles_of, start_from
from anime2real.train.losses.hair_colour import hair_distance
from anime2real.train.losses.styles import alike, half_usual, styles
from anime2real.train.method import Batch, Method, TrainedTranslator, adam, frozen
from anime2real.train.methods.cyclegan import absolute, least_squares, squared
from anime2real.train.methods.galatea_options import SIDE, GalateaConfig, resolved
from anime2real.train.methods.ugatit import cam_loss, discriminators_loss, generators_loss
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.projected import ProjectedDiscriminator, discriminator_loss, generator_loss
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.networks.ugatit import UGATITGenerator, clip_rho
from anime2real.train.networks.ugatit_discriminator import DiscriminatorPair, least_side
from anime2real.train.run.config import TrainError

LEAST_SIDE = 32
"""Pixels a side below which the frozen features leave nothing to tell apart."""

LOCAL_LAYERS, GLOBAL_LAYERS = 5, 7
"""Of U-GAT-IT's discriminators, where pictures are large enough."""

CYCLES = 2
"""Works of the generators' step that come before the discriminators'."""

HAIR_COLOURS = 4096
"""Colours of drawn hair that photographs are dyed with."""


@dataclass(frozen=True)
class Seen:
    """What the discriminators of a domain see.

    Attributes:
        image: (N, 3, S, S) in [-1, 1].
        numbers: (N, NUMBERS) in [0, 1), what varies them.
        landmarks: (N, 5, 2) in [-1, 1], where the pack has them.
    """

    image: Tensor
    numbers: Tensor
    landmarks: Tensor | None


class Galatea(Method):
    """Both directions at once.

    Args:
        config: the method's options; what they leave to a pack is left out (see `resolved`).
        size: S, pixels a side, a multiple of 32.

    Raises:
        TrainError: if the packages with the pretrained features are missing, the pictures are too small, or their size
            cannot be divided as `unshuffle` wants.
    """

    name = "galatea"
    discriminator_features = "Lite0"
    averaged = ("to_real", "to_anime")
    decay_from = 2 / 3

    def __init__(self, config: GalateaConfig, size: int) -> None:
        super().__init__()
        if size < LEAST_SIDE:
            raise TrainError(f"galatea wants pictures of at least {LEAST_SIDE} px, not {size}")
        unshuffle = config.unshuffle or 1
        if size % (4 * unshuffle):
            raise TrainError(f"--unshuffle {unshuffle} wants pictures of a multiple of {4 * unshuffle} px, not {size}")
        self.config = config
        self.balance = config.balance
        self.hair_resampling = config.hair_resampling or 0.0
        self.real_set = config.real_set
        self.min_scale, self.soft_scale = config.min_scale, config.soft_scale
        self.wants_landmarks = bool(config.detail_weight)
        code = STYLE if config.style_weight else 0
        self.to_real, self.to_anime = (generator_of(config, size, code, unshuffle) for _ in DOMAINS)
        features = LiteFeatures()
        self.discriminator_real = ProjectedDiscriminator(config.projection_width, features)
        self.discriminator_anime = ProjectedDiscriminator(config.projection_width, features)
        self.wants_hair = bool(config.hair_recolouring or config.hair_weight)
        if (
            config.hair_recolouring
        ):  # saved with the networks: a run resumes and is exported with the colours it began with
            self.register_buffer("hair_colours", torch.zeros(HAIR_COLOURS, 3))
        patches = ("real", "anime") if config.patch_weight else ()
        self.patch_discriminators = nn.ModuleDict(
            {domain: PatchDiscriminator(config.patch_width) for domain in patches}
        )
        details = [f"{domain}_{name}" for domain in ("real", "anime") for name in DETAILS]
        self.detail_discriminators = nn.ModuleDict(
            {name: PatchDiscriminator(config.patch_width) for name in (details if config.detail_weight else ())}
        )
        drawn = () if config.generator == "ugatit" else (self.to_real, self.to_anime)
        self.reduction = max(1, size // SIDE)
        whole = size // self.reduction
        self.cam_discriminators = nn.ModuleDict(
            {
                name: discriminator_pair(whole, config.patch_width)
                for name in (DOMAINS if config.cam_discriminator_weight else ())
            }
        )
        for part in (*drawn, *self.patch_discriminators.values(), *self.detail_discriminators.values()):
            initialise(part)

    def load_initial_weights(self) -> None:
        """Take up the weights of `start_from`.

        Raises:
            TrainError: a bundle is missing, holds another network, or leads the same way as another.
        """
        networks = {"real": self.to_real, "anime": self.to_anime}
        starts = bundles_of(self.config.start_from)
        self.started_from = [start_from(networks[domain], bundle) for domain, bundle in starts.items()]

    def accelerate(self) -> None:
        """As of all methods; weights that never change are also rounded once, not by autocast at each call."""
        super().accelerate()
        self.discriminator_real.features.to(self.precision)  # both discriminators'

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators; without momentum, as projected GANs train."""
        betas = (0.0, 0.99)
        self.optimizers = {
            "generators": adam([self.to_real, self.to_anime], learning_rate, betas),
            "discriminators": adam([*self._judges()], learning_rate, betas),
        }

    @classmethod
    def resolve(cls, options: GalateaConfig, pack: Pack) -> GalateaConfig:
        """See `galatea_options.resolved`."""
        return resolved(options, pack)

    def set_hair_colours(self, colours: NDArray[np.float32]) -> None:
        """`HAIR_COLOURS` of the colours, evenly spread over the drawings; repeated where there are fewer."""
        if not self.config.hair_recolouring:
            return
        places = np.linspace(0, len(colours), HAIR_COLOURS, endpoint=False).astype(np.int64)
        self.get_buffer("hair_colours").copy_(torch.from_numpy(colours[places]))

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The generators' step, then the discriminators' on the same fakes; some photographs are dyed before."""
        real_set = batch.real_set
        if real_set is None:
            batch = self._dyed(batch)
        else:
            batch, real_set = self.both(partial(self._dyed, batch), partial(self._dyed, real_set))
            batch = replace(batch, real_set=real_set)
        losses, fake_real, fake_anime = self._generator_step(batch)
        losses.update(self._discriminator_step(batch, fake_real, fake_anime))
        return losses

    def _dyed(self, batch: Batch) -> Batch:
        if not self.config.hair_recolouring or batch.real_hair is None:
            return batch
        colours, strength = chosen_colours(
            self.get_buffer("hair_colours"), batch.uniforms[:, -1], self.config.hair_recolouring
        )
        return replace(batch, real=recoloured(batch.real, batch.real_hair, colours, strength))

    def _generator_step(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        config = self.config
        anime, real = batch.anime, batch.real
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        with frozen(*self._judges()), self.autocast():
            # The identity picture rides in the translation's batch: each picture is normalised by itself.
            styled, usual = self._styles(batch)
            (from_anime, logits_real), (from_real, logits_anime) = self.both(
                lambda: _translated(self.to_real, torch.cat([anime, real]), styled[0]),
                lambda: _translated(self.to_anime, torch.cat([real, anime]), styled[1]),
            )
            fake_real, same_real = from_anime.chunk(2)
            fake_anime, same_anime = from_real.chunk(2)
            shown_real, shown_anime = _as_soft(batch, fake_real, fake_anime)
            seen = {
                "real": Seen(shown_real, reused(batch.uniforms, 0), batch.anime_landmarks),
                "anime": Seen(shown_anime, reused(batch.uniforms, 1), batch.real_landmarks),
            }
            works: dict[str, Callable[[], Any]] = {
                "cycled_real": lambda: self.to_real(fake_anime, usual),
                "cycled_anime": lambda: self.to_anime(fake_real, usual),
            }
            works |= self._judgements(seen)
            if config.hair_weight and batch.anime_hair is not None and batch.real_hair is not None:
                works["hair_real"] = partial(hair_distance, anime, fake_real, batch.anime_hair)
                works["hair_anime"] = partial(hair_distance, real, fake_anime, batch.real_hair)
            done = self.together(works)
            cycled_real, cycled_anime = done["cycled_real"], done["cycled_anime"]
            adversarial = generator_loss(done["features_real"]) + generator_loss(done["features_anime"])
            cycle = absolute(cycled_real, real) + absolute(cycled_anime, anime)
            identity = absolute(same_real, real) + absolute(same_anime, anime)
            loss = adversarial + config.cycle_weight * (cycle + config.identity_weight * identity)
            losses = {"adversarial": adversarial, "cycle": cycle, "identity": identity}
            if config.patch_weight:
                scores = [done["patch_real"], done["patch_anime"]]
                losses["patch"] = squared(scores[0], 1.0) + squared(scores[1], 1.0)
                loss = loss + config.patch_weight * losses["patch"]
                if config.worst_patch_weight:
                    losses["worst_patch"] = worst_patch(scores[0]) + worst_patch(scores[1])
                    loss = loss + config.worst_patch_weight * losses["worst_patch"]
            if config.cam_discriminator_weight:
                losses["cam_discriminator"] = generators_loss(done["whole_real"]) + generators_loss(done["whole_anime"])
                loss = loss + config.cam_discriminator_weight * losses["cam_discriminator"]
            if config.detail_weight:
                losses["detail"] = torch.stack(
                    [squared(done[place], 1.0) for place in self.detail_discriminators]
                ).sum()
                loss = loss + config.detail_weight * losses["detail"]
            if config.style_weight:
                losses["diversity"] = self._alike(batch, fake_real, fake_anime)
                loss = loss + config.style_weight * losses["diversity"]
            if config.hair_weight and "hair_real" in done:
                losses["hair"] = done["hair_real"] + done["hair_anime"]
                loss = loss + config.hair_weight * losses["hair"]
            if logits_real is not None and logits_anime is not None:
                losses["cam"] = cam_loss(logits_real) + cam_loss(logits_anime)
                loss = loss + config.cam_weight * losses["cam"]
        loss.backward()
        optimizer.step()
        clip_rho(self.to_real)
        clip_rho(self.to_anime)
        return {key: value.detach() for key, value in losses.items()}, fake_real.detach(), fake_anime.detach()

    def _discriminator_step(self, batch: Batch, fake_real: Tensor, fake_anime: Tensor) -> dict[str, Tensor]:
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        # Real pictures first, then fakes; each picture is varied by numbers of its own.
        shown = batch if batch.real_set is None else batch.real_set
        shown_real, shown_anime = _as_soft(batch, fake_real, fake_anime)
        real, anime = _as_soft(batch, shown.real, shown.anime)
        numbers = {
            domain: torch.cat([reused(batch.uniforms, turn), reused(batch.uniforms, turn + 1)])
            for domain, turn in (("real", 2), ("anime", 4))
        }
        # A fake's features lie where those of the picture that it was made from lie.
        landmarks = {
            "real": _joined(shown.real_landmarks, batch.anime_landmarks),
            "anime": _joined(shown.anime_landmarks, batch.real_landmarks),
        }
        seen = {
            "real": Seen(torch.cat([real, shown_real]), numbers["real"], landmarks["real"]),
            "anime": Seen(torch.cat([anime, shown_anime]), numbers["anime"], landmarks["anime"]),
        }
        with self.autocast():
            works = self._judgements(seen)
            done = self.together(works, place=CYCLES)
            losses = {
                "discriminator_real": _hinge(done["features_real"]),
                "discriminator_anime": _hinge(done["features_anime"]),
            }
            loss = losses["discriminator_real"] + losses["discriminator_anime"]
            for domain in self.patch_discriminators:
                losses[f"discriminator_patch_{domain}"] = least_squares(done[f"patch_{domain}"])
                loss = loss + losses[f"discriminator_patch_{domain}"]
            if self.cam_discriminators:
                losses["discriminator_cam"] = discriminators_loss(done["whole_real"]) + discriminators_loss(
                    done["whole_anime"]
                )
                loss = loss + losses["discriminator_cam"]
            if self.detail_discriminators:
                scores = [least_squares(done[place]) for place in self.detail_discriminators]
                losses["discriminator_detail"] = torch.stack(scores).sum()
                loss = loss + losses["discriminator_detail"]
        loss.backward()
        optimizer.step()
        return {key: value.detach() for key, value in losses.items()}

    def _judges(self) -> list[nn.Module]:
        return [
            self.discriminator_real,
            self.discriminator_anime,
            self.patch_discriminators,
            self.cam_discriminators,
            self.detail_discriminators,
        ]

    def _judgements(self, seen: Mapping[str, Seen]) -> dict[str, Callable[[], Any]]:
        """What each discriminator is to say of the pictures of its domain, by name: independent pieces of work.

        `features_real` and `whole_real` give lists of scores, `patch_real`, `real_eyes` and `real_mouth` scores; with
        as many for `anime`. Those that see more come first.
        """
        on_features = {"real": self.discriminator_real, "anime": self.discriminator_anime}
        works: dict[str, Callable[[], Any]] = {}
        for domain, of in seen.items():
            works[f"features_{domain}"] = partial(self._by_features, on_features[domain], of)
        works |= {
            f"whole_{d}": partial(self._by_whole, discriminator, seen[d].image)
            for d, discriminator in self.cam_discriminators.items()
        }
        works |= {
            f"patch_{d}": partial(discriminator, seen[d].image)
            for d, discriminator in self.patch_discriminators.items()
        }
        for domain, of in seen.items():
            for name in DETAILS if self.detail_discriminators else ():
                place = f"{domain}_{name}"
                works[place] = partial(self._from_near, self.detail_discriminators[place], name, of)
        return works

    def _by_features(self, discriminator: nn.Module, of: Seen) -> list[Tensor]:
        """The scores that a discriminator on features gives augmented pictures."""
        scores: list[Tensor] = discriminator(augmented(of.image, of.numbers))
        return scores

    def _by_whole(self, discriminator: nn.Module, image: Tensor) -> list[Tensor]:
        """The scores of an attentive discriminator."""
        scores: list[Tensor] = discriminator(self._reduced(image))
        return scores

    def _from_near(self, discriminator: nn.Module, name: str, of: Seen) -> Tensor:
        """The score that a discriminator of details gives."""
        assert of.landmarks is not None  # the loop refuses packs without them
        cut = detail(name, self._reduced(of.image), of.landmarks)
        score: Tensor = discriminator(cut)
        return score

    def _reduced(self, image: Tensor) -> Tensor:
        """The picture as discriminators of `SIDE` px see it."""
        return F.avg_pool2d(image, self.reduction) if self.reduction > 1 else image

    def _styles(self, batch: Batch) -> tuple[tuple[Tensor | None, Tensor | None], Tensor | None]:
        """The generators' styles for the translations and the pictures behind them, and the usual one."""
        if not self.config.style_weight:
            return (None, None), None
        drawn = [half_usual(styles(batch.uniforms, turn)) for turn in (0, 1)]
        usual = torch.zeros_like(drawn[0])
        return (torch.cat([drawn[0], usual]), torch.cat([drawn[1], usual])), usual

    def _alike(self, batch: Batch, fake_real: Tensor, fake_anime: Tensor) -> Tensor:
        """How alike results of three styles are, the usual and two others, of some of the batch's pictures."""
        some = slice(max(1, len(batch.anime) // 4))  # of the half that had the usual style
        codes = [
            torch.cat([styles(batch.uniforms[some], turn), styles(batch.uniforms[some], turn + 2)]) for turn in (0, 1)
        ]
        (one_real, two_real), (one_anime, two_anime) = (
            result.chunk(2)
            for result in self.both(
                lambda: self.to_real(torch.cat([batch.anime[some]] * 2), codes[0]),
                lambda: self.to_anime(torch.cat([batch.real[some]] * 2), codes[1]),
            )
        )
        features: LiteFeatures = self.discriminator_real.features
        return alike(features, fake_real[some], one_real, two_real) + alike(
            features, fake_anime[some], one_anime, two_anime
        )

    def translators(self) -> list[TrainedTranslator]:
        """Both directions, averaged."""
        told = ("style",) if self.config.style_weight else ()
        return [
            TrainedTranslator(self.name, "anime", "real", self.average["to_real"], conditions=told),
            TrainedTranslator(self.name, "real", "anime", self.average["to_anime"], conditions=told),
        ]


def generator_of(config: GalateaConfig, size: int, code: int, unshuffle: int) -> ResNetGenerator | UGATITGenerator:
    """The generator that the options name, for pictures of `size` px, told a style of `code` numbers."""
    if config.generator == "ugatit":
        return UGATITGenerator(size, config.width, config.blocks // 2, code=code, unshuffle=unshuffle)
    return ResNetGenerator(config.width, config.blocks, code=code, unshuffle=unshuffle)


def discriminator_pair(side: int, width: int) -> DiscriminatorPair:
    """U-GAT-IT's two discriminators of a domain, as deep as published or, for smaller pictures, as `side` px allow."""
    fitting = [layers for layers in range(3, GLOBAL_LAYERS + 1) if least_side(layers) <= side]
    if not fitting:
        raise TrainError(f"--cam-discriminator-weight needs pictures of at least {least_side(3)} px, not {side}")
    return DiscriminatorPair(width, min(LOCAL_LAYERS, fitting[-1]), fitting[-1])


def _translated(
    generator: ResNetGenerator | UGATITGenerator, image: Tensor, style: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The translation, and the logits of the generator's classifiers, where it has some."""
    if isinstance(generator, UGATITGenerator):
        return generator.classified(image, style)
    return generator(image, style), None


def worst_patch(scores: Tensor) -> Tensor:
    """How far the lowest of each picture's scores, (N, 1, h, w), is from 1: the mean of the squares, a scalar."""
    return (scores.float().amin((1, 2, 3)) - 1).square().mean()


def _as_soft(batch: Batch, real: Tensor, anime: Tensor) -> tuple[Tensor, Tensor]:
    """Photographs and drawings, real or made, (N, 3, S, S) each, as soft as the real_set of their places."""
    if batch.real_set is None:
        return real, anime
    return softened(real, batch.real_set.real_soft), softened(anime, batch.real_set.anime_soft)


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return None if first is None or second is None else torch.cat([first, second])


def _hinge(scores: list[Tensor]) -> Tensor:
    """The discriminator's loss on (2N, …) scores a head, real pictures first, then fakes."""
    halves = [score.chunk(2) for score in scores]
    return discriminator_loss([real for real, _ in halves], [fake for _, fake in halves])
