"""Simulated raters with known preferences, to test a study before people spend time on it."""

import math
from collections.abc import Mapping

import numpy as np

from anime2real.domain import Domain
from anime2real.study.answers import Answers
from anime2real.study.trials import Study, StudyError, Trial


def simulate(
    study: Study,
    answers: Answers,
    raters: int,
    preference: Mapping[str, float],
    *,
    fooled: Mapping[Domain, float] | None = None,
    careless: float = 0.0,
    seed: int = 0,
) -> None:
    """Answer every trial for each simulated rater.

    Args:
        study: its trials.
        answers: where the answers are stored.
        raters: how many.
        preference: log strengths of the methods: one is chosen over another with the odds exp(a - b).
        fooled: by direction, the probability that a result is taken for real; 0.3 if not given.
        careless: proportion of the raters who choose at random.
        seed: of all random numbers.

    Raises:
        StudyError: a method has no preference.
    """
    for name in {name for names in study.methods.values() for name in names}:
        if name not in preference:
            raise StudyError(f"no preference for {name}: give one, such as {name}=0.5")
    for number in range(raters):
        random = np.random.default_rng([seed, number])
        rater = answers.issue(f"simulated-{seed}-{number:04d}")
        random_choice = random.random() < careless
        for trial, _ in study.for_rater(rater):
            chance = 0.5 if random_choice else _first_chosen(trial, preference, fooled or {})
            answers.record(rater, trial.name, int(random.random() >= chance), int(random.lognormal(7.5, 0.5)))


def _first_chosen(trial: Trial, preference: Mapping[str, float], fooled: Mapping[Domain, float]) -> float:
    """The probability that an attentive rater chooses the trial's first side."""
    first, second = (side.source for side in trial.sides)
    if trial.kind == "methods":
        return 1 / (1 + math.exp(preference[second] - preference[first]))
    if trial.kind == "real":
        chance = fooled.get(trial.to, 0.3)
        return 1 - chance if first == "real" else chance
    return 0.02 if first == "spoiled" else 0.98
