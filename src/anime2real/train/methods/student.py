"""The student: in one pass what its teacher makes in three.

A bundle of `galatea` makes better people if its results are drawn again by the way back and translated once more
(`bundle/redrawer.py`), at three times the cost. The student S starts as that translator G, and with the way back F and
G frozen learns, for drawings x and whoever is asked for,

    taught         |S(x) - G(F'(G'(x)))|₁ of cells' mean colours, `cell_weight`, and of features, `feature_weight`
                   (`losses/taught.py`); F' and G' are the means of both ways round, as drawn and mirrored: what is
                   wrong with one of them alone is half as wrong
    adversarial    all discriminators of `galatea` that see photographs, at `adversarial_share` of their weights
    kept           hair, eyes, skin and labels, of `galatea` (`galatea_kept.py`)
    mirrored       the result of a mirrored drawing against the mirrored result, `mirror_weight`

Since the student starts trained and its discriminators do not, they may learn first, alone, for `head_start` of the
budget: what they have to say in their first minutes harms.

The pairs are made in each step, of drawings as they are augmented then: soft and flat ones too, other people asked for
every other time. None is stored, and no two are alike. Of some drawings the student does not see all that its teacher
does (`covered_inputs.py`): `cut_close` of them end at cheeks and brows, in `hidden_eyes` hair hangs over one eye. Shut
eyes and glasses are what a redraw loses: of drawings with either G's own result is taught.

The other way round, with `to` anime, S learns of photographs x what F(G'(F'(x))) are, some of the way recoloured to the
tone of the photograph's skin (`skin_taught`); it is photographs then that are covered.

pix2pixHD learns from pairs with the same three kinds of losses (Wang et al., 2018, equations 2 to 5); the teacher's
weights are what the bundles hold.
"""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from anime2real.data.pack import EXPRESSION
from anime2real.domain import DOMAINS, Domain, other
from anime2real.train.batch import Batch
from anime2real.train.covered_inputs import cut_close, hair_over_an_eye
from anime2real.train.face_colours import skin_colour
from anime2real.train.face_frame import result_landmarks
from anime2real.train.face_recolouring import recoloured_skin
from anime2real.train.losses.cycle import cycle_distance
from anime2real.train.losses.mirrored import mirrored
from anime2real.train.losses.skin_colour import tone
from anime2real.train.losses.taught import feature_distance
from anime2real.train.method import TrainedTranslator
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_colours import hardened
from anime2real.train.methods.galatea_discriminators import seen_results
from anime2real.train.methods.galatea_kept import kept, kept_losses
from anime2real.train.methods.galatea_results import Results
from anime2real.train.methods.galatea_told import labelled, told
from anime2real.train.methods.student_options import StudentConfig
from anime2real.train.networks.ugatit import clip_rho
from anime2real.train.optimizers import frozen
from anime2real.train.run.config import TrainError

EYES_OPEN: Final = 2 + EXPRESSION.index("eyes_open")
GLASSES: Final = 2 + EXPRESSION.index("glasses")
"""Columns of labels."""


