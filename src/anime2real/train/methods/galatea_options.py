"""Options of `galatea`, and what they leave to the pack that is trained on."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS
from anime2real.train.run.config import TrainError

SIDE: Final = 128
"""Pixels a side that the generators work at where nothing is said and pictures are larger."""

DYE: Final = 0.8
"""Share of the photographs that is dyed where nothing is said and the pack knows hair …"""

HAIR: Final = 10.0
"""… the weight of the hair's loss …"""

MATCH: Final = 0.35
"""… and how far the photographs' hair is matched."""

WORST: Final = 0.2
"""The weight of the worst patch where nothing is said and there is a PatchGAN."""

DETAIL: Final = 0.5
"""The weight of the details where nothing is said and the pack has landmarks."""


@dataclass(frozen=True)
class GalateaConfig:
    """Options of Galatea; without any, the whole recipe of docs/train.md.

    Attributes:
        generator: `ugatit`, U-GAT-IT's light one, with attention and AdaLIN, or `resnet`, CycleGAN's.
        width: generator channels after the first layer.
        blocks: residual blocks; of `ugatit`, half of them, rounded down, before the attention and as many behind.
        cam_weight: of the loss of `ugatit`'s classifiers.
        projection_width: channels of the discriminators' projections.
        cycle_weight: λ, of the cycle loss.
        identity_weight: ι, of the identity loss, as a share of `cycle_weight`.
        patch_weight: of a PatchGAN's adversarial loss beside the projected one; 0 for none.
        patch_width: its channels after the first layer.
        worst_patch_weight: of the same loss on the worst patch of each picture alone; if not given, 0.2 where there is
            a PatchGAN, else 0. A speck in a corner is one patch of some two hundred, and the mean hardly minds it.
        cam_discriminator_weight: of U-GAT-IT's adversarial loss, local and global, by discriminators with attention
            that see the pictures reduced to `SIDE`; 0 for none.
        detail_weight: of the PatchGANs' that see eyes and mouth from near, of pictures reduced to `SIDE`, so that one
            patch holds both eyes, in a pack with landmarks; if not given, 0.5 where the pack has them, else 0.
        style_weight: of the likeness of results of different styles; 0 for generators without styles, which make one
            result of a picture.
        hair_recolouring: share of the photographs whose hair is given a drawing's hair colour, in a pack with hair; if
            not given, 0.8 of them where the pack has hair, else none.
        hair_weight: of the distance between the hair's colours before and after, in a pack with hair; if not given, 10
            where the pack has hair, else 0.
        hair_resampling: how far photographs are drawn so that their hair lies as the drawings' does, fringes and long
            hair more often, bare foreheads less: from 0 to 1; if not given, 0.35 where the pack has hair, else 0.
        real_set: sources of the pack, by name, whose pictures alone the discriminators see as real; all if not given.
            They are drawn as often as there are, whatever `balance` says.
        min_scale: pixels of its file a side, for each pixel of the pack, that a picture must have for the
            discriminators to see it as real: enlarged ones are soft. 0 asks for nothing. These, too, are then drawn as
            often as there are.
        soft_scale: a smaller scale, at least half of it, that is enough as well: such pictures are reduced to half and
            enlarged again before the discriminators see them, and so are as many results beside them. So what is soft
            still shows what faces are, and nothing of how sharp they are. 0 lets none in.
        unshuffle: r, see `networks/resnet.py`: the generators work at an r-th of the resolution; if not given, as
            large as leaves them 128 px: 2 at 256 px.
        start_from: bundles that the generators start from, one for each direction: folders, or a method that ships,
            which stands for both; of the same kind of generator. Discriminators start anew.
        balance: how evenly the sources of a domain are drawn: a source of n pictures gets a share in proportion to n to
            the power of 1 - balance. A small sharp source beside a large soft one counts for more so.
        learning_rate: of Adam, constant, falling linearly to zero over the last third.
        batch_size: pairs a step.
    """

    generator: Literal["resnet", "ugatit"] = "ugatit"
    width: int = 48
    blocks: int = 9
    cam_weight: float = 1000.0
    projection_width: int = 64
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    patch_weight: float = 0.5
    patch_width: int = 64
    worst_patch_weight: float | None = None
    cam_discriminator_weight: float = 1.0
    detail_weight: float | None = None
    style_weight: float = 0.0
    hair_recolouring: float | None = None
    hair_weight: float | None = None
    hair_resampling: float | None = None
    real_set: tuple[str, ...] = ()
    min_scale: float = 0.0
    soft_scale: float = 0.0
    unshuffle: int | None = None
    start_from: tuple[str, ...] = ()
    balance: float = 0.75
    learning_rate: float = 2e-4
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.generator not in ("resnet", "ugatit"):
            raise TrainError(f"--generator is resnet or ugatit, not {self.generator}")
        if self.generator == "ugatit" and self.blocks < 2:
            raise TrainError(f"--generator ugatit wants at least 2 --blocks, not {self.blocks}")
        if not 0 <= (self.hair_recolouring or 0) <= 1:
            raise TrainError(
                f"--hair-recolouring is a share of the photographs, from 0 to 1, not {self.hair_recolouring}"
            )
        if not 0 <= (self.hair_resampling or 0) <= 1:
            raise TrainError(f"--hair-resampling goes from 0 to 1, not {self.hair_resampling}")
        weights = {
            "--cam-weight": self.cam_weight,
            "--worst-patch-weight": self.worst_patch_weight,
            "--cam-discriminator-weight": self.cam_discriminator_weight,
            "--detail-weight": self.detail_weight,
            "--hair-weight": self.hair_weight,
        }
        for option, weight in weights.items():
            if (weight or 0) < 0:
                raise TrainError(f"{option} is 0 or more, not {weight}")
        if self.worst_patch_weight and not self.patch_weight:
            raise TrainError("--worst-patch-weight is of the PatchGAN's scores: give it a --patch-weight too")
        if self.min_scale < 0:
            raise TrainError(f"--min-scale is 0 or more, not {self.min_scale}")
        if self.soft_scale and not self.min_scale / 2 <= self.soft_scale < self.min_scale:
            raise TrainError(
                f"--soft-scale lies between half of --min-scale, {self.min_scale:g}, and all of it, not "
                f"{self.soft_scale:g}"
            )
        if self.unshuffle is not None and self.unshuffle < 1:
            raise TrainError(f"--unshuffle is 1 or more, not {self.unshuffle}")
        if not 0 <= self.balance <= 1:
            raise TrainError(
                f"--balance goes from 0, as many as there are, to 1, all sources alike, not {self.balance}"
            )


