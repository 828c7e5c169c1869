"""The options of `student`: those of `galatea` that do not concern a way back, and how it learns from its teacher."""

from dataclasses import dataclass, fields
from typing import ClassVar, Final, Literal

from anime2real.domain import DOMAINS, Domain
from anime2real.train.methods.galatea_options import OF_LANDMARKS, GalateaConfig
from anime2real.train.run.config import TrainError

OF_TWO_WAYS: Final = ("cycle_weight", "cycle_cell", "returned_share", "identity_weight", "cam_weight", "style_weight")
"""Options of `galatea` that say nothing where there is no way back."""

OF_DRAWINGS: Final = ("oldest_drawing", "skin_taught")
"""Options that say nothing where results are no drawings."""

ADVERSARIAL: Final = ("adversarial", "patch", "worst_patch", "cam_discriminator", "detail")
"""Losses that discriminators give."""

FLAGS: Final = (
    *("to", "hair_recolouring", "hair_weight", "real_set", "min_scale"),
    *("start_from", "learning_rate", "batch_size"),
)
"""The options that the command line offers by name."""


@dataclass(frozen=True)
class StudentConfig(GalateaConfig):
    """Options of the student; those of `galatea` that differ here are as in its preset `people`.

    Attributes:
        start_from: the teacher: two bundles, one for each direction, or a method that ships, which stands for both.
        to: the domain of the results; the student starts as the bundle that leads there.
        cell_weight: weight of the distance between the result and the teacher's, of cells' mean colours.
        cell: pixels a side of these cells.
        feature_weight: weight of the distance between the features of the two results.
        cut_close: share of its inputs that the student sees as if their files ended close around the face.
        hidden_eyes: share of its inputs, in a pack with hair, in which it sees hair hang over one eye.
        skin_taught: share of the way from their own skin's tone to that of the photograph that taught drawings are
            recoloured; with `to` anime.
        head_start: share of the budget, at its beginning, in which the discriminators alone learn.
        adversarial_share: what the weights of all adversarial losses are multiplied by.
    """

    of_landmarks: ClassVar[tuple[str, ...]] = (*OF_LANDMARKS, "cut_close", "hidden_eyes", "skin_taught")

    start_from: tuple[str, ...] = ("galatea",)
    to: Domain = "real"
    cell_weight: float = 10.0
    cell: int = 4
    feature_weight: float = 2.0
    cut_close: float = 0.35
    hidden_eyes: float = 0.25
    skin_taught: float = 0.0
    head_start: float = 0.0
    adversarial_share: float = 0.5
    who: bool = True
    expressions: bool = True
    label_weight: float = 0.3
    mirror_weight: float = 3.0
    hard_inputs: float = 0.25
    decoder: Literal["shuffle", "pixels"] = "pixels"
    mask_margins: bool = True
    min_scale: float = 0.65
    batch_size: int = 16

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of options that have no part in this training, which no record of it lists."""
        return OF_TWO_WAYS + (OF_DRAWINGS if self.to == "real" else ())

    @property
    def weights(self) -> dict[str, float]:
        """Of the student's losses, by their names."""
        weights = {"adversarial": 1.0, **super().weights}
        weights |= {name: self.adversarial_share * weights[name] for name in ADVERSARIAL}
        return weights | {"taught": self.cell_weight, "features": self.feature_weight}

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            TrainError: an option is out of its range, concerns a way back, or two do not go together.
        """
        super().__post_init__()
        defaults = {each.name: each.default for each in fields(GalateaConfig)}
        for name in OF_TWO_WAYS:
            if getattr(self, name) != defaults[name]:
                raise TrainError(f"the student has no way back: leave {name} out")
        for name in ("adversarial_share", "cut_close", "hidden_eyes", "skin_taught"):
            if not 0 <= getattr(self, name) <= 1:
                raise TrainError(f"{name} goes from 0 to 1, not {getattr(self, name)}")
        if not 0 <= self.head_start < 1:
            raise TrainError(f"head_start is 0 or more and less than 1, not {self.head_start}")
        if self.to not in DOMAINS:
            raise TrainError(f"to is real or anime, not {self.to}")
        if self.skin_taught and self.to == "real":
            raise TrainError("skin_taught is of drawings: give --to anime, too")
        if not self.start_from:
            raise TrainError("the student learns from a teacher: give --start-from galatea, or two bundles")
        if self.cell < 1:
            raise TrainError(f"cell is 1 or more, not {self.cell}")
