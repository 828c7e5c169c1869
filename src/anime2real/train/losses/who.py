"""Losses that make asking matter: discriminators see pictures beside wrong labels, and call them false.

Reed et al., "Generative Adversarial Text to Image Synthesis", 2016, algorithm 1: a discriminator that sees real
pictures with right labels and made ones alone may ignore the label. Real pictures with wrong labels are a third kind,
which counts as much as made ones do.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.bundle.format import OLDEST, YOUNGEST


def wrong_labels(who: Tensor) -> Tensor:
    """Somebody else for each of `who`, (N, 2): every other one of the other sex, the rest half the range of ages apart.

    Args:
        who: sex from -1 (woman) to 1 (man), age / 100.
    """
    sex, age = who.unbind(1)
    youngest, span = YOUNGEST / 100, (OLDEST - YOUNGEST) / 100
    other_sex = torch.where(sex >= 0, -1.0, 1.0)
    other_age = (age.clamp(youngest, youngest + span) - youngest + span / 2) % span + youngest
    first = torch.arange(len(who), device=who.device) % 2 == 0
    return torch.stack([torch.where(first, other_sex, sex), torch.where(first, age, other_age)], 1)


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


def asked_for(own: Tensor, others: Tensor) -> Tensor:
    """Who is asked for, (N, 2): every other time whom the picture shows, else whom a picture of the real set does.

    Args:
        own, others: (N, 2), of the pictures that are translated and of the target domain's real set.
    """
    first = torch.arange(len(own), device=own.device) % 2 == 0
    return torch.where(first[:, None], own, others)
