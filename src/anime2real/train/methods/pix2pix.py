"""pix2pix: one generator and one discriminator learned from pairs, what pix2pixHD is measured against.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017. With s the source, x its
picture, σ the logistic function, and D a conditional 70×70 PatchGAN:

    G    -log σ(D(s, G(s))) + 100 · mean|x - G(s)|           equations 1, 3 and 4
    D    ½ (-log σ(D(s, x)) - log(1 - σ(D(s, G(s)))))        equation 1, halved as in section 3.3

Departures: G is the ResNet of the authors' later code (`networks/resnet.py`) in place of the U-Net, without dropout, so
that the same picture always gives the same result; instance norm in place of batch norm, which in the paper's
batches of one are the same. What is exported is a running average.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.domain import Domain
from anime2real.train.batch import Batch
from anime2real.train.losses.adversarial import absolute
from anime2real.train.methods.options import Pix2PixConfig
from anime2real.train.methods.paired import PairedMethod, given_and_wanted, ways
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.networks.source import Source
from anime2real.train.optimizers import frozen


class Pix2Pix(PairedMethod):
    """The ways that the options ask for, each with networks of its own.

    Args:
        config: the method's options, resolved.
        size: S, pixels a side, a multiple of 4.
    """

    name = "pix2pix"

    def __init__(self, config: Pix2PixConfig, size: int) -> None:
        super().__init__(config)
        del size
        for target in ways(config.to):
            source = Source(config.classes)
            generator = ResNetGenerator(config.width, config.blocks, source.channels)
            self.generators[target] = nn.Sequential(source, generator)
            self.discriminators[target] = PatchDiscriminator(config.discriminator_width, source.channels + 3)
        initialise(self)

    def _weights(self) -> dict[str, float]:
        return {"adversarial": 1.0, "l1": self.config.l1_weight}

    def _generate(self, batch: Batch, target: Domain) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        given, wanted = given_and_wanted(batch, target)
        encode, generator = self.generators[target].children()
        with frozen(self.discriminators[target]), self.autocast():
            source = encode(given)
            fake = generator(source)
            scores = self.discriminators[target](torch.cat([source, fake], dim=1))
        losses = {"adversarial": F.softplus(-scores.float()).mean(), "l1": absolute(fake, wanted)}
        return losses, source, wanted, fake.detach()

    def _discriminate(self, target: Domain, source: Tensor, wanted: Tensor, fake: Tensor) -> Tensor:
        pairs = torch.cat([torch.cat([source, picture], dim=1) for picture in (wanted, fake)])
        with self.autocast():
            real, made = self.discriminators[target](pairs).float().chunk(2)
        return 0.5 * (F.softplus(-real).mean() + F.softplus(made).mean())
