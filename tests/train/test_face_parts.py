"""Details lie where the landmarks say, however the face lies."""

import math

import numpy as np
import pytest
import torch

from anime2real.face.geometry import TEMPLATE
from anime2real.train.face_parts import DETAILS, HEIGHT, WIDTH, detail

SIDE = 128


def face(angle: float, scale: float = 0.8) -> torch.Tensor:
    """Landmarks (1, 5, 2) in [-1, 1], turned clockwise about the middle."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return torch.tensor(scale * (TEMPLATE * 2 - 1) @ turn.T, dtype=torch.float32)[None]


def spots(points: torch.Tensor) -> torch.Tensor:
    """(1, 5, S, S): a spot at each landmark."""
    places = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    across = (places[None, None, :] - points[0, :, 0, None, None]) ** 2
    down = (places[None, :, None] - points[0, :, 1, None, None]) ** 2
    return torch.exp(-(across + down) / (2 * 0.03**2))[None]


@pytest.mark.parametrize("name", DETAILS)
@pytest.mark.parametrize("angle", [0.0, 0.5, -0.9])
def test_its_landmarks_lie_on_the_middle_line(name: str, angle: float) -> None:
    points = face(angle)
    left, right, reach = DETAILS[name]
    cut = detail(name, spots(points), points)
    assert cut.shape == (1, 5, HEIGHT, WIDTH)
    eyes = float((points[0, 1] - points[0, 0]).norm())
    apart = float((points[0, right] - points[0, left]).norm()) / (reach * eyes) * WIDTH
    for landmark, side in ((left, -1), (right, 1)):
        peak = np.unravel_index(int(cut[0, landmark].argmax()), (HEIGHT, WIDTH))
        assert peak[0] + 0.5 == pytest.approx(HEIGHT / 2, abs=1)
        assert peak[1] + 0.5 == pytest.approx(WIDTH / 2 + side * apart / 2, abs=1)


def test_gradients_reach_the_picture_there_alone() -> None:
    points = face(0.3)
    image = torch.zeros(1, 3, SIDE, SIDE, requires_grad=True)
    detail("mouth", image, points).sum().backward()
    assert image.grad is not None
    rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
    where = torch.stack([columns, rows], 1).float().add(0.5) / SIDE * 2 - 1
    middle = points[0, 3:].mean(0)
    assert len(where) > 100
    assert (where.mean(0) - middle).norm() < 0.02
    assert (where - middle).norm(dim=1).max() < 0.5
