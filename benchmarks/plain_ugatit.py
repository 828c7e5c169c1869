"""U-GAT-IT as one writes it first, for `train_step.py` to compare with.

The networks are those of `anime2real.train.networks`, layer by layer, in torch's own modules: padding by modules of its
own, `nn.InstanceNorm2d`, weighted maps side by side before the 1×1 convolution, `spectral_norm`, doubling before a
convolution. The iteration is that of the authors' code: fakes made once for the discriminators, with gradients that
nobody uses, and again for the generators, and each picture through a generator in a pass of its own.
"""

from itertools import chain, pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from anime2real.train.methods.options import UGATITConfig
from anime2real.train.networks.ugatit import ADAPTIVE_RHO, draw_weights


def convolved(a: int, b: int, side: int, stride: int = 1) -> list[nn.Module]:
    """A convolution without a bias, its padding before it."""
    return [nn.ReflectionPad2d((side - 1) // 2), nn.Conv2d(a, b, side, stride, bias=False)]


class PlainNorm(nn.Module):
    """Equation 1, both norms computed and then mixed."""

    def __init__(self, channels: int, rho: float) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), rho))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        mixed = self.rho * F.instance_norm(x) + (1 - self.rho) * F.layer_norm(x, x.shape[1:])
        return mixed * gamma[..., None, None] + beta[..., None, None]


class PlainLearnedNorm(PlainNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, 0.0)
        self.gamma = nn.Parameter(torch.ones(1, channels))
        self.beta = nn.Parameter(torch.zeros(1, channels))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, self.gamma, self.beta)


class PlainBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = [[*convolved(channels, channels, 3), nn.InstanceNorm2d(channels)] for _ in range(2)]
        self.body = nn.Sequential(*layers[0], nn.ReLU(), *layers[1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PlainAdaptiveBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Sequential(*convolved(channels, channels, 3)) for _ in range(2))
        self.norm1, self.norm2 = (PlainNorm(channels, ADAPTIVE_RHO) for _ in range(2))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.first(x), gamma, beta))
        return x + self.norm2(self.second(y), gamma, beta)


class PlainAttention(nn.Module):
    def __init__(self, channels: int, activation: nn.Module, spectral: bool) -> None:
        super().__init__()
        average, maximum = (nn.Linear(channels, 1, bias=False) for _ in range(2))
        self.average = spectral_norm(average) if spectral else average
        self.maximum = spectral_norm(maximum) if spectral else maximum
        self.mix, self.activation = nn.Conv2d(2 * channels, channels, 1), activation

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = [
            self.average(F.adaptive_avg_pool2d(x, 1).flatten(1)),
            self.maximum(F.adaptive_max_pool2d(x, 1).flatten(1)),
        ]
        weights = (cast(Tensor, classifier.weight) for classifier in (self.average, self.maximum))
        maps = [x * weight[..., None, None] for weight in weights]
        return self.activation(self.mix(torch.cat(maps, 1))), torch.cat(logits, 1)


