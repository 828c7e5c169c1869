"""Raters who are made up, with preferences that are known: to test a study before people spend time on it."""

import math
from collections.abc import Mapping

import numpy as np

from anime2real.domain import Domain
from anime2real.study.answers import Answers
from anime2real.study.trials import Plan, StudyError


def simulate(
    plan: Plan,
    answers: Answers,
    raters: int,
    preference: Mapping[str, float],
    *,
    fooled: Mapping[Domain, float] | None = None,
    careless: float = 0.0,
    seed: int = 0,
) -> None:
    """Answer every trial, for each rater.

    Args:
        plan: the study.
        answers: where they go.
        raters: how many.
        preference: log strengths of the methods: one is chosen over another with the odds exp(a - b).
        fooled: by direction, chance that a result is taken for real; 0.3 if not given.
        careless: share of the raters who choose by a coin.
        seed: of everything.

    Raises:
        StudyError: a method has no preference.
    """
    for name in {name for names in plan.methods.values() for name in names}:
        if name not in preference:
            raise StudyError(f"no preference for {name}: give one, such as {name}=0.5")
    chances = fooled or {}
    for number in range(raters):
        random = np.random.default_rng([seed, number])
        rater = f"simulated-{seed}-{number:04d}"
        coin = random.random() < careless
        for trial, _ in plan.for_rater(rater):
            one, two = (side.what for side in trial.sides)
            if coin:
                chance = 0.5
            elif trial.kind == "methods":
                chance = 1 / (1 + math.exp(preference[two] - preference[one]))
            elif trial.kind == "real":
                chance = chances.get(trial.to, 0.3)
                chance = 1 - chance if one == "real" else chance
            else:
                chance = 0.02 if one == "spoiled" else 0.98
            answers.record(rater, trial.name, int(random.random() >= chance), int(random.lognormal(7.5, 0.5)))