class Student(Galatea):
    """One direction, to `to`; the way back and the teacher do not learn.

    Args:
        config: the method's options; those that a pack decides are off until `resolve` has set them.
        size: S, pixels a side, a multiple of 32 that `cell` divides.

    Raises:
        TrainError: as of `Galatea`.
    """

    name = "student"
    averaged = ("to_real",)

    config: StudentConfig

    def __init__(self, config: StudentConfig, size: int) -> None:
        if size % config.cell:
            raise TrainError(f"cell {config.cell} does not divide pictures of {size} px")
        self.source: Domain = other(config.to)
        self.head_start = config.head_start
        self.averaged, self.discriminated = (f"to_{config.to}",), (config.to,)
        super().__init__(config, size)
        self.wants_hair = self.wants_hair or bool(config.hidden_eyes)  # a pack without hair gives none
        self.teacher, self.waits = copy.deepcopy(self.student), config.head_start > 0
        for network in (self.teacher, self.way_back):
            network.requires_grad_(False)

    @property
    def student(self) -> nn.Module:
        """The network that learns."""
        return self.to_real if self.config.to == "real" else self.to_anime

    @property
    def way_back(self) -> nn.Module:
        """The network that redraws the teacher's results."""
        return self.to_anime if self.config.to == "real" else self.to_real

    def load_initial_weights(self) -> None:
        """Load the teacher's weights, and start as it."""
        super().load_initial_weights()
        self.teacher.load_state_dict(self.student.state_dict())

    def enter(self, used: float) -> bool:
        """Let the student learn, too, once the discriminators' head start is over."""
        before, self.waits = self.waits, used < self.config.head_start
        return before != self.waits

    def _generator_step(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Results]]:
        config, optimizer, student, to = self.config, self.optimizers["generators"], self.student, self.config.to
        optimizer.zero_grad(set_to_none=True)
        with frozen(*self.discriminators.networks()), self.autocast():
            picture = dict(zip(DOMAINS, hardened(config, batch), strict=True))[self.source]
            way = 0 if to == "real" else 1  # what is told is told to real first
            asked = told(config, batch)[0][way]  # of these pictures, and of those of its own domain behind them
            who = None if asked is None else asked[: len(picture)]
            seen = self._covered(picture, batch)
            if self.waits:
                with torch.no_grad():
                    return {}, {to: self._known(student(seen, who), batch)}
            result, wanted = self.both(lambda: student(seen, who), lambda: self._taught(picture, who))
            wanted = self._with_skin(wanted, batch)
            known = self._known(result, batch)
            works: dict[str, Callable[[], Any]] = self.discriminators.scores(seen_results(config, batch, {to: known}))
            works["features"] = partial(feature_distance, self.features, result, wanted)
            if config.mirror_weight:
                works["mirrored"] = partial(mirrored, student, seen, result, who)
            labels = (self.label_network, self.features) if config.label_weight else None
            works |= kept(config, batch, {to: result}, labels)
            done = self.together(works)
            losses = self.discriminators.generators_losses(done)
            losses["taught"] = cycle_distance(wanted, result, config.cell)
            losses |= {name: done[name] for name in ("features", "mirrored") if name in done}
            losses |= kept_losses(done)
            loss = self._weighted(losses)
        loss.backward()
        optimizer.step()
        clip_rho(student)
        return {key: value.detach() for key, value in losses.items()}, {to: known.detached()}

    def _known(self, result: Tensor, batch: Batch) -> Results:
        """Results, (N, 3, S, S), with what discriminators are to know of them."""
        to, landmarks = self.config.to, self._of(batch, "landmarks")
        placed = None if landmarks is None else result_landmarks(landmarks, to)
        shown = labelled(self.config, batch)[0 if to == "real" else 1]
        return Results(result, placed, shown, self._of(batch, "known"))

    def _of(self, batch: Batch, name: str) -> Tensor | None:
        """What is known of the pictures that are translated."""
        known: Tensor | None = getattr(batch, f"{self.source}_{name}")
        return known

    @torch.no_grad()
    def _covered(self, picture: Tensor, batch: Batch) -> Tensor:
        """Pictures, (N, 3, S, S), as the student sees them."""
        config, numbers, landmarks = self.config, batch.numbers, self._of(batch, "landmarks")
        hair = self._of(batch, "hair")
        if config.hidden_eyes and hair is not None and landmarks is not None:
            picture = hair_over_an_eye(picture, hair, landmarks, config.hidden_eyes, numbers.strand)
        if config.cut_close and landmarks is not None:
            picture = cut_close(picture, landmarks, config.cut_close, numbers.cut)
        return picture

    @torch.no_grad()
    def _taught(self, picture: Tensor, who: Tensor | None) -> Tensor:
        """What the teacher makes of pictures, (N, 3, S, S), once they are redrawn."""
        first, turned = both_ways_round(self.teacher, picture, who)
        there, back = both_ways_round(self.way_back, (first + turned) / 2, who)
        wanted: Tensor = self.teacher((there + back) / 2, who)
        if who is None or who.shape[1] <= GLASSES:
            return wanted
        lost = (who[:, EYES_OPEN] < 0) | (who[:, GLASSES] > 0)
        return torch.where(lost[:, None, None, None], first, wanted)

    @torch.no_grad()
    def _with_skin(self, drawing: Tensor, batch: Batch) -> Tensor:
        """The teacher's drawings with their skin some of the way to the photographs' tone."""
        share, landmarks = self.config.skin_taught, batch.real_landmarks
        if not share or landmarks is None:
            return drawing
        with torch.autocast(drawing.device.type, enabled=False):
            own, seen = skin_colour(batch.real, landmarks)
            made, _ = skin_colour(drawing, landmarks)
            wanted, _ = tone(own, "anime")
            return recoloured_skin(drawing, None, landmarks, made + share * (wanted - made), seen)

    def _weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The student's loss: the sum of its losses, each with its weight."""
        weights = self.config.weights
        return torch.stack([weight * losses[name] for name, weight in weights.items() if name in losses]).sum()

    def translators(self) -> list[TrainedTranslator]:
        """The student, averaged."""
        to = self.config.to
        network, conditions = self.average[f"to_{to}"], ("who",) if self.config.who else ()
        return [TrainedTranslator(self.name, self.source, to, network, conditions=conditions, keeps_colours=True)]


def both_ways_round(network: nn.Module, image: Tensor, who: Tensor | None) -> tuple[Tensor, Tensor]:
    """The results of pictures, (N, 3, S, S), and those of their mirror images, turned back."""
    twice = None if who is None else torch.cat([who, who])
    plain, turned = network(torch.cat([image, image.flip(3)]), twice).chunk(2)
    return plain, turned.flip(3)
