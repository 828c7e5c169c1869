"""Results have eyes, nose and mouth elsewhere than their inputs, however a face leans, and there and back is home."""

import math

import pytest
import torch

from anime2real.face.geometry import TEMPLATE
from anime2real.train.face_frame import result_landmarks

FACE = torch.tensor(2 * TEMPLATE - 1).float()[None]


def turned(points: torch.Tensor, angle: float) -> torch.Tensor:
    cos, sin = math.cos(angle), math.sin(angle)
    return points @ torch.tensor([[cos, sin], [-sin, cos]])


def test_people_have_eyes_closer_together_a_lower_nose_and_a_wider_mouth() -> None:
    (eye, other, nose, left, right), (eye_now, other_now, nose_now, left_now, right_now) = (
        FACE[0], result_landmarks(FACE, "real")[0],
    )  # fmt: skip
    assert (other_now - eye_now).norm() / (other - eye).norm() == pytest.approx(0.74, abs=1e-3)
    assert nose_now[1] > nose[1]
    assert (right_now - left_now).norm() / (right - left).norm() == pytest.approx(1.97, abs=1e-3)
    torch.testing.assert_close(left_now + right_now, left + right)


@pytest.mark.parametrize("angle", [0.4, -1.1])
def test_leaning_faces_lean_as_before(angle: float) -> None:
    for to in ("real", "anime"):
        torch.testing.assert_close(result_landmarks(turned(FACE, angle), to), turned(result_landmarks(FACE, to), angle))


def test_what_comes_back_lies_where_it_was() -> None:
    back = result_landmarks(result_landmarks(FACE, "real"), "anime")
    apart = (FACE[0, 1] - FACE[0, 0]).norm()
    assert ((back - FACE).norm(dim=2) / apart).max() < 0.15
