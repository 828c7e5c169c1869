"""What answers say, and how surely: shares with intervals, strengths of methods, and the harshness gap.

Pure functions of counts and arrays. Intervals are 95 % unless told otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
PRIOR = 0.5
"""Wins and losses that every pair of methods is given beforehand, so that a method that never won has a strength."""


@dataclass(frozen=True)
class Share:
    """A share of answers.

    Attributes:
        value: in [0, 1]; NaN of nothing.
        low, high: of the interval.
        count: answers.
    """

    value: float
    low: float
    high: float
    count: int


def share(successes: int, count: int, confidence: float = CONFIDENCE) -> Share:
    """A proportion with Wilson's score interval (Wilson, 1927), which holds at few answers and at 0 and 1.

    Raises:
        ValueError: more successes than answers, or a negative number.
    """
    if not 0 <= successes <= count:
        raise ValueError(f"{successes} of {count} is no share")
    if count == 0:
        return Share(float("nan"), 0.0, 1.0, 0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / count
    scale = 1 + z**2 / count
    middle = (p + z**2 / (2 * count)) / scale
    half = z / scale * (p * (1 - p) / count + z**2 / (4 * count**2)) ** 0.5
    return Share(p, max(0.0, middle - half), min(1.0, middle + half), count)


def difference(one: Share, two: Share) -> Share:
    """`one` minus `two`, independent, with Newcombe's hybrid score interval (Newcombe, 1998, method 10)."""
    value = one.value - two.value
    low = value - ((one.value - one.low) ** 2 + (two.high - two.value) ** 2) ** 0.5
    high = value + ((one.high - one.value) ** 2 + (two.value - two.low) ** 2) ** 0.5
    return Share(value, max(-1.0, low), min(1.0, high), one.count + two.count)


def strengths(wins: Floats, prior: float = PRIOR) -> Floats:
    """Bradley-Terry strengths: P(i is chosen over j) = s_i / (s_i + s_j) (Bradley and Terry, 1952).

    Maximum likelihood by minorisation-maximisation (Hunter, "MM algorithms for generalized Bradley-Terry models", 2004,
    equation 3), which climbs at every step.

    Args:
        wins: (M, M), how often row i was chosen over column j; the diagonal is not looked at.
        prior: added to every pair, both ways.

    Returns:
        (M,) log strengths, natural, with mean zero.
    """
    count = len(wins)
    wins = wins + prior * (1 - np.eye(count))
    np.fill_diagonal(wins, 0.0)
    games = wins + wins.T
    total = wins.sum(1)
    strength = np.ones(count)
    for _ in range(10_000):
        pairs = games / (strength[:, None] + strength[None])
        new = total / pairs.sum(1)
        new /= np.exp(np.log(new).mean())
        settled = bool(np.abs(np.log(new / strength)).max() < 1e-10)
        strength = new
        if settled:
            break
    logs: Floats = np.log(strength)
    return logs


@dataclass(frozen=True)
class Ranking:
    """Methods by strength.

    Attributes:
        methods: in the order given.
        logs: (M,) log strengths.
        low, high: (M,) their intervals.
        chances: (M, M), of row i being chosen over column j, by the strengths.
    """

    methods: tuple[str, ...]
    logs: Floats
    low: Floats
    high: Floats
    chances: Floats


def ranking(
    answers: Sequence[tuple[str, str, str]], methods: Sequence[str], *, resamples: int = 500, seed: int = 0
) -> Ranking:
    """Strengths with intervals from a bootstrap over raters, whose answers hang together; over answers if one rates.

    Args:
        answers: (rater, chosen method, other method).
        methods: M names; answers about others are an error.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: a method that is not among `methods`.
    """
    places = {method: i for i, method in enumerate(methods)}
    for _, chosen, other in answers:
        if chosen not in places or other not in places:
            raise ValueError(f"an answer about {chosen!r} and {other!r}, of {', '.join(methods)}")
    raters = sorted({rater for rater, _, _ in answers})
    units = {rater: i for i, rater in enumerate(raters)}
    alone = len(raters) < 2
    tables = np.zeros((max(1, len(answers) if alone else len(raters)), len(methods), len(methods)))
    for i, (rater, chosen, other) in enumerate(answers):
        tables[i if alone else units[rater], places[chosen], places[other]] += 1
    logs = strengths(tables.sum(0))
    random = np.random.default_rng(seed)
    drawn = [strengths(tables[random.integers(len(tables), size=len(tables))].sum(0)) for _ in range(resamples)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    chances = 1 / (1 + np.exp(logs[None] - logs[:, None]))
    return Ranking(tuple(methods), logs, low, high, chances)
