"""The methods by what the command line calls them."""

from typing import Final

from anime2real.train.method import Method
from anime2real.train.methods.autoencoder import Autoencoder
from anime2real.train.methods.cyclegan import CycleGAN
from anime2real.train.methods.difference import Difference
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.pix2pix import Pix2Pix
from anime2real.train.methods.pix2pixhd import Pix2PixHD
from anime2real.train.methods.student import Student
from anime2real.train.methods.ugatit import UGATIT

METHODS: Final[dict[str, type[Method]]] = {
    "difference": Difference,
    "autoencoder": Autoencoder,
    "cyclegan": CycleGAN,
    "galatea": Galatea,
    "student": Student,
    "ugatit": UGATIT,
    "pix2pix": Pix2Pix,
    "pix2pixhd": Pix2PixHD,
}
