"""What a bundle was made from: the bundles that it is an average of, or whose training began with their weights.

Of those next to it, `training` records all that is known; of those before them, briefly, each once, under `ancestors`.
So a bundle that is averaged again and again grows by some lines each time.
"""

from collections.abc import Mapping
from typing import Any, Final

LINEAGE: Final = ("averaged_from", "started_from")
"""Keys of `training` that tell of other bundles."""

ANCESTORS: Final = "ancestors"
"""The key of `training` that tells of those before these, by how their SHA-256 begins."""

_TOLD: Final = ("name", "pack", "pairs", "minutes", "ema_share", "date")
"""What is told of an ancestor, beside what it was made from."""

_Facts = Mapping[str, Any]


def with_ancestors(training: _Facts) -> dict[str, Any]:
    """`training` of a bundle, with what the bundles of its lineage were made from told once, under `ancestors`.

    Args:
        training: what is recorded of it; the bundles of its lineage may record theirs in turn, as deep as it goes, or
            in this form.
    """
    ancestors: dict[str, dict[str, Any]] = {}
    told = {key: value for key, value in training.items() if key != ANCESTORS}
    for key in LINEAGE:
        if training.get(key):
            told[key] = [_next_to_it(part, ancestors) for part in training[key]]
    for sum_, facts in training.get(ANCESTORS, {}).items():
        _note(sum_, facts, ancestors)
    near = {_sum(part) for key in LINEAGE for part in told.get(key, ())}
    further = {sum_: facts for sum_, facts in ancestors.items() if sum_ not in near}
    return told | ({ANCESTORS: further} if further else {})


def _next_to_it(part: _Facts, ancestors: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All that is recorded of a bundle, what it was made from by sums; what these were made from is noted."""
    for sum_, facts in part.get(ANCESTORS, {}).items():
        _note(sum_, facts, ancestors)
    return {k: v for k, v in part.items() if k not in (*LINEAGE, ANCESTORS)} | _made_from(part, ancestors)


def _made_from(part: _Facts, ancestors: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a bundle was made from, by sums: those averaged with their shares, those started from as a list."""
    made: dict[str, Any] = {}
    for key in LINEAGE:
        parents = part.get(key)
        if not parents:
            continue
        if all(isinstance(parent, Mapping) for parent in parents):
            for parent in parents:
                _note(_sum(parent), parent, ancestors)
            shares = {_sum(parent): _share(parent) for parent in parents}
            made[key] = shares if key == "averaged_from" else list(shares)
        else:
            made[key] = parents  # sums already
    return made


def _note(sum_: str, facts: _Facts, ancestors: dict[str, dict[str, Any]]) -> None:
    brief = {key: facts[key] for key in _TOLD if key in facts}
    known = ancestors.setdefault(sum_, {})
    known |= {key: value for key, value in brief.items() if key not in known}
    known |= {key: value for key, value in _made_from(facts, ancestors).items() if key not in known}


def _share(part: _Facts) -> Any:
    shares = {key: value for key, value in part.items() if key == "share" or key.startswith("share of ")}
    return shares["share"] if shares.keys() == {"share"} else shares


def _sum(part: _Facts) -> str:
    return str(part.get("sha256", ""))[:12] or str(part.get("name", "a bundle"))
