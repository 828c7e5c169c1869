"""The labels' loss reads faces as the label network of the core does, and is least where they show what they are to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.geometry import Face, align
from anime2real.face.who import LABEL_CROP, Labels
from anime2real.train.batch import Batch
from anime2real.train.face_parts import lined_up
from anime2real.train.losses.labels import WEIGHTS, label_distance
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.galatea_told import labelled
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.networks.labels import LabelNetwork
from anime2real.train.random_numbers import RandomNumbers

STILL = torch.full((1, 2), 0.5)


@pytest.fixture(scope="module")
def networks() -> tuple[LabelNetwork, LiteFeatures]:
    return LabelNetwork(), LiteFeatures()


@pytest.fixture(scope="module")
def drawing() -> tuple[Tensor, Tensor, Labels]:
    """A leaning drawing (1, 3, 256, 256), its landmarks and what the core reads."""
    path = Path(__file__).parents[3] / "examples" / "rin.png"
    image = Image.open(path).convert("RGB").resize((256, 256)).rotate(10)
    (face,) = default_finder(1)(image)[:1]
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 127.5 - 1
    return pixels, torch.from_numpy(face.landmarks / 128 - 1)[None], default_labeller(1)(image, [face])[0]


def test_it_reads_a_face_as_the_core_does(
    networks: tuple[LabelNetwork, LiteFeatures], drawing: tuple[Tensor, Tensor, Labels]
) -> None:
    label_network, features = networks
    image, landmarks, seen = drawing
    pixels = ((image[0].permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    face = Face(np.asarray((landmarks[0] + 1) * 128, np.float64), "anime", 1.0)
    crop = np.array(align(Image.fromarray(pixels), face.crop, LABEL_CROP, beyond="edge"))
    cropped = torch.from_numpy(crop).permute(2, 0, 1)[None] / 127.5 - 1
    apart = [float((lined_up(image, landmarks, shift=by) - cropped).abs().mean()) for by in (None, STILL / 20)]
    assert apart[0] < 0.07 < apart[1]  # a fortieth of the side would show
    raw = (label_network(features, cropped) + label_network(features, cropped.flip(3)))[0] / 2
    said = [torch.tanh(raw[0] / 2), (18 + 62 * torch.sigmoid(raw[1])) / 100, *torch.sigmoid(raw[2:])]
    expected = [seen.sex, seen.age / 100, seen.mouth_open, seen.smile, seen.eyes_open, seen.glasses]
    assert [float(value) for value in said] == pytest.approx(expected, abs=0.01)


def test_it_is_least_where_a_face_shows_what_it_is_to(
    networks: tuple[LabelNetwork, LiteFeatures], drawing: tuple[Tensor, Tensor, Labels]
) -> None:
    image, landmarks, seen = drawing
    image = image.clone().requires_grad_(True)
    landmarks = landmarks.clone().requires_grad_(True)
    expression = [2 * value - 1 for value in (seen.mouth_open, seen.smile, seen.eyes_open, seen.glasses)]
    shown = torch.tensor([[seen.sex, seen.age / 100, *expression]])
    own = label_distance(*networks, image, landmarks, shown, STILL)
    assert 0 <= own.item() < 0.3
    for column in range(6):
        wrong = shown.clone()
        wrong[0, column] = 0.7 if column == 1 else -1.0 if shown[0, column] > 0 else 1.0
        assert label_distance(*networks, image, landmarks, wrong, STILL).item() > own.item() + 0.5
    own.backward()
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0
    assert landmarks.grad is None
    assert len(WEIGHTS) == 6


def test_drawings_are_told_of_nobody_older_than_the_oldest_drawing() -> None:
    who = torch.tensor([[1.0, 0.6, 1.0, 1.0, 1.0, 1.0], [-1.0, 0.2, -1.0, -1.0, -1.0, -1.0]])
    batch = Batch(
        torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8), RandomNumbers.random(2), anime_who=who, real_who=who
    )
    config = GalateaConfig(who=True, expressions=True, label_weight=1.0, oldest_drawing=32)
    to_real, to_anime = labelled(config, batch)
    assert to_real is not None
    assert to_anime is not None
    assert to_real[0].tolist() == who[0].tolist()
    assert to_anime[0].tolist() == pytest.approx([1.0, 0.32, 1.0, 1.0, 1.0, 1.0])
