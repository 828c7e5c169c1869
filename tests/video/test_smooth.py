"""Landmarks lose their tremble, and neither lag nor bend for it."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anime2real.face.geometry import TEMPLATE, Similarity
from anime2real.video.smooth import Floats, Smoothing, steady

SIDE = 120.0
RATE = 25.0


@dataclass(frozen=True)
class OneEuro:
    """The reference: Casiez, Roussel and Vogel, "1€ Filter", 2012, as published; lengths in sides of the crop."""

    min_cutoff: float
    beta: float
    speed_cutoff: float = 1.0

    def __call__(self, points: Floats, times: Floats) -> Floats:
        result, speed = points.copy(), np.zeros_like(points[0])
        for t in range(1, len(points)):
            seconds = float(times[t] - times[t - 1])
            speed = speed + self.share(self.speed_cutoff, seconds) * ((points[t] - points[t - 1]) / seconds - speed)
            cutoff = self.min_cutoff + self.beta * float(np.hypot(speed[:, 0], speed[:, 1]).mean()) / SIDE
            result[t] = result[t - 1] + self.share(cutoff, seconds) * (points[t] - result[t - 1])
        return result

    def share(self, cutoff: float, seconds: float) -> float:
        return 1.0 / (1.0 + 1.0 / (2 * math.pi * cutoff * seconds))


def face_at(places: Floats) -> Floats:
    """Landmarks (T, 5, 2) of a face of `SIDE` px whose crop begins at places (T, 2)."""
    return places[:, None] + SIDE * TEMPLATE


def swaying(count: int = 100) -> tuple[Floats, Floats]:
    """A face that sways by 45 px, and the times of its frames."""
    times = np.arange(count) / RATE
    return face_at(np.stack([100 + 45 * np.sin(2 * times), 80 + 6 * np.sin(3 * times)], 1)), times


def smoothed(points: Floats, times: Floats, held: Floats | None = None) -> Floats:
    nothing = np.zeros(len(points), bool)
    return steady(points, times, nothing if held is None else held.astype(bool), Smoothing())


def tremble(points: Floats, truth: Floats) -> float:
    """Mean length, px, by which the error changes from frame to frame."""
    change = np.diff(points - truth, axis=0)
    return float(np.hypot(change[..., 0], change[..., 1]).mean())


def error(points: Floats, truth: Floats) -> float:
    return float(np.hypot(*(points - truth).transpose(2, 0, 1)).mean())


def test_less_tremble_and_less_error_than_what_was_seen_and_than_the_one_euro_filter() -> None:
    truth, times = swaying()
    seen = truth + np.random.default_rng(0).normal(0, 1, truth.shape)
    ours = smoothed(seen, times)
    assert tremble(ours, truth) < 0.2 * tremble(seen, truth)
    assert error(ours, truth) < 0.5 * error(seen, truth)
    for min_cutoff in (0.3, 1.0, 3.0):
        for beta in (1.0, 8.0, 32.0):
            theirs = OneEuro(min_cutoff, beta)(seen, times)
            assert tremble(ours, truth) < tremble(theirs, truth) or error(ours, truth) < 0.5 * error(theirs, truth)
            assert error(ours, truth) < 0.7 * error(theirs, truth)


@given(st.integers(0, 2**32 - 1))
def test_what_moves_evenly_or_speeds_up_is_left_where_it_is_whatever_the_frame_rate(seed: int) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.01, 0.08, 40))
    start, speed, push = random.normal(0, 100, (3, 2))
    truth = face_at(start + speed * times[:, None] + push * times[:, None] ** 2)
    assert np.abs(smoothed(truth, times) - truth).max() < 1e-6


def test_a_sudden_stop_is_followed_within_the_tolerance() -> None:
    times = np.arange(60) / RATE
    places = np.stack([10 * np.minimum(np.arange(60), 30), np.zeros(60)], 1)
    truth = face_at(places)
    off = smoothed(truth, times) - truth
    assert np.hypot(off[..., 0], off[..., 1]).max() <= Smoothing().tolerance * SIDE + 1e-6


def test_a_held_drawing_holds_its_landmarks() -> None:
    """Animation "on twos": each drawing for two frames."""
    truth, times = swaying(60)
    twos = np.repeat(truth[::2], 2, axis=0)
    held = np.arange(60) % 2 == 1
    seen = twos + np.repeat(np.random.default_rng(0).normal(0, 0.5, truth[::2].shape), 2, axis=0)
    ours = smoothed(seen, times, held)
    assert np.array_equal(ours[::2], ours[1::2])
    assert error(ours, twos) < 0.7 * error(seen, twos)
    assert error(ours, twos) < 0.7 * error(smoothed(seen, times), twos)  # than if it glided


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-500, 500))
def test_a_turned_and_scaled_clip_gives_turned_and_scaled_landmarks(angle: float, scale: float, shift: float) -> None:
    truth, times = swaying(30)
    seen = truth + np.random.default_rng(1).normal(0, 1, truth.shape)
    move = Similarity(complex(scale * math.cos(angle), scale * math.sin(angle)), complex(shift, -shift))
    assert np.abs(smoothed(move(seen), times) - move(smoothed(seen, times))).max() < 1e-6 * (1 + abs(shift) + scale)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tracks_of_few_frames_are_left_alone(count: int) -> None:
    seen, times = swaying(count)
    assert np.allclose(smoothed(seen, times), seen)


def test_no_smoothing() -> None:
    seen, times = swaying(5)
    assert steady(seen, times, np.zeros(5, bool), None) is seen
