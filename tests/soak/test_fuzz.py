"""Damaged and hostile inputs of every kind, as many as there is time for: each is one line, or a sound result.

    pytest -m soak tests/soak/test_fuzz.py --minutes 10

Inputs are changed at random and by Hypothesis, and by atheris where that is installed (`pip install atheris`).
"""

import pytest
from soak.fuzzing import engines, fuzz
from soak.tally import Tally
from soak.targets import TARGETS

SHARE = 0.5
"""Of the soak's time, for all kinds."""

WEIGHTS = {"pictures": 4, "models": 4, "configs": 3, "packs": 2, "clips": 1.5, "requests": 1, "runs": 1, "bundles": 1}
"""Of the kinds' times."""

PARTS = {"random": 5, "hypothesis": 2, "atheris": 3}
"""Of a kind's time, for each engine."""


@pytest.mark.soak
@pytest.mark.parametrize("kind", TARGETS)
def test_damaged_inputs_are_one_line(kind: str, tally: Tally, seconds: float) -> None:
    time = SHARE * seconds * WEIGHTS[kind] / sum(WEIGHTS.values())
    if "atheris" not in {engine for each in TARGETS for engine in engines(each)} and not tally.counts["left_out"]:
        tally.add("left_out", "atheris: not installed")
    chosen = engines(kind)
    for engine in chosen:
        fuzz(kind, engine, time * PARTS[engine] / sum(PARTS[each] for each in chosen), tally)
