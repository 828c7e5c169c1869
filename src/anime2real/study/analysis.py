"""What a study found: who wins, whom anybody takes for real, and whether photographs are judged more harshly."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from anime2real.domain import Domain
from anime2real.study.answers import Answer
from anime2real.study.statistics import CONFIDENCE, Ranking, Share, difference, ranking, share

ATTENTIVE: Final = 0.75
"""Share of the attention checks that a rater must pass to count; one who met none counts."""


@dataclass(frozen=True)
class Findings:
    """All figures.

    Attributes:
        raters: who answered at all.
        excluded: of them, those who failed the attention checks.
        wins: (direction, method, other method) -> how often the method was chosen.
        rankings: by direction, where two methods or more were compared.
        fooled: (direction, method) -> how often its result was taken for the real picture.
        directions: by direction, the same over all methods.
        harshness: fooling rate of drawings less that of photographs: above zero, photographs are judged more
            harshly; None where not both directions were asked about.
        milliseconds: median time of an answer, by kind of trial.
    """

    raters: tuple[str, ...]
    excluded: tuple[str, ...]
    wins: Mapping[tuple[Domain, str, str], Share]
    rankings: Mapping[Domain, Ranking]
    fooled: Mapping[tuple[Domain, str], Share]
    directions: Mapping[Domain, Share]
    harshness: Share | None
    milliseconds: Mapping[str, float]


def find(answers: Sequence[Answer], methods: Mapping[Domain, Sequence[str]]) -> Findings:
    """Work out everything.

    Args:
        answers: all of them.
        methods: of the study, by direction.
    """
    raters = tuple(sorted({a.rater for a in answers}))
    excluded = tuple(sorted(rater for rater in raters if not _attentive([a for a in answers if a.rater == rater])))
    counted = [a for a in answers if a.rater not in excluded]
    wins: dict[tuple[Domain, str, str], Share] = {}
    rankings: dict[Domain, Ranking] = {}
    for to, names in methods.items():
        pairs = [a for a in counted if a.trial.kind == "methods" and a.trial.to == to]
        chosen: dict[tuple[str, str], int] = defaultdict(int)
        for a in pairs:
            chosen[a.chosen, a.refused] += 1
        for one in names:
            for two in names:
                if one != two and (games := chosen[one, two] + chosen[two, one]):
                    wins[to, one, two] = share(chosen[one, two], games)
        if len(names) > 1 and pairs:
            rankings[to] = ranking([(a.rater, a.chosen, a.refused) for a in pairs], names)
    fooled: dict[tuple[Domain, str], Share] = {}
    directions: dict[Domain, Share] = {}
    for to, names in methods.items():
        controls = [a for a in counted if a.trial.kind == "real" and a.trial.to == to]
        for name in names:
            if asked := [a for a in controls if name in (a.chosen, a.refused)]:
                fooled[to, name] = share(sum(a.chosen == name for a in asked), len(asked))
        if controls:
            directions[to] = share(sum(a.chosen != "real" for a in controls), len(controls))
    harshness = difference(directions["anime"], directions["real"]) if len(directions) == 2 else None
    times = {
        kind: float(median(of)) for kind in ("methods", "real", "attention")
        if (of := [a.milliseconds for a in counted if a.trial.kind == kind])
    }  # fmt: skip
    return Findings(raters, excluded, wins, rankings, fooled, directions, harshness, times)


def _attentive(answers: Sequence[Answer]) -> bool:
    checks = [a.chosen == a.trial.right for a in answers if a.trial.kind == "attention"]
    return not checks or sum(checks) >= ATTENTIVE * len(checks)


def as_json(found: Findings) -> dict[str, Any]:
    """For `--json`."""

    def told(one: Share) -> dict[str, float | int]:
        return {
            "share": round(one.value, 4),
            "low": round(one.low, 4),
            "high": round(one.high, 4),
            "answers": one.count,
        }

    return {
        "confidence": CONFIDENCE,
        "raters": len(found.raters),
        "excluded": len(found.excluded),
        "wins": [{"to": to, "method": a, "over": b, **told(s)} for (to, a, b), s in found.wins.items()],
        "strengths": [
            {"to": to, "method": m, "log_strength": round(float(v), 4), "low": round(float(low), 4),
             "high": round(float(high), 4)}
            for to, r in found.rankings.items()
            for m, v, low, high in zip(r.methods, r.logs, r.low, r.high, strict=True)
        ],
        "fooling": [{"to": to, "method": m, **told(s)} for (to, m), s in found.fooled.items()],
        "fooling_by_direction": [{"to": to, **told(s)} for to, s in found.directions.items()],
        "harshness_gap": None if found.harshness is None else told(found.harshness),
        "median_milliseconds": dict(found.milliseconds),
    }  # fmt: skip
