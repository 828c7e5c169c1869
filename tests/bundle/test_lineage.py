"""What a bundle was made from is told once, however often it comes up, and briefly where it is long ago."""

import json
from pathlib import Path

import pytest

from anime2real.bundle.format import CORE, MANIFEST
from anime2real.bundle.lineage import ANCESTORS, LINEAGE, with_ancestors

OLD = {"name": "old", "sha256": "0" * 64, "options": {"width": 48}, "minutes": 9}


def test_a_past_that_two_bundles_share_is_told_once() -> None:
    starts = [{"name": name, "sha256": name * 64, "options": {"a": 1}, "started_from": [OLD]} for name in ("a", "b")]
    told = with_ancestors({"started_from": starts, "seed": 1})
    assert told == {
        "seed": 1,
        "started_from": [
            {"name": name, "sha256": name * 64, "options": {"a": 1}, "started_from": ["0" * 12]} for name in ("a", "b")
        ],
        "ancestors": {"0" * 12: {"name": "old", "minutes": 9}},
    }
    assert with_ancestors(told) == told


def test_facts_of_one_ancestor_told_in_several_places_come_together() -> None:
    again = {"name": "old", "sha256": "0" * 64, "averaged_from": [{"name": "oldest", "sha256": "1" * 64, "share": 0.5}]}
    parts = [{"name": "a", "sha256": "a" * 64, "started_from": [OLD, again]}, {"name": "unknown"}]
    told = with_ancestors({"averaged_from": parts})
    assert told[ANCESTORS].keys() == {"0" * 12, "1" * 12}
    assert told[ANCESTORS]["0" * 12] == {"name": "old", "minutes": 9, "averaged_from": {"1" * 12: 0.5}}
    assert with_ancestors({"seed": 1}) == {"seed": 1}


@pytest.mark.parametrize("folder", sorted(path.parent for path in CORE.glob(f"*/{MANIFEST}")), ids=lambda f: f.name)
def test_what_ships_tells_its_lineage_so(folder: Path) -> None:
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    training = json.loads(text)["training"]
    assert with_ancestors(training) == training
    assert len(text) < 20_000
    ancestors = training.get(ANCESTORS, {})
    near = [part for key in LINEAGE for part in training.get(key, ())]
    sums = ancestors.keys() | {part["sha256"][:12] for part in near}
    for told in (*near, *ancestors.values()):
        assert {parent for key in LINEAGE for parent in told.get(key, ())} <= sums
