"""The networks of `galatea` that its options name."""

from torch import Tensor

from anime2real.bundle.format import STYLE
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.pixel_decoder import PixelGenerator
from anime2real.train.networks.projected import ProjectedDiscriminator
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.networks.ugatit_discriminator import DiscriminatorPair, min_side
from anime2real.train.networks.who import ToldDiscriminator, ToldGenerator, ToldPixelGenerator
from anime2real.train.run.config import TrainError

LOCAL_LAYERS, GLOBAL_LAYERS = 5, 7
"""Of U-GAT-IT's discriminators, where pictures are large enough."""


def generator_of(config: GalateaConfig, size: int, unshuffle: int) -> ResNetGenerator | UGATITGenerator:
    """The generator that the options name, for pictures of `size` px."""
    code, blocks = STYLE if config.style_weight else 0, config.blocks // 2
    if config.decoder == "pixels":
        return (ToldPixelGenerator if config.who else PixelGenerator)(size, config.width, blocks)
    if config.who:
        return ToldGenerator(size, config.width, blocks, unshuffle)
    if config.generator == "ugatit":
        return UGATITGenerator(size, config.width, blocks, code=code, unshuffle=unshuffle)
    return ResNetGenerator(config.width, config.blocks, code=code, unshuffle=unshuffle)


def cam_discriminators(side: int, width: int) -> DiscriminatorPair:
    """U-GAT-IT's two discriminators of a domain, as deep as published or, for smaller pictures, as `side` px allow."""
    fitting = [layers for layers in range(3, GLOBAL_LAYERS + 1) if min_side(layers) <= side]
    if not fitting:
        raise TrainError(f"cam_discriminator_weight needs pictures of at least {min_side(3)} px, not {side}")
    return DiscriminatorPair(width, min(LOCAL_LAYERS, fitting[-1]), fitting[-1])


def discriminator_of(config: GalateaConfig, features: LiteFeatures) -> ProjectedDiscriminator:
    """A discriminator on pretrained features, told who should be shown and how that one looks if the options say so."""
    if not config.who:
        return ProjectedDiscriminator(config.projection_width, features)
    return ToldDiscriminator(config.projection_width, features, 6 if config.expressions else 2)


def translated(
    generator: ResNetGenerator | UGATITGenerator, image: Tensor, told: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The translation, and the logits of the generator's classifiers, where it has some."""
    if isinstance(generator, UGATITGenerator):
        return generator.classified(image, told)
    return generator(image, told), None
