"""Outlines of heads in clips: seldom looked for, steady over time, the same wherever a clip is resumed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from anime2real.video.outlines import Outlines

CROP = np.full((128, 128, 3), 128, np.uint8)  # without edges to follow


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many crops were looked at; heads are seen as wide as chance has it, half of the crop in the mean."""
    counts: list[int] = []
    random = np.random.default_rng(0)

    def seen(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        counts.append(len(crops))
        wide = 32 + random.normal(0, 3, (len(crops), 1, 1))
        return np.repeat(abs(np.arange(64) - 31.5) < wide / 2, 64, axis=1).astype(np.float32)

    monkeypatch.setattr("anime2real.video.outlines.head_levels", seen)
    return counts


def test_they_tremble_less_than_what_is_seen(looks: list[int]) -> None:
    outlines, times = Outlines(), np.arange(50) / 25
    for time in times:
        outlines.look(0, time, CROP, CROP)
    assert len(looks) == 13  # every fourth of 50 frames
    areas = np.array([outlines.masks(0, time, CROP, CROP)[0].mean() for time in times])
    alone = np.array([levels[0].mean() for _, levels in outlines.looks[0]])
    assert areas.mean() == pytest.approx(0.5, abs=0.03)
    assert abs(np.diff(areas)).mean() < 0.2 * abs(np.diff(alone)).mean()


def test_a_face_that_stands_still_keeps_its_outline(looks: list[int]) -> None:
    outlines = Outlines()
    for time in (0.0, 0.15, 0.3):
        outlines.look(0, time, CROP, CROP)
    before = outlines.masks(0, 0.2, CROP, CROP)
    outlines.forget(0.2)
    np.testing.assert_array_equal(outlines.masks(0, 0.2, CROP, CROP), before)
    outlines.look(0, 5.0, CROP, CROP)
    outlines.look(1, 5.0, CROP, CROP)
    np.testing.assert_array_equal(outlines.masks(0, 0.2, CROP, CROP), before)
    outlines.forget(5.0)
    assert [len(seen) for seen in outlines.looks.values()] == [2, 1]  # of what is long past, one is left
