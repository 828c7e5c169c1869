"""Networks that are told who should be shown: generators, and a discriminator that sees whether they listened.

`who` is (N, 2): sex from -1 (woman) to 1 (man), and age / 100. The generator's AdaLIN reads it beside the picture; its
weights may start at 0 (`import_weights.py`), where it does not listen. The projected discriminator adds to its scores
the projection of its last maps on what was asked (Miyato and Koyama, "cGANs with Projection Discriminator", 2018,
equation 3).

Discriminators may be told the expression as well, in four more columns: mouth open, smile, eyes open and glasses, from
-1 (no) to 1 (yes). Generators are not: they see it in the picture, and have to keep it.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.pixel_decoder import PixelGenerator
from anime2real.train.networks.projected import ProjectedDiscriminator
from anime2real.train.networks.ugatit import UGATITGenerator

CODE: Final = 4
"""Numbers that networks read of `who`."""

MIDDLE_AGE, AGE_SPAN = 0.35, 0.2
"""Age / 100 that is read as 0, and how much more is read as 1."""


def who_code(who: Tensor) -> Tensor:
    """What networks read of `who`: (N, 2) to (N, `CODE`), sex, age and their products, each of about the size of 1.

    Columns behind the first two are left out.
    """
    sex, age = (who if who.shape[1] == 2 else who[:, :2]).float().unbind(1)
    age = (age - MIDDLE_AGE) / AGE_SPAN
    return torch.stack([sex, age, sex * age, age.square() - 0.5], 1)


def label_code(who: Tensor) -> Tensor:
    """What discriminators read: (N, 2 + E) to (N, `CODE` + E), the code and the expression behind it."""
    code = who_code(who)
    return code if who.shape[1] == 2 else torch.cat([code, who[:, 2:].float()], 1)


class ToldGenerator(UGATITGenerator):
    """U-GAT-IT's generator, told who should be shown; arguments as there, but for `code`."""

    def __init__(self, size: int, width: int, blocks: int, unshuffle: int = 1) -> None:
        super().__init__(size, width, blocks, code=CODE, unshuffle=unshuffle)

    def classified(self, image: Tensor, code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The translation of image (N, 3, S, S) for `who` (N, 2), and the logits (N, 2)."""
        assert code is not None
        return super().classified(image, who_code(code))


class ToldPixelGenerator(PixelGenerator):
    """The same with a decoder that draws pixels."""

    def __init__(self, size: int, width: int, blocks: int) -> None:
        super().__init__(size, width, blocks, code=CODE)

    def classified(self, image: Tensor, code: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As of `ToldGenerator`."""
        assert code is not None
        return super().classified(image, who_code(code))


class ToldDiscriminator(ProjectedDiscriminator):
    """Scores pictures beside labels.

    Args:
        width, features: as of `ProjectedDiscriminator`.
        labels: columns of the labels: 2, or more with an expression.
    """

    def __init__(self, width: int = 64, features: LiteFeatures | None = None, labels: int = 2) -> None:
        super().__init__(width, features)
        last = [head[-1] for head in self.heads if isinstance(head, nn.Sequential)]
        sizes = [layer.in_channels for layer in last if isinstance(layer, nn.Conv2d)]
        codes = CODE + labels - 2
        self.projections = nn.ModuleList(spectral_norm(nn.Linear(codes, size, bias=False)) for size in sizes)

    def forward(self, image: Tensor, who: Tensor | None = None, wrong: Tensor | None = None) -> list[Tensor]:
        """Scores of image, (N, 3, S, S) in [-1, 1], beside `who`, (N, `labels`): a (N, 1, s, s) for each scale.

        Args:
            image, who: as said.
            wrong: (M, `labels`), other labels for the first M pictures, whose scores follow: (N + M, 1, s, s).
        """
        assert who is not None
        code, wrong_code = label_code(who), None if wrong is None else label_code(wrong)
        scores = []
        layers = zip(self.mixed(image), reversed(self.heads), reversed(self.projections), strict=True)
        for maps, head, projection in layers:
            assert isinstance(head, nn.Sequential)
            hidden = head[:-1](maps)
            plain = head[-1](hidden)
            mean = hidden.mean((2, 3))  # sex and age show in the whole picture, an expression somewhere in it
            score = plain + _projected(mean, projection(code))
            if wrong_code is not None:
                count = len(wrong_code)
                score = torch.cat([score, plain[:count] + _projected(mean[:count], projection(wrong_code))])
            scores.append(score)
        return scores


def _projected(features: Tensor, code: Tensor) -> Tensor:
    """The inner product of features and a projected code, (N, C) each: (N, 1, 1, 1)."""
    return (features * code).sum(1)[:, None, None, None]