def resolved(options: GalateaConfig, pack: Pack) -> GalateaConfig:
    """The options, with what is not given decided: hair, details, the worst patch, and the resolution worked at.

    Raises:
        TrainError: if they want what the pack does not have.
    """
    known = pack.hair is not None and len(pack.hair_colours("anime", "train")) > 0
    wanted = {
        "--hair-recolouring": options.hair_recolouring,
        "--hair-weight": options.hair_weight,
        "--hair-resampling": options.hair_resampling,
    }
    for option, value in wanted.items():
        if value and not known:
            raise TrainError(f"{pack.folder} knows no hair, which {option} needs: prepare it with --hair")
    asked = any(value is None or value > 0 for value in (options.hair_weight, options.hair_resampling))
    if known and asked and not pack.marks_drawn_hair:
        raise TrainError(
            f"{pack.folder} does not know where drawn hair is: find its hair again (scripts/add_hair.py), or give "
            "--hair-weight 0 --hair-resampling 0"
        )
    if options.detail_weight and pack.landmarks is None:
        raise TrainError(
            f"{pack.folder} has no landmarks, which --detail-weight needs: prepare it with --crop face or tilted"
        )
    if options.min_scale and pack.scales is None:
        raise TrainError(f"{pack.folder} does not know its pictures' scale, which --min-scale needs: prepare it again")
    sources = {name for domain in DOMAINS for name in pack.sources(pack.rows(domain, "train"))}
    for name in options.real_set:
        if name not in sources:
            raise TrainError(f"{pack.folder} has no source {name!r}, only {', '.join(sorted(sources))}")
    usual: dict[str, Any] = {
        "worst_patch_weight": WORST if options.patch_weight > 0 else 0.0,
        "detail_weight": 0.0 if pack.landmarks is None else DETAIL,
        "hair_recolouring": DYE if known else 0.0,
        "hair_weight": HAIR if known else 0.0,
        "hair_resampling": MATCH if known else 0.0,
        "unshuffle": usual_unshuffle(pack.size),
    }
    return replace(options, **{name: value for name, value in usual.items() if getattr(options, name) is None})


def usual_unshuffle(size: int) -> int:
    """The greatest r that leaves the generators at least `SIDE` pixels and divides the size as they want it."""
    return next((r for r in range(size // SIDE, 1, -1) if size % (4 * r) == 0), 1)
