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

from anime2real.domain import Domain, other
from anime2real.train.losses.adversarial import absolute
from anime2real.train.method import Batch, TrainedTranslator
from anime2real.train.methods.options import Pix2PixConfig
from anime2real.train.methods.paired import PairedMethod, given_and_wanted, ways
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.resnet import ResNetGenerator, initialise
from anime2real.train.networks.source import Source
from anime2real.train.optimizers import adam, frozen


class Pix2Pix(PairedMethod):
    """The ways that the options ask for, each with networks of its own.

    Args:
        config: the method's options, resolved.
        size: S, pixels a side, a multiple of 4.
    """

    name = "pix2pix"
    averaged = ("generators",)

    def __init__(self, config: Pix2PixConfig, size: int) -> None:
        super().__init__()
        del size
        self.config = config
        self.generators, self.discriminators = nn.ModuleDict(), nn.ModuleDict()
        for target in ways(config.to):
            source = Source(config.classes)
            generator = ResNetGenerator(config.width, config.blocks, source.channels)
            self.generators[target] = nn.Sequential(source, generator)
            self.discriminators[target] = PatchDiscriminator(config.discriminator_width, source.channels + 3)
        initialise(self)

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for the generators, one for the discriminators."""
        betas = (0.5, 0.999)
        self.optimizers = {
            "generators": adam([self.generators], learning_rate, betas),
            "discriminators": adam([self.discriminators], learning_rate, betas),
        }

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The generators' step, then the discriminators' on the same pictures."""
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        made = {target: self._generate(batch, target) for target in ways(self.config.to)}
        adversarial = torch.stack([own for own, *_ in made.values()]).sum()
        distance = torch.stack([absolute(fake, wanted) for _, _, wanted, fake in made.values()]).sum()
        (adversarial + self.config.l1_weight * distance).backward()
        optimizer.step()
        optimizer = self.optimizers["discriminators"]
        optimizer.zero_grad(set_to_none=True)
        discriminator = torch.stack(
            [self._discriminate(target, *pictures) for target, (_, *pictures) in made.items()]
        ).sum()
        discriminator.backward()
        optimizer.step()
        losses = {"adversarial": adversarial, "l1": distance, "discriminator": discriminator}
        return {name: loss.detach() for name, loss in losses.items()}

    def _generate(self, batch: Batch, target: Domain) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A generator's adversarial loss; then what it saw, what was wanted of it, and what it made."""
        given, wanted = given_and_wanted(batch, target)
        encode, generator = self._parts(target)
        with frozen(self.discriminators[target]), self.autocast():
            source = encode(given)
            fake = generator(source)
            scores = self.discriminators[target](torch.cat([source, fake], dim=1))
        return F.softplus(-scores.float()).mean(), source, wanted, fake

    def _discriminate(self, target: Domain, source: Tensor, wanted: Tensor, fake: Tensor) -> Tensor:
        """The loss of a domain's discriminator."""
        pairs = torch.cat([torch.cat([source, picture], dim=1) for picture in (wanted, fake.detach())])
        with self.autocast():
            real, made = self.discriminators[target](pairs).float().chunk(2)
        return 0.5 * (F.softplus(-real).mean() + F.softplus(made).mean())

    def _parts(self, target: Domain) -> tuple[nn.Module, nn.Module]:
        encode, generator = self.generators[target].children()
        return encode, generator

    def translators(self) -> list[TrainedTranslator]:
        """The ways that were trained, averaged."""
        generators = self.average["generators"]
        assert isinstance(generators, nn.ModuleDict)
        return [
            TrainedTranslator(self.name, other(target), target, generators[target], classes=self.config.classes)
            for target in ways(self.config.to)
        ]
