"""What changes in the pictures before Galatea's step: colours, and how hard inputs are.

In the pictures of a batch and of its real set alike, some photographs get hair and eyes in drawings' colours and some
drawings photographed skin, so that discriminators take such for real. Then some inputs are soft, grey or tinted.
Results are held to the colours of their inputs as these are by then (`galatea_kept.py`).
"""

from dataclasses import replace

import torch
from torch import Tensor

from anime2real.train.batch import Batch
from anime2real.train.face_colours import iris_colours, skin_colour
from anime2real.train.face_recolouring import recoloured_irises, recoloured_skin
from anime2real.train.hair_recolouring import chosen_colours
from anime2real.train.hair_recolouring import recoloured as recoloured_hair
from anime2real.train.hard_inputs import flat, soft
from anime2real.train.hard_inputs import recoloured as recoloured_input
from anime2real.train.losses.eye_colour import open_eyes
from anime2real.train.losses.skin_colour import tone
from anime2real.train.methods.galatea_options import GalateaConfig


def recoloured(config: GalateaConfig, batch: Batch, hair_colours: Tensor | None) -> Batch:
    """The batch with some photographs' hair and irises in drawings' colours, and some drawings' skin in photographs'.

    Args:
        config: the method's options.
        batch: whose drawings' eyes and photographs' skin are as those that the others get.
        hair_colours: (K, 3), CIELAB, where hair is recoloured.
    """
    anime, real, numbers = batch.anime, batch.real, batch.numbers
    if hair_colours is not None and batch.real_hair is not None:
        colours, strength = chosen_colours(hair_colours, numbers.recolouring, config.hair_recolouring or 0.0)
        real = recoloured_hair(real, batch.real_hair, colours, strength)
    if batch.anime_landmarks is None or batch.real_landmarks is None:
        return replace(batch, real=real)
    with torch.no_grad(), torch.autocast(real.device.type, enabled=False):
        if config.eye_recolouring:
            irises = iris_colours(anime, batch.anime_landmarks, "anime")
            strength = (numbers.eye_recolouring < config.eye_recolouring).float()
            strength = strength * open_eyes(batch.anime_who, anime) * open_eyes(batch.real_who, real)
            real = recoloured_irises(real, batch.real_landmarks, irises, strength)
        if config.skin_recolouring:
            skin, found = skin_colour(real, batch.real_landmarks)
            strength = (numbers.skin_recolouring < config.skin_recolouring).float() * found
            wanted, _ = tone(skin, "anime")
            anime = recoloured_skin(anime, batch.anime_hair, batch.anime_landmarks, wanted, strength)
    return replace(batch, anime=anime, real=real)


def tinted(config: GalateaConfig, batch: Batch) -> Batch:
    """The batch with some inputs grey or tinted."""
    share, numbers = config.hard_inputs, batch.numbers
    if not share:
        return batch
    anime = recoloured_input(batch.anime, share, numbers.anime_hardness)
    return replace(batch, anime=anime, real=recoloured_input(batch.real, share, numbers.real_hardness))


def hardened(config: GalateaConfig, batch: Batch) -> tuple[Tensor, Tensor]:
    """Drawings and photographs as they are translated: some of them soft, some drawings flat."""
    share, numbers = config.hard_inputs, batch.numbers
    if not share:
        return batch.anime, batch.real
    anime = flat(soft(batch.anime, share, numbers.anime_hardness), share, numbers.flatness)
    return anime, soft(batch.real, share, numbers.real_hardness)
