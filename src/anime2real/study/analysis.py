"""The analysis of a study: which method wins, which is taken for real, and how harshly photographs are rated."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from anime2real.domain import Domain
from anime2real.study.answers import Answer
from anime2real.study.statistics import CONFIDENCE, Proportion, Ranking, clustered_proportion, difference, rank_methods
from anime2real.study.trials import Kind

MIN_ATTENTION: Final = 0.75
"""The proportion of attention checks that a rater must pass to count; a rater who saw none counts."""


FEW_RATERS: Final = 10
"""With fewer raters than this a report warns."""


@dataclass(frozen=True)
class Analysis:
    """All figures.

    Attributes:
        raters: who answered.
        excluded: of them, those who failed the attention checks.
        wins: (direction, method, other method) -> how often the method was chosen.
        rankings: by direction, where at least two methods were compared.
        fooling: (direction, method) -> how often its result was taken for the real picture.
        fooling_by_direction: the same over all methods.
        harshness_gap: the fooling rate of drawings minus that of photographs: above zero, photographs are rated more
            harshly; None unless both directions were asked about.
        median_milliseconds: of an answer, by kind of trial.
        undecided: answers, by kind of trial, in which the rater could not tell; no rate counts them.
        dates: the first and the last day on which somebody answered, ISO 8601; empty without answers.
    """

    raters: tuple[str, ...]
    excluded: tuple[str, ...]
    wins: Mapping[tuple[Domain, str, str], Proportion]
    rankings: Mapping[Domain, Ranking]
    fooling: Mapping[tuple[Domain, str], Proportion]
    fooling_by_direction: Mapping[Domain, Proportion]
    harshness_gap: Proportion | None
    median_milliseconds: Mapping[str, float]
    undecided: Mapping[str, int]
    dates: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before the figures."""
        count = len(self.raters) - len(self.excluded)
        lines = []
        if count < FEW_RATERS:
            people = "nobody" if not count else f"{count} {'person' if count == 1 else 'people'}"
            lines.append(f"Only {people} counted: fewer than {FEW_RATERS} say little about anybody else.")
        if 2 * len(self.excluded) > len(self.raters):
            lines.append("More than half of the raters failed the attention checks: see whether the checks are fair.")
        return tuple(lines)


def analyse(answers: Sequence[Answer], methods: Mapping[Domain, Sequence[str]]) -> Analysis:
    """Work out all figures.

    Args:
        answers: all answers of the study.
        methods: of the study, by direction.
    """
    raters = tuple(sorted({a.rater for a in answers}))
    excluded = _inattentive(answers)
    attentive = [a for a in answers if a.rater not in excluded]
    counted = [a for a in attentive if a.decided]
    wins: dict[tuple[Domain, str, str], Proportion] = {}
    rankings: dict[Domain, Ranking] = {}
    fooling: dict[tuple[Domain, str], Proportion] = {}
    by_direction: dict[Domain, Proportion] = {}
    for to, names in methods.items():
        pairs, controls = _select(counted, "methods", to), _select(counted, "real", to)
        wins |= {(to, *pair): rate for pair, rate in _win_rates(pairs, names).items()}
        if len(names) > 1 and pairs:
            rankings[to] = rank_methods([(a.rater, a.chosen, a.rejected) for a in pairs], names)
        fooling |= {(to, name): rate for name, rate in _fooling_rates(controls, names).items()}
        if controls:
            by_direction[to] = clustered_proportion((a.rater, a.chosen != "real") for a in controls)
    return Analysis(
        raters, excluded, wins, rankings, fooling, by_direction,
        difference(by_direction["anime"], by_direction["real"]) if len(by_direction) == 2 else None,
        _median_times(counted),
        Counter(a.trial.kind for a in attentive if not a.decided),
        _first_and_last(sorted({a.answered[:10] for a in answers if a.answered})),
    )  # fmt: skip


def _first_and_last(days: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((days[0], days[-1]))) if days else ()


def _inattentive(answers: Sequence[Answer]) -> tuple[str, ...]:
    """The raters who fail too many attention checks."""
    checks: dict[str, list[bool]] = defaultdict(list)
    for a in answers:
        if a.trial.kind == "attention":
            checks[a.rater].append(a.chosen == a.trial.expected)
    return tuple(sorted(rater for rater, passed in checks.items() if sum(passed) < MIN_ATTENTION * len(passed)))


def _select(answers: Sequence[Answer], kind: Kind, to: Domain) -> list[Answer]:
    """The answers to the trials of one kind and direction."""
    return [a for a in answers if (a.trial.kind, a.trial.to) == (kind, to)]


def _win_rates(answers: Sequence[Answer], methods: Sequence[str]) -> dict[tuple[str, str], Proportion]:
    """How often each method was chosen over each other one, where they were compared at all."""
    return {
        (first, second): clustered_proportion((a.rater, a.chosen == first) for a in games)
        for first in methods
        for second in methods
        if first != second and (games := [a for a in answers if {a.chosen, a.rejected} == {first, second}])
    }


def _fooling_rates(answers: Sequence[Answer], methods: Sequence[str]) -> dict[str, Proportion]:
    """How often each method's result was taken for the real picture, where it was shown beside one."""
    return {
        method: clustered_proportion((a.rater, a.chosen == method) for a in shown)
        for method in methods
        if (shown := [a for a in answers if method in (a.chosen, a.rejected)])
    }


def _median_times(answers: Sequence[Answer]) -> dict[str, float]:
    """Median milliseconds by kind of trial, where there are answers of that kind."""
    return {
        kind: float(median(times))
        for kind in ("methods", "real", "attention")
        if (times := [a.milliseconds for a in answers if a.trial.kind == kind])
    }


def as_json(analysis: Analysis) -> dict[str, Any]:
    """The figures as `--json` prints them."""

    def numbers(rate: Proportion) -> dict[str, float | int]:
        return {
            "share": round(rate.value, 4),
            "low": round(rate.low, 4),
            "high": round(rate.high, 4),
            "answers": rate.count,
        }

    gap = analysis.harshness_gap
    return {
        "confidence": CONFIDENCE,
        "raters": len(analysis.raters),
        "excluded": len(analysis.excluded),
        "wins": [
            {"to": to, "method": method, "over": over, **numbers(rate)}
            for (to, method, over), rate in analysis.wins.items()
        ],
        "strengths": [
            {"to": to, "method": method, "log_strength": round(float(log), 4), "low": round(float(low), 4),
             "high": round(float(high), 4)}
            for to, ranking in analysis.rankings.items()
            for method, log, low, high in zip(ranking.methods, ranking.logs, ranking.low, ranking.high, strict=True)
        ],
        "fooling": [{"to": to, "method": method, **numbers(rate)} for (to, method), rate in analysis.fooling.items()],
        "fooling_by_direction": [{"to": to, **numbers(rate)} for to, rate in analysis.fooling_by_direction.items()],
        "harshness_gap": None if gap is None else numbers(gap),
        "median_milliseconds": dict(analysis.median_milliseconds),
        "undecided": dict(analysis.undecided),
        "dates": list(analysis.dates),
        "warnings": list(analysis.warnings),
    }  # fmt: skip
