"""The options of `galatea`, and how those that are not given follow from the pack that is trained on."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from anime2real.domain import DOMAINS
from anime2real.train.run.config import TrainError

if TYPE_CHECKING:
    from anime2real.data.pack import Pack

SIDE: Final = 128
"""Pixels a side that the generators work at, at most, unless `unshuffle` says otherwise."""

HAIR_DEFAULTS: Final = {"hair_recolouring": 0.8, "hair_weight": 10.0, "hair_resampling": 0.35}
"""What these options are in a pack with hair; in one without they are 0."""

WORST_PATCH_WEIGHT: Final = 0.2
"""The default where there is a PatchGAN."""

DETAIL_WEIGHT: Final = 0.5
"""The default in a pack with landmarks."""

SHARES: Final = (
    "hair_recolouring", "eye_recolouring", "skin_recolouring", "hair_resampling", "balance", "hard_inputs",
    "returned_share",
)  # fmt: skip
"""Options from 0 to 1."""

OF_LANDMARKS: Final = (
    "detail_weight", "label_weight", "eye_weight", "eye_recolouring", "skin_weight", "skin_recolouring",
)  # fmt: skip
"""Options that need to know where eyes, nose and mouth are, unless they are 0."""

FLAGS: Final = (
    *("width", "blocks", "style_weight", "hair_recolouring", "hair_weight"),
    *("real_set", "min_scale", "start_from", "learning_rate", "batch_size"),
)
"""The options that the command line offers by name; presets and `--set` reach the others, too."""


@dataclass(frozen=True)
class GalateaConfig:
    """Options of Galatea; without any, the default recipe of docs/train.md.

    Attributes:
        generator: `ugatit`, U-GAT-IT's light generator, with attention and AdaLIN, or `resnet`, CycleGAN's.
        width: generator channels after the first layer.
        blocks: residual blocks; `ugatit` has half of them, rounded down, before the attention and as many behind it.
        cam_weight: weight of the loss of the generators' classifiers, which only `ugatit` has.
        projection_width: channels of the projected discriminators' projections.
        cycle_weight: λ, weight of the cycle loss.
        cycle_cell: pixels a side of the cells whose mean colours the cycle loss compares; 1 compares every pixel.
        returned_share: share of each batch that discriminators see not as translated, but as translated back
            (`galatea_results.py`): of its pairs of neighbours, rounded down, so that 0.5 wants batches of 4 or more.
        identity_weight: ι, weight of the identity loss, as a share of `cycle_weight`.
        patch_weight: weight of a PatchGAN's adversarial loss; 0 for no PatchGAN.
        patch_width: channels of the PatchGANs, and of the other discriminators on pixels, after the first layer.
        worst_patch_weight: weight of the PatchGAN's loss on the worst patch of each picture alone; if not given, 0.2
            where there is a PatchGAN, else 0. A speck in a corner is one patch of some two hundred, which the mean
            hardly shows.
        cam_discriminator_weight: weight of the adversarial loss of U-GAT-IT's discriminators, local and global, which
            see the pictures reduced to `SIDE` px; 0 for none.
        detail_weight: weight of the PatchGANs that see eyes and mouth from near, cut out of pictures reduced to `SIDE`
            px, so that one patch holds both eyes; if not given, 0.5 in a pack with landmarks, else 0.
        style_weight: weight of the loss that makes results of different styles differ; 0 for generators without
            styles, which make one result of a picture.
        hair_recolouring: share of the photographs whose hair is recoloured as in a drawing; if not given, 0.8 in a pack
            with hair, else 0.
        hair_weight: weight of the distance between the hair's colours before and after; if not given, 10 in a pack
            with hair, else 0.
        hair_resampling: from 0 to 1, how far photographs are resampled so that their hair lies as in the drawings:
            fringes and long hair more often, bare foreheads less; if not given, 0.35 in a pack with hair, else 0.
        eye_weight: weight of the distance between the irises' colours before and after, in a pack with landmarks.
        eye_recolouring: share of the photographs whose irises get the colours of a drawing's, in such a pack.
        skin_weight: weight of the distance between the skin's colours before and after, in such a pack.
        skin_recolouring: share of the drawings whose skin gets the tone of a photograph's, in such a pack.
        real_set: names of the pack's sources whose pictures alone the discriminators see as real; all if not given.
        min_scale: pixels of its file a side, for each pixel of the pack, that a picture must have for the
            discriminators to see it as real: enlarged ones are soft. 0 takes all.
        soft_scale: a smaller scale, at least half of `min_scale`, that is enough as well: such pictures are halved and
            enlarged before the discriminators see them, and so is the result beside each. Then soft pictures show what
            faces are, and nothing of how sharp they are. 0 takes none.
        unshuffle: r, see `networks/resnet.py`: the generators work at 1/r of the resolution; if not given, the largest
            that leaves them `SIDE` px: 2 at 256 px.
        start_from: bundles whose weights the generators start from, one for each direction: folders, or a method that
            ships, which stands for both. The generator must be of the same kind; discriminators start anew.
        discriminators_from: a run folder, or a safetensors file, whose discriminators go on here; none if not given.
        balance: how evenly the sources of a domain are drawn: a source of n pictures gets a share in proportion to n to
            the power of 1 - balance, so that a small sharp source counts beside a large soft one.
            A pack whose pictures have weights is drawn by these alone.
        who: generators are told sex and age, in a pack with labels, and discriminators on features see whether they
            listened (`networks/who.py`); of `ugatit`.
        expressions: the discriminators that are told see mouth, smile, eyes and glasses beside the picture as well, and
            those of details what concerns them, in a pack with expressions, so that results keep them; with `who`.
        label_weight: weight of the distance between what a result shows and what it is to show, by the label network:
            sex and age as asked for, mouth, smile, eyes and glasses as in the input; with `expressions`.
        oldest_drawing: years of the oldest drawings; discriminators of drawings are told of nobody older, since every
            older label is a wrong one to them. If not given, as the pack says with `label_weight`, else 0: no limit.
        mirror_weight: weight of the distance between the result of a mirrored picture and the mirrored result.
        hard_inputs: share of the inputs that are soft, of those that are grey or tinted, and of the drawings that are
            flat (`hard_inputs.py`).
        decoder: of `ugatit`: `shuffle` draws blocks of r×r pixels at 1/r of the resolution; the last layers of `pixels`
            work at the picture's own (`networks/pixel_decoder.py`), for which r is 2.
        mask_margins: discriminators see grey where a crop reaches beyond its file, in a pack that knows where.
        learning_rate: of Adam, constant, falling linearly to zero over the last third.
        batch_size: pairs a step, of all GPUs together.
    """

    of_landmarks: ClassVar[tuple[str, ...]] = OF_LANDMARKS

    generator: Literal["resnet", "ugatit"] = "ugatit"
    width: int = 48
    blocks: int = 9
    cam_weight: float = 1000.0
    projection_width: int = 64
    cycle_weight: float = 10.0
    cycle_cell: int = 1
    returned_share: float = 0.0
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
    eye_weight: float = 0.0
    eye_recolouring: float = 0.0
    skin_weight: float = 0.0
    skin_recolouring: float = 0.0
    real_set: tuple[str, ...] = ()
    min_scale: float = 0.0
    soft_scale: float = 0.0
    unshuffle: int | None = None
    start_from: tuple[str, ...] = ()
    discriminators_from: str = ""
    balance: float = 0.75
    who: bool = False
    expressions: bool = False
    label_weight: float = 0.0
    oldest_drawing: float | None = None
    mirror_weight: float = 0.0
    hard_inputs: float = 0.0
    decoder: Literal["shuffle", "pixels"] = "shuffle"
    mask_margins: bool = False
    learning_rate: float = 2e-4
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            TrainError: an option is out of its range, or two do not go together.
        """
        self._check_ranges()
        self._check_generator()

    @property
    def unshuffle_factor(self) -> int:
        """r of `unshuffle`, also where it is not given and no pack has decided."""
        return 2 if self.decoder == "pixels" else self.unshuffle or 1

    @property
    def wants_landmarks(self) -> bool:
        """Whether an option needs to know where eyes, nose and mouth are."""
        return any(getattr(self, name) for name in self.of_landmarks)

    @property
    def weights(self) -> dict[str, float]:
        """Of the generators' losses, by their names, but for those of the first discriminators and of the cycle."""
        return {
            "patch": self.patch_weight,
            "worst_patch": self.worst_patch_weight or 0.0,
            "cam_discriminator": self.cam_discriminator_weight,
            "detail": self.detail_weight or 0.0,
            "diversity": self.style_weight,
            "hair": self.hair_weight or 0.0,
            "eyes": self.eye_weight,
            "skin": self.skin_weight,
            "labels": self.label_weight,
            "mirrored": self.mirror_weight,
            "cam": self.cam_weight,
        }

    def _check_ranges(self) -> None:
        for name in SHARES:
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise TrainError(f"{_shown(name)} goes from 0 to 1, not {getattr(self, name)}")
        positive = (name for name in vars(self) if name.endswith("_weight") or name == "min_scale")
        for name in positive:
            if (getattr(self, name) or 0) < 0:
                raise TrainError(f"{_shown(name)} is 0 or more, not {getattr(self, name)}")
        if self.worst_patch_weight and not self.patch_weight:
            raise TrainError("worst_patch_weight is of the PatchGAN's scores: give it a patch_weight too")
        if self.soft_scale and not self.min_scale / 2 <= self.soft_scale < self.min_scale:
            raise TrainError(
                f"soft_scale lies between half of --min-scale, {self.min_scale:g}, and all of it, not "
                f"{self.soft_scale:g}"
            )
        if self.cycle_cell < 1:
            raise TrainError(f"cycle_cell is 1 or more, not {self.cycle_cell}")
        if self.unshuffle is not None and self.unshuffle < 1:
            raise TrainError(f"unshuffle is 1 or more, not {self.unshuffle}")

    def _check_generator(self) -> None:
        if self.generator not in ("resnet", "ugatit"):
            raise TrainError(f"generator is resnet or ugatit, not {self.generator}")
        if self.generator == "ugatit" and self.blocks < 2:
            raise TrainError(f"the generator ugatit wants at least 2 --blocks, not {self.blocks}")
        if self.decoder not in ("shuffle", "pixels"):
            raise TrainError(f"decoder is shuffle or pixels, not {self.decoder}")
        if self.generator != "ugatit" and (self.who or self.decoder == "pixels"):
            raise TrainError("who and the decoder pixels are of the generator ugatit")
        if self.expressions and not self.who:
            raise TrainError("expressions are told beside who: give --set who=true, too")
        if self.label_weight and not self.expressions:
            raise TrainError("label_weight is of what is told: give --set expressions=true, too")
        if self.style_weight and (self.who or self.decoder == "pixels"):
            raise TrainError("--style-weight goes neither with who nor with the decoder pixels")
        if self.decoder == "pixels" and self.unshuffle not in (None, 2):
            raise TrainError(f"the decoder pixels wants unshuffle 2, not {self.unshuffle}")


