"""Covered inputs: a cut close around the face looks as the crop of such a file; hair hangs over one eye."""

import numpy as np
import pytest
import torch
from PIL import Image

from anime2real.face.geometry import TEMPLATE, align, scaling, to_template
from anime2real.train.covered_inputs import ABOVE, BELOW, EYES, SIDES, cut_close, hair_over_an_eye

SIDE = 256
LANDMARKS = torch.tensor(2 * TEMPLATE - 1, dtype=torch.float32)[None]


def number(ends: tuple[float, float], value: float) -> float:
    """The one in [0, 1) that gives the value."""
    return (value - ends[0]) / (ends[1] - ends[0])


def drawing() -> Image.Image:
    """Coloured cells of all sizes."""
    random = np.random.default_rng(3)
    total = np.zeros((SIDE, SIDE, 3))
    for cells in (4, 16, 64):
        pixels = random.integers(0, 256, (cells, cells, 3), np.uint8)
        total += np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC), float) / 3
    return Image.fromarray(total.astype(np.uint8))


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_a_cut_looks_as_the_aligned_crop_of_a_file_that_ends_there() -> None:
    whole, (left, top, right, bottom) = drawing(), (48, 80, 212, 240)
    file = whole.crop((left, top, right, bottom))
    points = TEMPLATE * SIDE - np.array([left, top])
    expected = tensor(align(file, to_template(points), SIDE))
    unit = EYES * SIDE
    numbers = [
        0.0,
        number(SIDES, (SIDE / 2 - left) / unit),
        number(SIDES, (right - SIDE / 2) / unit),
        number(ABOVE, (TEMPLATE[0, 1] * SIDE - top) / unit),
        number(BELOW, (bottom - TEMPLATE[3, 1] * SIDE) / unit),
        0.5,
    ]
    assert all(0 <= n <= 1 for n in numbers)
    cut = cut_close(tensor(whole), LANDMARKS, 0.5, torch.tensor([numbers], dtype=torch.float32))
    apart = (cut - expected).abs() * 127.5
    assert apart[..., top + 2 : bottom - 2, left + 2 : right - 2].max() < 1.01
    assert apart.mean() < 1.5
    assert apart.max() < 32  # where the mirror image fades, a quarter of a pixel beside it
    assert ((tensor(whole) - expected).abs() * 127.5).mean() > 10


def test_a_turned_cut_shows_the_same_inside_and_soft_colours_far_outside() -> None:
    whole = tensor(drawing())
    cut = cut_close(whole, LANDMARKS, 1.0, torch.tensor([[0.0, 0.5, 0.5, 0.5, 0.5, 0.0]]))
    middle = slice(110, 170)
    torch.testing.assert_close(cut[..., middle, middle], whole[..., middle, middle], atol=1e-4, rtol=0)
    corner = slice(0, 24)
    assert whole[..., corner, corner].diff(dim=3).abs().mean() > 5 * cut[..., corner, corner].diff(dim=3).abs().mean()


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_only_a_share_is_covered(share: float) -> None:
    whole, hair = tensor(drawing()).repeat(2, 1, 1, 1), torch.ones(2, 1, SIDE, SIDE)
    points = LANDMARKS.repeat(2, 1, 1)
    cut = cut_close(whole, points, share, torch.tensor([[0.2, *[0.5] * 5], [0.6, *[0.5] * 5]]))
    strands = hair_over_an_eye(whole, hair, points, share, torch.tensor([[0.2, *[0.5] * 4], [0.6, *[0.5] * 4]]))
    for covered in (cut, strands):
        assert torch.equal(covered[0], whole[0]) == (share == 0)
        assert torch.equal(covered[1], whole[1])


def test_hair_is_drawn_out_over_one_eye_where_there_is_hair_above_it() -> None:
    red, skin = torch.tensor([1.0, -1.0, -1.0]), torch.tensor([0.8, 0.6, 0.4])
    forehead = round((TEMPLATE[0, 1] - 0.5 * EYES) * SIDE)
    hair = torch.zeros(2, 1, SIDE, SIDE)
    hair[0, :, :forehead] = 1.0  # the second has none
    image = hair * red[:, None, None] + (1 - hair) * skin[:, None, None]
    numbers = torch.tensor([[0.0, 0.9, 0.5, 0.5, 0.5]] * 2)
    covered = hair_over_an_eye(image, hair, LANDMARKS.repeat(2, 1, 1), 1.0, numbers)
    (left, y), (right, _) = (TEMPLATE[:2] * SIDE).round().astype(int)
    torch.testing.assert_close(covered[0, :, y, right], red)
    torch.testing.assert_close(covered[0, :, y, left], skin)
    torch.testing.assert_close(covered[0, :, y + round(1.3 * EYES * SIDE)], image[0, :, y + round(1.3 * EYES * SIDE)])
    assert torch.equal(covered[1], image[1])


def test_where_the_face_lies_aside_and_leans_the_strand_follows_it() -> None:
    points = scaling(0.8)(TEMPLATE) @ np.array([[0.96, 0.28], [-0.28, 0.96]]) + 0.2
    image, hair = torch.zeros(1, 3, SIDE, SIDE), torch.ones(1, 1, SIDE, SIDE)
    image[:, 0] = torch.linspace(-1, 1, SIDE)[:, None]
    numbers = torch.tensor([[0.0, 0.1, 0.9, 0.5, 0.5]])
    covered = hair_over_an_eye(image, hair, torch.tensor(2 * points - 1).float()[None], 1.0, numbers)
    changed = (covered != image).any(1)[0]
    (left, right) = (points[:2] * SIDE).round().astype(int)
    assert changed[left[1], left[0]]
    assert not changed[right[1], right[0]]
