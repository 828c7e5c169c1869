"""The trials of a study: each with its two pictures, fixed before the first rater comes.

A study is a folder: `study.json` with the trials, `pictures/` with their pictures under random names, `answers.sqlite`
with the answers. There are three kinds of trial:

- `methods`: two methods' results for one input; which looks more like a photograph (or a drawing)?
- `real`: a method's result and a real picture of the same domain; which is the real one?
- `attention`: a result and the same one spoiled by blur and noise; a rater who chooses the spoiled one does not look.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from anime2real.domain import Domain
from anime2real.errors import UserError

FORMAT_VERSION: Final = 2
STUDY_FILE: Final = "study.json"
PICTURES: Final = "pictures"

Kind = Literal["methods", "real", "attention"]


class StudyError(UserError):
    """A study that cannot be made, or is damaged."""


@dataclass(frozen=True)
class Side:
    """One of a trial's two pictures.

    Attributes:
        picture: its file in `pictures/`.
        source: the method that made it; `real` or `spoiled` for those that none made.
    """

    picture: str
    source: str


@dataclass(frozen=True)
class Trial:
    """Two pictures and a question.

    Attributes:
        name: unique in the study.
        kind: see above.
        to: the domain that both pictures are to look like.
        sides: in an order that no rater sees.
    """

    name: str
    kind: Kind
    to: Domain
    sides: tuple[Side, Side]

    @property
    def expected(self) -> str | None:
        """The source that an attentive rater chooses; None where any choice is right."""
        if self.kind != "attention":
            return None
        return next((side.source for side in self.sides if side.source != "spoiled"), None)


@dataclass(frozen=True)
class Study:
    """A study as it lies in its folder.

    Attributes:
        folder: where it lies.
        methods: that are compared, by the domain they translate to.
        trials: all of them.
        seed: of the choice of pictures and of each rater's order.
    """

    folder: Path
    methods: Mapping[Domain, tuple[str, ...]]
    trials: tuple[Trial, ...]
    seed: int

    def for_rater(self, rater: str) -> list[tuple[Trial, bool]]:
        """The trials in a rater's own order, each with whether its sides are swapped."""
        random = np.random.default_rng([self.seed, *rater.encode()])
        order = random.permutation(len(self.trials))
        swapped = random.random(len(self.trials)) < 0.5
        return [(self.trials[i], bool(swapped[i])) for i in order]


def read_study(folder: Path) -> Study:
    """Read a study from its folder.

    Raises:
        StudyError: there is none, or it is damaged.
    """
    try:
        record: dict[str, Any] = json.loads((folder / STUDY_FILE).read_text(encoding="utf-8"))
        if record["format_version"] != FORMAT_VERSION:
            raise StudyError(f"{folder} has study format {record['format_version']}, this program {FORMAT_VERSION}")
        trials = []
        for trial in record["trials"]:
            first, second = (Side(**side) for side in trial["sides"])
            trials.append(Trial(trial["name"], trial["kind"], trial["to"], (first, second)))
        methods = {domain: tuple(names) for domain, names in record["methods"].items()}
        return Study(folder, methods, tuple(trials), int(record["seed"]))
    except FileNotFoundError as error:
        raise StudyError(f"{folder} is no study: there is no {STUDY_FILE}") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(f"{folder} is a damaged study ({error}): make it again") from error