def _shown(name: str) -> str:
    """An option as the user gave it."""
    return f"--{name.replace('_', '-')}" if name in FLAGS else name


def resolved(options: GalateaConfig, pack: "Pack") -> GalateaConfig:
    """The options with those that were not given set by what the pack knows: hair, landmarks, the pictures' size.

    Raises:
        TrainError: an option wants what the pack does not know.
    """
    _check_pack(options, pack)
    hair = HAIR_DEFAULTS if _knows_hair(pack) else dict.fromkeys(HAIR_DEFAULTS, 0.0)
    defaults: dict[str, Any] = {
        "worst_patch_weight": WORST_PATCH_WEIGHT if options.patch_weight > 0 else 0.0,
        "detail_weight": 0.0 if pack.landmarks is None else DETAIL_WEIGHT,
        **hair,
        "oldest_drawing": _oldest_drawing(pack) if options.label_weight else 0.0,
        "unshuffle": 2 if options.decoder == "pixels" else default_unshuffle(pack.size),
    }
    return replace(options, **{name: value for name, value in defaults.items() if getattr(options, name) is None})


def _check_pack(options: GalateaConfig, pack: "Pack") -> None:
    _check_hair(options, pack)
    for name in options.of_landmarks:
        if getattr(options, name) and pack.landmarks is None:
            raise TrainError(
                f"{pack.folder} has no landmarks, which {name} needs: prepare it with --crop face or tilted"
            )
    if options.min_scale and pack.scales is None:
        raise TrainError(f"{pack.folder} does not know its pictures' scale, which --min-scale needs: prepare it again")
    if options.who and pack.who is None:
        raise TrainError(f"{pack.folder} has no labels, which who needs: anime2real pack add-labels {pack.folder}")
    if options.expressions and pack.expressions is None:
        raise TrainError(f"{pack.folder} has no expressions: anime2real pack add-labels {pack.folder}")
    if options.mask_margins and pack.frames is None:
        raise TrainError(f"{pack.folder} does not know where its files end, which mask_margins needs: prepare it again")
    sources = {name for domain in DOMAINS for name in pack.sources(pack.rows(domain, "train"))}
    for name in options.real_set:
        if name not in sources:
            raise TrainError(f"{pack.folder} has no source {name!r}, only {', '.join(sorted(sources))}")


def _knows_hair(pack: "Pack") -> bool:
    return pack.hair is not None and len(pack.hair_colours("anime", "train")) > 0


def _oldest_drawing(pack: "Pack") -> float:
    ages = pack.meta.get("labels", {}).get("ages", {}).get("anime")
    return float(ages[1]) if ages else 0.0


def _check_hair(options: GalateaConfig, pack: "Pack") -> None:
    for name in HAIR_DEFAULTS:
        if getattr(options, name) and not _knows_hair(pack):
            raise TrainError(f"{pack.folder} knows no hair, which {_shown(name)} needs: prepare it with --hair")
    asked = any(value is None or value > 0 for value in (options.hair_weight, options.hair_resampling))
    if _knows_hair(pack) and asked and not pack.marks_drawn_hair:
        raise TrainError(
            f"{pack.folder} does not know where drawn hair is: find its hair again (anime2real pack add-hair), or give "
            "--hair-weight 0 --set hair_resampling=0"
        )


def default_unshuffle(size: int) -> int:
    """The greatest r that leaves the generators at least `SIDE` px and divides the size as they want it."""
    return next((r for r in range(size // SIDE, 1, -1) if size % (4 * r) == 0), 1)
