"""The golden cases of the way of a picture, which Python (test_picture_way.py) and docs/try are held to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import write_picture_way

from anime2real.face.geometry import Similarity

CASES: list[dict[str, Any]] = json.loads(write_picture_way.GOLDEN.read_text(encoding="utf-8"))["cases"]
NAMES = [Path(case["picture"]).stem for case in CASES]
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def frame_of(numbers: dict[str, float]) -> Similarity:
    return Similarity(complex(numbers["a"], numbers["b"]), complex(numbers["tx"], numbers["ty"]))


def assert_alike(found: dict[str, Any], golden: dict[str, Any]) -> None:
    """Faces and crops agree but for another CPU's rounding: a hundredth of a side, a degree, a few levels."""
    assert [face["domain"] for face in found["faces"]] == [face["domain"] for face in golden["faces"]]
    for ours, theirs in zip(found["faces"], golden["faces"], strict=True):
        side = theirs["box"][2] - theirs["box"][0]
        np.testing.assert_allclose(ours["box"], theirs["box"], atol=0.01 * side)
        np.testing.assert_allclose(ours["landmarks"], theirs["landmarks"], atol=0.01 * side)
        assert ours["tilt_degrees"] == pytest.approx(theirs["tilt_degrees"], abs=1)
        assert ours["score"] == pytest.approx(theirs["score"], abs=0.02)
    for ours, theirs in zip(found["crops"], golden["crops"], strict=True):
        assert (ours["face"], ours["keep_tilt"], ours["px"]) == (theirs["face"], theirs["keep_tilt"], theirs["px"])
        corners = frame_of(theirs["frame"]).inverse(CORNERS)  # in the picture, and from there to the crop of today
        np.testing.assert_allclose(frame_of(ours["frame"])(corners), CORNERS, atol=0.01)
        np.testing.assert_allclose(ours["landmarks"], theirs["landmarks"], atol=0.01)
        assert np.abs(np.array(ours["grid"]) - np.array(theirs["grid"])).max() <= 8
