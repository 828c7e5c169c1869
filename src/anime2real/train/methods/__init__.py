"""The methods: one file each, with its configuration, its networks, its losses and its step.

`galatea`, which has most options, keeps them in a second one.
"""

from typing import Any

from anime2real.train.method import Method
from anime2real.train.methods.autoencoder import Autoencoder, AutoencoderConfig
from anime2real.train.methods.cyclegan import CycleGAN, CycleGANConfig
from anime2real.train.methods.difference import Difference, DifferenceConfig
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.ugatit import UGATIT, UGATITConfig

METHODS: dict[str, tuple[type[Any], type[Method]]] = {
    "difference": (DifferenceConfig, Difference),
    "autoencoder": (AutoencoderConfig, Autoencoder),
    "cyclegan": (CycleGANConfig, CycleGAN),
    "galatea": (GalateaConfig, Galatea),
    "ugatit": (UGATITConfig, UGATIT),
}
"""What the command line calls a method, to its configuration and its class."""
