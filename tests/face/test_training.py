"""The face networks' training pictures show what their targets say."""

import math

import numpy as np
import onnxruntime
import pytest
import torch
import train_detector
import train_landmarks
from draw_faces import LOOKS, draw_face

from anime2real.train.networks.face import LANDMARK_SIDE, DetectorNetwork, LandmarkNetwork


@pytest.fixture(scope="module")
def data() -> dict[str, torch.Tensor]:
    drawn = [draw_face(look, 128) for look in LOOKS]
    count = len(drawn)
    return {
        "pictures": torch.from_numpy(np.stack([np.asarray(picture) for picture, _ in drawn])),
        "points": torch.from_numpy(np.stack([points for _, points in drawn])).float(),
        "real": torch.arange(count) % 2 == 0,
        "test": torch.zeros(count, dtype=torch.bool),
        "spread": torch.zeros(count),
    }


def spots(points: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 128, 128, 3) with a bright spot at the first landmark."""
    places = torch.arange(128) + 0.5
    dx, dy = (places[None] - points[:, 0, axis, None] for axis in (0, 1))
    level = torch.exp(-(dx[:, None, :] ** 2 + dy[:, :, None] ** 2) / 18)
    return (level * 255).to(torch.uint8)[..., None].expand(-1, -1, -1, 3)


def test_points_of_a_crop_are_where_the_crop_shows_them(data: dict[str, torch.Tensor]) -> None:
    random = torch.Generator().manual_seed(0)
    points = data["points"]
    views = train_landmarks.draw_views(points, torch.zeros(len(points), dtype=torch.bool), random)
    crops, local = train_landmarks.sample(spots(points), points, views, "border")
    places = (torch.arange(LANDMARK_SIDE) + 0.5) / LANDMARK_SIDE
    checked = 0
    for crop, where, mirrored in zip(crops, local, views["mirror"], strict=True):
        level = (crop[0] + 1).clamp_min(0.2) - 0.2
        expected = where[1 if mirrored else 0]
        if expected.min() > 0.1 and expected.max() < 0.9:
            found = torch.stack([(level.sum(0) * places).sum(), (level.sum(1) * places).sum()]) / level.sum()
            torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
            checked += 1
    assert checked >= 4


def test_two_looks_undo_the_view(data: dict[str, torch.Tensor]) -> None:
    """A network that always answers with the crop's middle gives the view's middle back."""

    class Middle(LandmarkNetwork):
        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return torch.full((len(image), 5, 2), 0.5), torch.zeros(len(image), 2), torch.zeros(1)

    view = {
        "centre": torch.tensor([[40.0, 70.0]]), "side": torch.tensor([50.0]), "angle": torch.tensor([0.4]),
        "mirror": torch.tensor([False]),
    }  # fmt: skip
    points, _ = train_landmarks.predict(Middle(), data["pictures"][:1], view, 1)
    torch.testing.assert_close(points[0], torch.tensor([40.0, 70.0]).expand(5, 2))


def test_a_canvas_has_its_faces_where_its_targets_say(data: dict[str, torch.Tensor]) -> None:
    canvases = train_detector.Canvases({**data, "pictures": torch.zeros_like(data["pictures"])}, [], False, seed=0)
    seen = 0
    for _ in range(6):
        canvas, wanted = canvases.draw(3)
        assert canvas.shape == (3, 3, train_detector.CANVAS, train_detector.CANVAS)
        assert torch.equal(wanted["heat"] == 1, wanted["where"] == 1)
        offsets = wanted["target"][:, 2:].permute(0, 2, 3, 1)[wanted["where"] > 0]
        assert offsets.abs().max() <= 0.5 + 1e-4
        sizes = 32 * 2 ** wanted["target"][:, 1][wanted["where"] > 0]
        assert ((sizes > 17) & (sizes < 131)).all()
        seen += int(wanted["where"].sum())
    assert seen > 5


def test_a_face_on_a_canvas_is_its_centre(data: dict[str, torch.Tensor]) -> None:
    """Spots at the faces' centres come out at the cells that the target names."""
    centres, *_ = train_landmarks.frames(data["points"])
    canvases = train_detector.Canvases(
        {**data, "pictures": spots(centres[:, None].expand(-1, 5, -1))}, [], False, seed=3
    )
    canvases.vary = lambda x: x  # type: ignore[method-assign]
    canvases.nothing = lambda n, side: torch.full((n, 3, side, side), -1.0)  # type: ignore[method-assign]
    checked = 0
    for _ in range(8):
        canvas, wanted = canvases.draw(2)
        for n, row, column in (wanted["where"] > 0).nonzero().tolist():
            dx, dy = wanted["target"][n, 2:, row, column].tolist()
            x, y = (column + 0.5 + dx) * 8, (row + 0.5 + dy) * 8
            assert canvas[n, 0, min(int(y), 191), min(int(x), 191)] > 0.4
            checked += 1
    assert checked > 5


@pytest.mark.slow
def test_both_networks_learn_and_export(data: dict[str, torch.Tensor], tmp_path) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    landmarks = LandmarkNetwork()
    optimizer = torch.optim.Adam(landmarks.parameters(), 2e-3)
    centre, tilt, unit, _ = train_landmarks.frames(data["points"])
    view = {"centre": centre, "side": 3 * unit, "angle": tilt, "mirror": torch.zeros(len(unit), dtype=torch.bool)}
    crops, local = train_landmarks.sample(data["pictures"], data["points"], view, "border")
    losses = []
    for _ in range(12):
        face = torch.ones(len(crops), dtype=torch.bool)
        loss = train_landmarks.loss_of(landmarks, crops, local, data["real"], face, unit / view["side"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    train_landmarks.export(landmarks.eval(), tmp_path / "landmarks.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "landmarks.onnx"))
    points, verdict = session.run(["points", "verdict"], {"image": crops.numpy()})
    expected, logits, _ = landmarks(crops)
    np.testing.assert_allclose(points, expected.detach().numpy(), atol=2e-3)
    np.testing.assert_allclose(verdict, torch.sigmoid(logits).detach().numpy(), atol=5e-3)

    detector = DetectorNetwork().eval()
    train_detector.export(detector, tmp_path / "detector.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "detector.onnx"))
    for height, width in ((96, 64), (64, 160)):
        (answers,) = session.run(["answers"], {"image": np.zeros((1, 3, height, width), np.float32)})
        assert answers.shape == (1, 5, height // 8, width // 8)
    canvas, wanted = train_detector.Canvases(data, [], False, seed=0).draw(2)
    loss = train_detector.loss_of(detector(canvas), wanted)
    assert math.isfinite(float(loss.detach()))
