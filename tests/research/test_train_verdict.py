"""What the landmark network's last layer is trained on again shows what it should, and nothing else changes."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import views
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from train_verdict import Landmarks, fitted

from anime2real.face.finder import MODELS, FaceFinder
from anime2real.train.export.to_onnx import small_onnx
from anime2real.train.networks.face import LandmarkNetwork


def with_a_spot() -> views.Shown:
    """A dark picture, bright at the middle of its face."""
    image, (x, y) = Image.new("RGB", (views.KEPT, views.KEPT)), (110, 150)
    ImageDraw.Draw(image).ellipse((x - 20, y - 20, x + 20, y + 20), fill="white")
    return views.Shown(image, (x, y, 90.0, 0.1))


def grounds(level: int) -> views.Grounds:
    return views.Grounds([Image.new("RGB", (500, 400), (level,) * 3)], np.random.default_rng(0))


@pytest.mark.parametrize("way", views.WAYS)
def test_a_face_is_where_it_is_said_to_be(way) -> None:  # type: ignore[no-untyped-def]
    for _ in range(20):
        image, (x, y, side, tilt) = way(with_a_spot(), grounds(0))
        bright = np.argwhere(np.asarray(image.convert("L")) > 160)
        np.testing.assert_allclose(bright.mean(0)[::-1] + 0.5, (x, y), atol=0.05 * side)
        assert np.ptp(bright, 0).max() == pytest.approx(side * 40 / 90, rel=0.2, abs=2)
        assert abs(tilt - 0.1) <= 0.95


def test_a_part_of_a_face_lies_in_its_picture_and_is_less_than_half_of_it() -> None:
    random = np.random.default_rng(0)
    white = views.Shown(Image.new("RGB", (views.KEPT, views.KEPT), "white"), (60.0, 200.0, 180.0, 0.0))
    for _ in range(20):
        assert np.asarray(views.part_of_a_face(white, random)).min() == 255


def test_a_ground_is_a_part_of_its_picture() -> None:
    ground = grounds(90)
    for _ in range(20):
        part = ground.part()
        assert part.width == part.height
        assert 160 <= part.width <= 640


def network(seed: int) -> tuple[LandmarkNetwork, onnx.ModelProto]:
    """An untrained network, and its file."""

    class Answer(torch.nn.Module):
        def __init__(self, network: LandmarkNetwork) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            points, verdict, _ = self.network(image)
            return points, torch.sigmoid(verdict)

    torch.manual_seed(seed)
    made = LandmarkNetwork().eval()
    file = small_onnx(Answer(made).eval(), (2, 3, 64, 64), ["points", "verdict"], free=(0,))
    return made, onnx.load_from_string(file)


def answers(content: bytes, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    given: list[NDArray[np.float32]] = onnxruntime.InferenceSession(content).run(None, {"image": image})
    return given


def test_another_last_layer_changes_the_score_alone() -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (3, 3, 64, 64)).astype(np.float32)
    landmarks = Landmarks(onnx.load(MODELS / "landmarks.onnx"))
    weights, biases = landmarks.weights()
    points, verdict = answers(landmarks.model.SerializeToString(), image)
    again, same = answers(landmarks.with_weights(weights, biases), image)
    np.testing.assert_array_equal(again, points)
    np.testing.assert_allclose(same, verdict, atol=1e-5)
    biases[0] += 3
    again, other = answers(landmarks.with_weights(weights, biases), image)
    np.testing.assert_array_equal(again, points)
    np.testing.assert_allclose(other[:, 1], verdict[:, 1], atol=1e-5)
    np.testing.assert_allclose(np.log(other[:, 0] / (1 - other[:, 0])), np.log(verdict[:, 0] / (1 - verdict[:, 0])) + 3,
                               atol=0.02)  # fmt: skip


def test_a_network_trained_from_nothing_has_the_form_of_the_one_that_ships() -> None:
    made, model = network(0)
    weights, biases = Landmarks(model).weights()
    np.testing.assert_allclose(weights, made.verdict.weight.detach().numpy(), atol=2e-4)
    np.testing.assert_allclose(biases, made.verdict.bias.detach().numpy(), atol=1e-6)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 3, 64, 64)).astype(np.float32)
    again = answers(Landmarks(model).with_weights(weights, biases), image)
    np.testing.assert_allclose(again[1], answers(model.SerializeToString(), image)[1], atol=1e-5)
    shipped, _ = Landmarks(onnx.load(MODELS / "landmarks.onnx")).weights()
    assert shipped.shape == weights.shape


def test_what_is_no_face_is_looked_at_as_the_finder_does() -> None:
    landmarks = Landmarks(onnx.load(MODELS / "landmarks.onnx"))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    rows = landmarks.look(image, [(32.0, 32.0, 40.0, 0.2)])[1]
    _, verdict = FaceFinder(threads=1).look(image, [(32.0, 32.0, 40.0, 0.2)])
    assert rows[0, 1] == pytest.approx(verdict[0, 0], abs=1e-6)
    weights, biases = landmarks.weights()
    assert 1 / (1 + np.exp(-(rows[0, 2:] @ weights[0] + biases[0]))) == pytest.approx(verdict[0, 0], abs=1e-5)


def test_the_fit_learns_and_stays_near_what_was() -> None:
    random = np.random.default_rng(0)
    seen = random.normal(0, 1, (400, 5))
    rows = np.column_stack([np.ones(400), np.full(400, 0.9), seen])
    before = np.array([0.0, 0.0, 0.0, 0.0, 0.7])
    weights, bias = fitted(rows, (seen[:, 0] > 0).astype(float), before, 2.0)
    right = ((seen @ weights + bias > 0) == (seen[:, 0] > 0)).mean()
    assert right > 0.97
    rows[:, 0] = 0.0
    np.testing.assert_allclose(fitted(rows, np.ones(400), before, 2.0)[0], before, atol=1e-6)
