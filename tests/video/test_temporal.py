"""Results averaged over time: they tremble less, and nothing of a moment that was otherwise shows."""

import numpy as np

from anime2real.video.temporal import AHEAD_SECONDS, Averages, Pixels

SIDE = 128
RANDOM = np.random.default_rng(0)
CROP = RANDOM.integers(60, 200, (SIDE, SIDE, 3), np.uint8)
EYE = (slice(30, 46), slice(30, 60))


def filled(crops: list[Pixels], results: list[Pixels], rate: float = 25.0) -> tuple[Averages, list[float]]:
    averages, times = Averages(), [number / rate for number in range(len(crops))]
    for time, crop, result in zip(times, crops, results, strict=True):
        averages.take(0, time, crop, result)
    return averages, times


def trembling(count: int) -> list[Pixels]:
    return [np.rint(RANDOM.normal(128, 10, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8) for _ in range(count)]


def change(results: list[Pixels]) -> float:
    return float(np.abs(np.diff(np.array(results).astype(float), axis=0)).mean())


def test_what_does_not_follow_from_the_crop_trembles_by_a_third() -> None:
    grain = [(CROP + RANDOM.normal(0, 1, CROP.shape)).clip(0, 255).astype(np.uint8) for _ in range(12)]
    results = trembling(12)
    averages, times = filled(grain, results)
    steady = [averages.average(0, time) for time in times]
    # Of independent values (1, 2, 1) / 4 leaves √(4/16 / 2) of the change from one to the next.
    assert abs(change(steady[1:-1]) / change(results) - 0.354) < 0.03
    assert abs(np.mean(steady) - np.mean(results)) < 0.6  # rounding


def test_a_blink_shows_in_its_own_frame_alone() -> None:
    shut = CROP.copy()
    shut[EYE] = 255 - shut[EYE] // 2
    crops = [CROP, CROP, shut, CROP, CROP]
    results = [np.full_like(CROP, 200 if crop is CROP else 20) for crop in crops]
    averages, times = filled(crops, results)
    for time, result in zip(times, results, strict=True):
        np.testing.assert_array_equal(averages.average(0, time)[EYE], result[EYE])


def test_a_face_elsewhere_or_long_ago_counts_for_nothing() -> None:
    one, two = trembling(2)
    averages, (first, second) = filled([CROP, CROP], [one, two], rate=0.9 / AHEAD_SECONDS)
    np.testing.assert_array_equal(averages.average(0, first), one)
    np.testing.assert_array_equal(averages.average(0, second), two)
    averages, (first, _) = filled([CROP, 255 - CROP], [one, two])
    np.testing.assert_array_equal(averages.average(0, first), one)
    averages.take(1, first, CROP, two)
    np.testing.assert_array_equal(averages.average(1, first), two)


def test_a_held_drawing_is_one_result_and_what_is_past_is_forgotten() -> None:
    results = trembling(12)
    averages, times = filled([CROP] * 12, results)
    averages.take(0, times[-1], CROP, results[0])  # the next frame, which shows the drawing before once more
    before = averages.average(0, times[-1])
    averages.forget(times[-1])
    assert len(averages.seen[0]) == 7  # the last, the 0.2 s before it, and one that those would ask for
    np.testing.assert_array_equal(averages.average(0, times[-1]), before)
