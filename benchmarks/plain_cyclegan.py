"""CycleGAN and Galatea as one writes them first: the references of `train_step.py`.

Eager torch, doubling before a convolution, `nn.InstanceNorm2d`, six generator passes a step, a pool in Python; for
Galatea the pretrained features as their package has them.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anime2real.train.augment import augmented
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.options import CycleGANConfig
from anime2real.train.networks.efficientnet import pretrained
from anime2real.train.networks.projected import ProjectedDiscriminator, discriminator_loss, generator_loss
from anime2real.train.networks.resnet import initialise
from anime2real.train.random_numbers import AUGMENTATION


def freely_augmented(image: Tensor) -> Tensor:
    """Augmented by numbers of torch's own."""
    return augmented(image, torch.rand(len(image), AUGMENTATION, device=image.device))


class PlainBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        convolution = lambda: (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels))  # noqa: E731
        self.body = nn.Sequential(*convolution(), nn.ReLU(), *convolution())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def plain_generator(width: int = 64, blocks: int = 9) -> nn.Sequential:
    w = width
    up = lambda a, b: (nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), nn.InstanceNorm2d(b), nn.ReLU())  # noqa: E731
    return nn.Sequential(
        nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7), nn.InstanceNorm2d(w), nn.ReLU(),
        nn.Conv2d(w, 2 * w, 3, 2, 1), nn.InstanceNorm2d(2 * w), nn.ReLU(),
        nn.Conv2d(2 * w, 4 * w, 3, 2, 1), nn.InstanceNorm2d(4 * w), nn.ReLU(),
        *(PlainBlock(4 * w) for _ in range(blocks)),
        *up(4 * w, 2 * w), *up(2 * w, w),
        nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh(),
    )  # fmt: skip


def plain_discriminator(width: int = 64) -> nn.Sequential:
    w = width
    layer = lambda a, b, s: (nn.Conv2d(a, b, 4, s, 1), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2))  # noqa: E731
    return nn.Sequential(
        nn.Conv2d(3, w, 4, 2, 1), nn.LeakyReLU(0.2),
        *layer(w, 2 * w, 2), *layer(2 * w, 4 * w, 2), *layer(4 * w, 8 * w, 1), nn.Conv2d(8 * w, 1, 4, 1, 1),
    )  # fmt: skip


class PlainCycleGAN:
    """The reference: one iteration as the paper's code has it."""

    def __init__(self, device: torch.device, size: int, config: CycleGANConfig | GalateaConfig) -> None:
        del size
        discriminator_width = config.discriminator_width if isinstance(config, CycleGANConfig) else config.patch_width
        networks = [plain_generator(config.width, config.blocks) for _ in range(2)]
        networks += [plain_discriminator(discriminator_width) for _ in range(2)]
        self.to_real, self.to_anime, self.discriminator_real, self.discriminator_anime = (
            n.to(device) for n in networks
        )
        for network in networks:
            initialise(network)
        generators = [*self.to_real.parameters(), *self.to_anime.parameters()]
        self.discriminators = [*self.discriminator_real.parameters(), *self.discriminator_anime.parameters()]
        self.generator_adam = torch.optim.Adam(generators, lr=2e-4, betas=(0.5, 0.999))
        self.discriminator_adam = torch.optim.Adam(self.discriminators, lr=2e-4, betas=(0.5, 0.999))
        self.pools: list[list[Tensor]] = [[], []]

    def pooled(self, pool: list[Tensor], fakes: Tensor) -> Tensor:
        chosen = []
        for fake in fakes.detach():
            if len(pool) < 50:
                pool.append(fake)
                chosen.append(fake)
            elif np.random.rand() < 0.5:
                slot = np.random.randint(50)
                chosen.append(pool[slot])
                pool[slot] = fake
            else:
                chosen.append(fake)
        return torch.stack(chosen)

    def translated(self, anime: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fake photographs, fake drawings, and what cycles and identity weigh; no discriminator gets gradients."""
        for p in self.discriminators:
            p.requires_grad_(False)
        fake_real, fake_anime = self.to_real(anime), self.to_anime(real)
        cycled_anime, cycled_real = self.to_anime(fake_real), self.to_real(fake_anime)
        same_real, same_anime = self.to_real(real), self.to_anime(anime)
        cycle = F.l1_loss(cycled_anime, anime) + F.l1_loss(cycled_real, real)
        identity = F.l1_loss(same_real, real) + F.l1_loss(same_anime, anime)
        return fake_real, fake_anime, 10 * cycle + 5 * identity

    def step(self, anime: Tensor, real: Tensor) -> None:
        fake_real, fake_anime, kept = self.translated(anime, real)
        adversarial = (self.discriminator_real(fake_real) - 1).square().mean() + (
            self.discriminator_anime(fake_anime) - 1
        ).square().mean()
        self.generator_adam.zero_grad()
        (adversarial + kept).backward()
        self.generator_adam.step()
        for p in self.discriminators:
            p.requires_grad_(True)
        self.discriminator_adam.zero_grad()
        for discriminator, picture, fake, pool in (
            (self.discriminator_real, real, fake_real, self.pools[0]),
            (self.discriminator_anime, anime, fake_anime, self.pools[1]),
        ):
            loss = (discriminator(picture) - 1).square().mean() + discriminator(self.pooled(pool, fake)).square().mean()
            (0.5 * loss).backward()
        self.discriminator_adam.step()


class PackageFeatures(nn.Module):
    """EfficientNet-lite0 as its package has it, batch norms and all."""

    def __init__(self) -> None:
        super().__init__()
        self.network = pretrained()

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.network._swish(self.network._bn0(self.network._conv_stem(image)))
        features: list[Tensor] = []
        for block in self.network._blocks:
            y = block(x)
            if y.shape[2] < x.shape[2]:
                features.append(x)
            x = y
        return [*features[1:], x]


class PlainGalatea(PlainCycleGAN):
    """The reference for Galatea: projected discriminators, and the PatchGANs beside them at half the weight."""

    def __init__(self, device: torch.device, size: int, config: GalateaConfig) -> None:
        super().__init__(device, size, config)
        width, features = config.projection_width, PackageFeatures()
        self.projected = [ProjectedDiscriminator(width, features).to(device) for _ in range(2)]  # type: ignore[arg-type]
        heads = [p for discriminator in self.projected for p in discriminator.parameters() if p.requires_grad]
        self.discriminators += heads
        generators = self.generator_adam.param_groups[0]["params"]
        self.generator_adam = torch.optim.Adam(generators, lr=2e-4, betas=(0.0, 0.99))
        self.discriminator_adam = torch.optim.Adam(self.discriminators, lr=2e-4, betas=(0.0, 0.99))

    def step(self, anime: Tensor, real: Tensor) -> None:
        fake_real, fake_anime, loss = self.translated(anime, real)
        fakes = (
            (self.projected[0], self.discriminator_real, fake_real),
            (self.projected[1], self.discriminator_anime, fake_anime),
        )
        for projected, patch, fake in fakes:
            loss = loss + generator_loss(projected(freely_augmented(fake))) + 0.5 * (patch(fake) - 1).square().mean()
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
        for p in self.discriminators:
            p.requires_grad_(True)
        self.discriminator_adam.zero_grad()
        for (projected, patch, fake), picture in zip(fakes, (real, anime), strict=True):
            seen = fake.detach()
            loss = discriminator_loss(projected(freely_augmented(picture)), projected(freely_augmented(seen)))
            (loss + 0.5 * ((patch(picture) - 1).square().mean() + patch(seen).square().mean())).backward()
        self.discriminator_adam.step()
