"""The way of a picture finds and cuts out what it did when tests/golden/picture_way.json was written.

docs/try's JavaScript is held to the same file.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import write_picture_way

from anime2real.face.geometry import Similarity

ROOT = Path(__file__).parent.parent
CASES = json.loads(write_picture_way.GOLDEN.read_text(encoding="utf-8"))["cases"]
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def frame_of(told: dict[str, float]) -> Similarity:
    return Similarity(complex(told["a"], told["b"]), complex(told["tx"], told["ty"]))


def assert_alike(found: dict[str, Any], golden: dict[str, Any]) -> None:
    """To a hundredth of a face's side, a degree, a few levels: what another CPU's rounding may move."""
    assert [face["domain"] for face in found["faces"]] == [face["domain"] for face in golden["faces"]]
    for ours, theirs in zip(found["faces"], golden["faces"], strict=True):
        side = theirs["box"][2] - theirs["box"][0]
        np.testing.assert_allclose(ours["box"], theirs["box"], atol=0.01 * side)
        np.testing.assert_allclose(ours["landmarks"], theirs["landmarks"], atol=0.01 * side)
        assert ours["tilt_degrees"] == pytest.approx(theirs["tilt_degrees"], abs=1)
        assert ours["score"] == pytest.approx(theirs["score"], abs=0.02)
    for ours, theirs in zip(found["crops"], golden["crops"], strict=True):
        assert (ours["face"], ours["leaning"], ours["px"]) == (theirs["face"], theirs["leaning"], theirs["px"])
        corners = frame_of(theirs["frame"]).inverse(CORNERS)  # in the picture, and from there to the crop of today
        np.testing.assert_allclose(frame_of(ours["frame"])(corners), CORNERS, atol=0.01)
        np.testing.assert_allclose(ours["landmarks"], theirs["landmarks"], atol=0.01)
        assert np.abs(np.array(ours["grid"]) - np.array(theirs["grid"])).max() <= 8


@pytest.mark.parametrize("golden", CASES, ids=[Path(case["picture"]).stem for case in CASES])
def test_faces_and_crops_are_as_they_were(golden: dict[str, Any]) -> None:
    found = write_picture_way.picture_way(ROOT / golden["picture"])
    assert found["size"] == golden["size"]
    assert_alike(found, golden)


def test_a_face_elsewhere_is_noticed() -> None:
    golden = CASES[0]
    moved = json.loads(json.dumps(golden))
    moved["crops"][0]["frame"]["tx"] += 0.02
    with pytest.raises(AssertionError):
        assert_alike(moved, golden)
