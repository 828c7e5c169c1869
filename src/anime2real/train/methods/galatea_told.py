"""What Galatea's generators are told beside a picture: who should be shown, or a style.

In a step each generator sees the pictures to translate and, behind them in the same batch, those of its own domain;
then what comes back from the other one. Of its own domain's pictures, and of those that come back to it, it is told
whom they show, or the usual style.
"""

import torch
from torch import Tensor

from anime2real.train.batch import Batch
from anime2real.train.losses.styles import half_usual, styles
from anime2real.train.losses.who import asked_for
from anime2real.train.methods.galatea_options import GalateaConfig

Told = tuple[Tensor | None, Tensor | None]
"""What the generators to real and to anime are told; None for one that is told nothing."""


def asked(batch: Batch) -> Told:
    """Who is asked for, (N, 2), of drawings to real and of photographs to anime; None where nobody is told."""
    shown = batch if batch.real_set is None else batch.real_set
    if batch.anime_who is None or batch.real_who is None:
        return None, None
    assert shown.anime_who is not None
    assert shown.real_who is not None
    return asked_for(batch.anime_who, shown.real_who), asked_for(batch.real_who, shown.anime_who)


def told(config: GalateaConfig, batch: Batch) -> tuple[Told, Told]:
    """What generators are told of translations and the identity pictures behind them, (2N, …), and on the way back."""
    if config.who:
        (to_real, to_anime), own = asked(batch), (batch.real_who, batch.anime_who)
        return (joined(to_real, own[0]), joined(to_anime, own[1])), own
    if not config.style_weight:
        return (None, None), (None, None)
    drawn = [half_usual(styles(batch.numbers.style(variant))) for variant in (0, 1)]
    usual = torch.zeros_like(drawn[0])
    return (torch.cat([drawn[0], usual]), torch.cat([drawn[1], usual])), (usual, usual)


def labelled(config: GalateaConfig, batch: Batch) -> Told:
    """Whom discriminators are told that results show: who was asked for, among drawings nobody too old for them."""
    to_real, to_anime = asked(batch)
    if to_anime is None or not config.oldest_drawing:
        return to_real, to_anime
    sex, age, expression = to_anime.tensor_split((1, 2), dim=1)
    return to_real, torch.cat([sex, age.clamp_max(config.oldest_drawing / 100), expression], 1)


def joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Both, one behind the other; None where one is missing."""
    return None if first is None or second is None else torch.cat([first, second])
