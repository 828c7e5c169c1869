"""The way of a picture finds and cuts out what it did when tests/golden/picture_way.json was written."""

import json
from typing import Any

import pytest
import write_picture_way
from picture_way import CASES, NAMES, assert_alike


@pytest.mark.parametrize("golden", CASES, ids=NAMES)
def test_faces_and_crops_are_as_they_were(golden: dict[str, Any]) -> None:
    found = write_picture_way.picture_way(write_picture_way.TOP / golden["picture"])
    assert found["size"] == golden["size"]
    assert_alike(found, golden)


def test_a_face_elsewhere_is_noticed() -> None:
    golden = CASES[0]
    moved = json.loads(json.dumps(golden))
    moved["crops"][0]["frame"]["tx"] += 0.02
    with pytest.raises(AssertionError):
        assert_alike(moved, golden)
