"""Pictures and methods small enough to train in a second."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anime2real.train.methods.autoencoder import AutoencoderConfig
from anime2real.train.methods.cyclegan import CycleGANConfig
from anime2real.train.methods.difference import DifferenceConfig
from anime2real.train.methods.galatea import GalateaConfig
from anime2real.train.methods.ugatit import UGATITConfig

SIZE = 32

TINY: dict[str, Any] = {
    "difference": DifferenceConfig(learning_rate=0.1, snapshot_every=3, snapshots=2, batch_size=4),
    "autoencoder": AutoencoderConfig(width=8, batch_size=4),
    "cyclegan": CycleGANConfig(width=8, blocks=1, discriminator_width=8, pool_size=3, batch_size=2),
    "galatea": GalateaConfig(width=8, blocks=1, projection_width=8, patch_width=8, batch_size=2),
    "ugatit": UGATITConfig(width=8, blocks=1, discriminator_width=8, local_layers=4, global_layers=5, batch_size=2),
}


@dataclass(frozen=True)
class Toy:
    """A pack and what it was made from."""

    pack: Path
    anime: Path
    real: Path


def smooth_picture(random: np.random.Generator, tint: tuple[int, int, int], side: int = 40) -> Image.Image:
    """Coarse noise around a colour, as no two pictures are alike."""
    noise = random.integers(-60, 60, (6, 6, 3)) + np.array(tint)
    small = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)
