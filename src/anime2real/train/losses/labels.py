"""How far a result is from what it is to show: sex and age as asked, mouth, smile, eyes and glasses as in the input.

Choi et al., "StarGAN", 2018, equation 3, with a classifier that has learned before: the label network of the core
(`networks/labels.py`). Discriminators that see labels say whether a picture and its label are met together; this says
which way to go.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.train.face_parts import lined_up
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.labels import LabelNetwork

WEIGHTS: Final = (1.0, 0.5, 2.0, 1.0, 1.0, 1.0)
"""Of sex, age, mouth open, smile, eyes open and glasses; a wrong mouth is what people see first."""

JITTER: Final = 0.04
"""Shares of the side by which the network's view is moved: no pattern of pixels is to fool it."""


def label_distance(
    network: LabelNetwork, features: LiteFeatures, image: Tensor, landmarks: Tensor, who: Tensor, numbers: Tensor
) -> Tensor:
    """The mean distance of what pictures show from what they are to show.

    Args:
        network, features: the label network and its trunk.
        image: (N, 3, S, S) in [-1, 1], results.
        landmarks: (N, 5, 2) in [-1, 1], of the inputs, whose faces lie where the results' do.
        who: (N, 6), sex, age / 100 and expression as asked for, all but age from -1 to 1.
        numbers: (N, 2) in [0, 1), by which the view is moved.

    Returns:
        scalar, the sum over the labels, by `WEIGHTS`: relative entropies in nats, and of age smooth decades.
    """
    view = lined_up(image, landmarks, shift=(2 * numbers - 1) * (2 * JITTER))
    raw = network(features, view)
    with torch.autocast(image.device.type, enabled=False):
        sex_age, expression = who[:, :2].float(), who[:, 2:].float()
        wanted = ((torch.cat([sex_age[:, :1], expression], 1) + 1) / 2).clamp(0, 1)
        said = torch.cat([raw[:, :1], raw[:, 2:]], 1)
        entropy = -(torch.xlogy(wanted, wanted) + torch.xlogy(1 - wanted, 1 - wanted))
        apart = F.binary_cross_entropy_with_logits(said, wanted, reduction="none") - entropy
        years = YOUNGEST + (OLDEST - YOUNGEST) * torch.sigmoid(raw[:, 1])
        decades = F.smooth_l1_loss(years / 10, 10 * sex_age[:, 1], reduction="none")
        of_each = [decades, *apart.unbind(1)]
        weights = (WEIGHTS[1], WEIGHTS[0], *WEIGHTS[2:])
        return torch.stack([weight * each.mean() for weight, each in zip(weights, of_each, strict=True)]).sum()
