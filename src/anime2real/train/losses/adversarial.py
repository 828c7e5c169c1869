"""Adversarial losses and distances that several methods share, each in fp32."""

import torch
import torch.nn.functional as F
from torch import Tensor


def squared(scores: Tensor, target: float) -> Tensor:
    """Mean squared distance of scores from a target (least-squares GAN, Mao et al., 2017)."""
    return (scores.float() - target).square().mean()


def absolute(one: Tensor, two: Tensor) -> Tensor:
    """Mean absolute distance of two pictures."""
    return F.l1_loss(one.float(), two.float())


def least_squares(scores: Tensor) -> Tensor:
    """A discriminator's loss on (2N, …) scores, real pictures first, then fakes; halved as in CycleGAN's paper."""
    real, fake = scores.chunk(2)
    return 0.5 * (squared(real, 1.0) + squared(fake, 0.0))


def worst_patch(scores: Tensor) -> Tensor:
    """Mean square of how far the lowest of each picture's scores, (N, 1, h, w), is from 1: a scalar."""
    return (scores.float().amin((1, 2, 3)) - 1).square().mean()


def generators_loss(scores: list[Tensor]) -> Tensor:
    """U-GAT-IT's least-squares loss of a generator on the four scores that a domain's discriminators give its fakes."""
    return torch.stack([squared(score, 1.0) for score in scores]).sum()


def discriminators_loss(scores: list[Tensor]) -> Tensor:
    """U-GAT-IT's loss of a domain's discriminators on their four scores (2N, …), real pictures first, then fakes."""
    halves = [score.chunk(2) for score in scores]
    return torch.stack([squared(real, 1.0) + squared(fake, 0.0) for real, fake in halves]).sum()


def cam_loss(logits: Tensor) -> Tensor:
    """U-GAT-IT's CAM loss on logits (2N, 2): a generator's classifiers tell pictures of its source from its target."""
    source, target = logits.float().chunk(2)
    return F.softplus(-source).mean() + F.softplus(target).mean()
