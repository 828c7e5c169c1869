"""The statistics of a study: proportions with intervals, and the methods' Bradley-Terry strengths.

Pure functions of counts and arrays. Intervals are 95 % unless told otherwise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binomtest, norm, t

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
PRIOR = 0.5
"""Wins and losses added to every pair of methods, so that a method that never won has a finite strength."""


@dataclass(frozen=True)
class Proportion:
    """A proportion of answers, or the difference of two.

    Attributes:
        value: in [0, 1]; NaN if there are no answers.
        low, high: the ends of its interval.
        count: answers.
    """

    value: float
    low: float
    high: float
    count: int


def proportion(successes: int, count: int, confidence: float = CONFIDENCE) -> Proportion:
    """A proportion with Wilson's score interval (Wilson, 1927), which holds for few answers and at 0 and 1.

    Raises:
        ValueError: more successes than answers, or a negative number.
    """
    if not 0 <= successes <= count:
        raise ValueError(f"{successes} of {count} is not a proportion")
    if count == 0:
        return Proportion(float("nan"), 0.0, 1.0, 0)
    interval = binomtest(successes, count).proportion_ci(confidence, method="wilson")
    return Proportion(successes / count, float(interval.low), float(interval.high), count)


def clustered_proportion(answers: Iterable[tuple[str, bool]], confidence: float = CONFIDENCE) -> Proportion:
    """A proportion of answers of several raters, with an interval that does not take one person's for independent.

    Wilson's interval for as many independent answers as these are worth: their number over the design effect (Rao and
    Scott, "A simple method for the analysis of clustered binary data", 1992), and less for few raters, as Korn and
    Graubard (1998) have it. Where all agree, the answers of a rater count as one. With a single rater it is Wilson's
    own, and tells of this rater alone.

    Args:
        answers: the rater, and whether the answer counts.
        confidence: of the interval.
    """
    counts: dict[str, list[int]] = {}
    for rater, success in answers:
        of_rater = counts.setdefault(rater, [0, 0])
        of_rater[0] += success
        of_rater[1] += 1
    successes, sizes = np.array(list(counts.values()), np.float64).reshape(-1, 2).T
    count, raters = int(sizes.sum()), len(sizes)
    if raters < 2:
        return proportion(int(successes.sum()), count, confidence)
    value = float(successes.sum() / count)
    worth = float(raters)
    if 0 < value < 1:
        variance = raters / (raters - 1) * float(((successes - value * sizes) ** 2).sum()) / count**2
        worth = value * (1 - value) / variance if variance else float(count)
    tail = (1 + confidence) / 2
    worth = min(worth, count) * float(norm.ppf(tail) / t.ppf(tail, raters - 1)) ** 2
    return Proportion(value, *_wilson(value, worth, float(norm.ppf(tail))), count)


def _wilson(value: float, count: float, z: float) -> tuple[float, float]:
    """Wilson's score interval; scipy's wants whole numbers."""
    centre = value + z**2 / (2 * count)
    half = z * np.sqrt(value * (1 - value) / count + z**2 / (4 * count**2))
    return float((centre - half) / (1 + z**2 / count)), float((centre + half) / (1 + z**2 / count))


def difference(first: Proportion, second: Proportion) -> Proportion:
    """`first` minus `second`, independent, with Newcombe's hybrid score interval (Newcombe, 1998, method 10).

    It is computed from the two Wilson intervals here, because scipy has no such interval.
    """
    value = first.value - second.value
    low = value - np.hypot(first.value - first.low, second.high - second.value)
    high = value + np.hypot(first.high - first.value, second.value - second.low)
    return Proportion(value, max(-1.0, float(low)), min(1.0, float(high)), first.count + second.count)


def bradley_terry(wins: Floats, prior: float = PRIOR) -> Floats:
    """Bradley-Terry strengths: P(i is chosen over j) = s_i / (s_i + s_j) (Bradley and Terry, 1952).

    Maximum likelihood by minorisation-maximisation (Hunter, "MM algorithms for generalized Bradley-Terry models", 2004,
    equation 3), whose likelihood rises at every step. scipy has no fit of this model.

    Args:
        wins: (M, M), how often row i was chosen over column j; the diagonal is ignored.
        prior: added to every pair, both ways.

    Returns:
        (M,) natural logarithms of the strengths, with mean zero.
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
        converged = bool(np.abs(np.log(new / strength)).max() < 1e-10)
        strength = new
        if converged:
            break
    logs: Floats = np.log(strength)
    return logs


@dataclass(frozen=True)
class Ranking:
    """The strengths of the methods of one direction.

    Attributes:
        methods: M names, in the order given.
        logs: (M,) log strengths.
        low, high: (M,) the ends of their intervals.
        chances: (M, M), the probability of row i being chosen over column j, by the strengths.
    """

    methods: tuple[str, ...]
    logs: Floats
    low: Floats
    high: Floats
    chances: Floats


def rank_methods(
    answers: Sequence[tuple[str, str, str]], methods: Sequence[str], *, resamples: int = 500, seed: int = 0
) -> Ranking:
    """Strengths with percentile intervals from a bootstrap.

    The bootstrap resamples raters, because the answers of one rater depend on each other; with a single rater it
    resamples answers.

    Args:
        answers: (rater, chosen method, rejected method).
        methods: M names.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: an answer is about a method that is not among `methods`.
    """
    columns = {method: i for i, method in enumerate(methods)}
    for _, chosen, rejected in answers:
        if chosen not in columns or rejected not in columns:
            raise ValueError(f"an answer about {chosen!r} and {rejected!r}, of {', '.join(methods)}")
    raters = sorted({rater for rater, _, _ in answers})
    rows = {rater: i for i, rater in enumerate(raters)}
    by_answer = len(raters) < 2
    tables = np.zeros((max(1, len(answers) if by_answer else len(raters)), len(methods), len(methods)))
    for i, (rater, chosen, rejected) in enumerate(answers):
        tables[i if by_answer else rows[rater], columns[chosen], columns[rejected]] += 1
    logs = bradley_terry(tables.sum(0))
    random = np.random.default_rng(seed)
    drawn = [bradley_terry(tables[random.integers(len(tables), size=len(tables))].sum(0)) for _ in range(resamples)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return Ranking(tuple(methods), logs, low, high, expit(logs[:, None] - logs[None]))
