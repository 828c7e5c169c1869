"""Losses that make asking matter: discriminators see pictures beside wrong labels, and call them false.

Reed et al., "Generative Adversarial Text to Image Synthesis", 2016, algorithm 1: a discriminator that sees real
pictures with right labels and made ones alone may ignore the label. Real pictures with wrong labels are a third kind,
which counts as much as made ones do.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.train.joined_batch import places
from anime2real.train.losses.adversarial import squared


def wrong_labels(who: Tensor) -> Tensor:
    """Wrong labels for each of `who`: every other one of the other sex, the rest half the range of ages apart.

    Of labels with an expression, half have one column of it turned around instead, each column in its turn.

    Args:
        who: (N, 2), sex from -1 (woman) to 1 (man) and age / 100; columns behind them, if any, are an expression, each
            from -1 (no) to 1 (yes).
    """
    place = places(len(who), who.device)
    who, expression = who[:, :2], who[:, 2:]
    if not expression.shape[1]:
        return _somebody_else(who, place % 2 == 0)
    same = (place % 2 == 1)[:, None]
    column = torch.arange(expression.shape[1], device=who.device)
    turned = same & (column == (place // 2 % len(column))[:, None])
    others = torch.where(same, who, _somebody_else(who, place // 2 % 2 == 0))
    return torch.cat([others, torch.where(turned, opposite(expression), expression)], 1)


def _somebody_else(who: Tensor, other_sex: Tensor) -> Tensor:
    """Of the other sex where `other_sex`, (N,) bool, says so, else half the range of ages apart."""
    sex, age = who.unbind(1)
    youngest, span = YOUNGEST / 100, (OLDEST - YOUNGEST) / 100
    other_age = (age.clamp(youngest, youngest + span) - youngest + span / 2) % span + youngest
    return torch.stack([torch.where(other_sex, opposite(sex), sex), torch.where(other_sex, age, other_age)], 1)


def opposite(label: Tensor) -> Tensor:
    """The clear opposite, -1 or 1, of labels from -1 to 1."""
    return torch.where(label >= 0, -1.0, 1.0)


def matching_loss(scores: list[Tensor], count: int) -> Tensor:
    """Hinge loss, mean over the heads, of three kinds of pairs; what is false counts half for either reason.

    Args:
        scores: (3 · count, …) a head: real pictures, as many made ones, and the real ones with wrong labels.
        count: of each.
    """
    losses = []
    for of_head in scores:
        real, fake, mismatched = of_head.float().split(count)
        false = (F.relu(1 + fake).mean() + F.relu(1 + mismatched).mean()) / 2
        losses.append(F.relu(1 - real).mean() + false)
    return torch.stack(losses).mean()


def matching_least_squares(scores: Tensor, count: int) -> Tensor:
    """The same in least squares, on the scores (3 · count, …) of one discriminator; halved as in CycleGAN's paper."""
    real, fake, mismatched = scores.split(count)
    return 0.5 * (squared(real, 1.0) + (squared(fake, 0.0) + squared(mismatched, 0.0)) / 2)


def asked_for(own: Tensor, others: Tensor) -> Tensor:
    """Who is asked for, (N, 2): every other time whom the picture shows, else whom a picture of the real set does.

    The expression, in further columns, is always the picture's own.

    Args:
        own, others: (N, 2) or more, of the pictures that are translated and of the target domain's real set.
    """
    first = (places(len(own), own.device) % 2 == 0)[:, None]
    expression = torch.arange(own.shape[1], device=own.device) >= 2
    return torch.where(first | expression, own, others)