class PlainGenerator(nn.Module):
    def __init__(self, size: int, config: UGATITConfig) -> None:
        super().__init__()
        w, c = config.width, 4 * config.width
        down = lambda a, b, side, stride: (*convolved(a, b, side, stride), nn.InstanceNorm2d(b), nn.ReLU())  # noqa: E731
        up = lambda a, b: (nn.Upsample(scale_factor=2), *convolved(a, b, 3), PlainLearnedNorm(b), nn.ReLU())  # noqa: E731
        self.encoder = nn.Sequential(
            *down(3, w, 7, 1), *down(w, 2 * w, 3, 2), *down(2 * w, c, 3, 2),
            *(PlainBlock(c) for _ in range(config.blocks)),
        )  # fmt: skip
        self.attention = PlainAttention(c, nn.ReLU(), spectral=False)
        self.pool = nn.AdaptiveAvgPool2d(1) if config.light else nn.Identity()
        places = 1 if config.light else (size // 4) ** 2
        linear = [nn.Linear(c * places, c, bias=False), nn.Linear(c, c, bias=False)]
        self.read = nn.Sequential(nn.Flatten(), linear[0], nn.ReLU(), linear[1], nn.ReLU())
        self.gamma, self.beta = (nn.Linear(c, c, bias=False) for _ in range(2))
        self.adaptive = nn.ModuleList(PlainAdaptiveBlock(c) for _ in range(config.blocks))
        self.decoder = nn.Sequential(*up(c, 2 * w), *up(2 * w, w), *convolved(w, 3, 7), nn.Tanh())
        draw_weights(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x, logits = self.attention(self.encoder(image))
        code = self.read(self.pool(x))
        gamma, beta = self.gamma(code), self.beta(code)
        for block in self.adaptive:
            x = block(x, gamma, beta)
        return self.decoder(x), logits


class PlainDiscriminator(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        channels = [3, *(width * 2**i for i in range(layers - 1))]
        parts: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(channels)):
            convolution = nn.Conv2d(a, b, 4, stride=1 if i == layers - 2 else 2)
            parts += [nn.ReflectionPad2d(1), spectral_norm(convolution), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*parts)
        self.attention = PlainAttention(channels[-1], nn.LeakyReLU(0.2), spectral=True)
        self.score = nn.Sequential(nn.ReflectionPad2d(1), spectral_norm(nn.Conv2d(channels[-1], 1, 4, bias=False)))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x, logits = self.attention(self.body(image))
        return self.score(x), logits


class PlainUGATIT:
    """The reference: one iteration as the authors' code has it."""

    def __init__(self, device: torch.device, size: int, config: UGATITConfig) -> None:
        self.config = config
        make = lambda: PlainGenerator(size, config).to(device)  # noqa: E731
        self.to_real, self.to_anime = make(), make()
        layers, width = (config.local_layers, config.global_layers), config.discriminator_width
        self.discriminators_real, self.discriminators_anime = (
            [PlainDiscriminator(width, n).to(device) for n in layers] for _ in range(2)
        )
        self.generators = [self.to_real, self.to_anime]
        self.discriminators = [*self.discriminators_real, *self.discriminators_anime]
        self.adams = [
            torch.optim.Adam(
                list(chain.from_iterable(n.parameters() for n in networks)),
                lr=config.learning_rate, betas=(0.5, 0.999), weight_decay=config.weight_decay,
            )
            for networks in (self.generators, self.discriminators)
        ]  # fmt: skip

    def step(self, anime: Tensor, real: Tensor) -> None:
        config = self.config
        self.adams[1].zero_grad()
        loss = torch.zeros((), device=anime.device)
        (fake_real, _), (fake_anime, _) = self.to_real(anime), self.to_anime(real)
        for discriminators, true, fake in (
            (self.discriminators_real, real, fake_real),
            (self.discriminators_anime, anime, fake_anime),
        ):
            for discriminator in discriminators:
                for one, zero in zip(discriminator(true), discriminator(fake), strict=True):
                    loss = loss + F.mse_loss(one, torch.ones_like(one)) + F.mse_loss(zero, torch.zeros_like(zero))
        (config.adversarial_weight * loss).backward()
        self.adams[1].step()

        self.adams[0].zero_grad()
        (fake_real, from_anime), (fake_anime, from_real) = self.to_real(anime), self.to_anime(real)
        (cycled_anime, _), (cycled_real, _) = self.to_anime(fake_real), self.to_real(fake_anime)
        (same_anime, at_anime), (same_real, at_real) = self.to_anime(anime), self.to_real(real)
        adversarial = torch.zeros((), device=anime.device)
        for discriminators, fake in ((self.discriminators_real, fake_real), (self.discriminators_anime, fake_anime)):
            for score in chain.from_iterable(discriminator(fake) for discriminator in discriminators):
                adversarial = adversarial + F.mse_loss(score, torch.ones_like(score))
        cycle = F.l1_loss(cycled_anime, anime) + F.l1_loss(cycled_real, real)
        identity = F.l1_loss(same_anime, anime) + F.l1_loss(same_real, real)
        told = F.binary_cross_entropy_with_logits
        cam = sum(
            (told(source, torch.ones_like(source)) + told(target, torch.zeros_like(target)))
            for source, target in ((from_anime, at_real), (from_real, at_anime))
        )
        (
            config.adversarial_weight * adversarial
            + config.cycle_weight * cycle
            + config.identity_weight * identity
            + config.cam_weight * cam
        ).backward()
        self.adams[0].step()
        for part in chain.from_iterable(network.modules() for network in self.generators):
            if isinstance(part, PlainNorm):
                part.rho.data.clamp_(0, 1)
