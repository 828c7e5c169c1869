"""Geometry is exact, and what it says of a picture is what the picture shows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import BLUE, RED
from PIL import Image

from anime2real.face.geometry import (
    SWAPPED,
    TEMPLATE,
    Similarity,
    align,
    around,
    centre_box,
    fit,
    mirror,
    scaling,
    square,
    tilt_of,
    to_template,
)
from anime2real.face.paste_square import paste

angles = st.floats(-3.1, 3.1)
scales = st.floats(0.05, 20)
shifts = st.floats(-500, 500)
similarities = st.builds(
    lambda scale, angle, x, y: Similarity(scale * complex(math.cos(angle), math.sin(angle)), complex(x, y)),
    scales, angles, shifts, shifts,
)  # fmt: skip


def face(seed: int) -> np.ndarray:
    """The template, a little off in every point."""
    return TEMPLATE + np.random.default_rng(seed).normal(0, 0.01, (5, 2))


@given(similarities, st.integers(0, 99))
def test_there_and_back_is_nowhere(similarity: Similarity, seed: int) -> None:
    points = face(seed)
    np.testing.assert_allclose(similarity.inverse(similarity(points)), points, atol=1e-7)
    matrix = similarity.matrix()
    np.testing.assert_allclose(similarity(points), points @ matrix[:, :2].T + matrix[:, 2], atol=1e-7)


@given(similarities, similarities, st.integers(0, 99))
def test_one_after_the_other(first: Similarity, second: Similarity, seed: int) -> None:
    points = face(seed)
    np.testing.assert_allclose(first.then(second)(points), second(first(points)), rtol=1e-7, atol=1e-6)


@given(similarities, st.integers(0, 99))
def test_fit_finds_the_similarity(similarity: Similarity, seed: int) -> None:
    points = face(seed)
    found = fit(points, similarity(points))
    assert found.linear == pytest.approx(similarity.linear, rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(found(points), similarity(points), atol=1e-5)


def test_fit_is_the_least_squares_solution() -> None:
    source, target = face(1), face(2) * 3 + 1
    found = fit(source, target)
    columns = np.array([row for x, y in source for row in ((x, -y, 1, 0), (y, x, 0, 1))])
    a, b, x, y = np.linalg.lstsq(columns, target.flatten(), rcond=None)[0]
    np.testing.assert_allclose([found.linear, found.shift], [complex(a, b), complex(x, y)])


def test_fit_refuses_a_single_point() -> None:
    with pytest.raises(ValueError, match="one place"):
        fit(np.ones((5, 2)), TEMPLATE)


@given(st.floats(-1.5, 1.5), scales, st.integers(0, 99))
def test_turning_the_picture_turns_the_tilt(angle: float, scale: float, seed: int) -> None:
    points = face(seed)
    turned = Similarity(scale * complex(math.cos(angle), math.sin(angle)), 3 + 4j)(points)
    assert math.remainder(tilt_of(turned) - tilt_of(points) - angle, 2 * math.pi) == pytest.approx(0, abs=1e-9)


@given(st.floats(-1.5, 1.5), st.integers(0, 99), st.floats(1, 1000))
def test_mirroring_negates_the_tilt_and_twice_is_nothing(angle: float, seed: int, width: float) -> None:
    points = Similarity(complex(math.cos(angle), math.sin(angle)), 0j)(face(seed))
    assert tilt_of(mirror(points, width)) == pytest.approx(-tilt_of(points), abs=1e-9)
    np.testing.assert_allclose(mirror(mirror(points, width), width), points, atol=1e-9)
    assert [SWAPPED[i] for i in SWAPPED] == list(range(5))


def test_tilt_is_positive_clockwise_on_screen() -> None:
    """The eye on the right is lower: the head leans to the right."""
    lower = TEMPLATE.copy()
    lower[1, 1] += 0.1
    assert tilt_of(lower) > 0


@given(similarities, st.integers(0, 99))
def test_an_aligned_face_lies_on_the_template_upright(similarity: Similarity, seed: int) -> None:
    points = similarity(face(seed))
    aligned = to_template(points)(points)
    assert np.abs(aligned - TEMPLATE).max() < 0.06
    assert tilt_of(aligned) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(aligned.mean(0), TEMPLATE.mean(0), atol=1e-9)


def test_around_takes_a_square_to_the_unit_square() -> None:
    to_unit = around((10.0, 20.0), 8.0, math.pi / 2)
    np.testing.assert_allclose(to_unit(np.array([[10.0, 20.0]])), [[0.5, 0.5]])
    # Tilted by a right angle clockwise, the face's right is the picture's down.
    np.testing.assert_allclose(to_unit(np.array([[10.0, 24.0]])), [[1.0, 0.5]], atol=1e-12)


def spotted(side: int, points: np.ndarray, radius: float) -> Image.Image:
    """White spots on grey."""
    ys, xs = np.mgrid[:side, :side] + 0.5
    near = np.min([(xs - x) ** 2 + (ys - y) ** 2 for x, y in points], axis=0)
    level = (96 + 150 * np.exp(-near / (2 * radius**2))).astype(np.uint8)
    return Image.fromarray(np.repeat(level[:, :, None], 3, axis=2))


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.3])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_align_moves_pixels_as_it_moves_points(scale: float, angle: float) -> None:
    side = round(100 * max(scale, 1) * 2)
    placed = Similarity(100 * scale * complex(math.cos(angle), math.sin(angle)), 0j)
    centred = placed(TEMPLATE)
    points = centred + side / 2 - centred.mean(0)
    picture = spotted(side, points, radius=1.6 * scale)
    to_unit = to_template(points)
    crop = np.asarray(align(picture, to_unit, 100).convert("L"), np.float64)
    for x, y in to_unit(points) * 100:
        column, row = int(x), int(y)
        window = (crop[row - 6 : row + 7, column - 6 : column + 7] - 97).clip(0)
        places = np.arange(13) - 5.5
        found = [(window.sum(0) * (places + column)).sum(), (window.sum(1) * (places + row)).sum()]
        np.testing.assert_allclose(np.array(found) / window.sum(), [x, y], atol=0.35)


def test_a_crop_pasted_back_changes_almost_nothing() -> None:
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), np.uint8))
    picture = coarse.resize((200, 200), Image.Resampling.BICUBIC)
    to_unit = around((90.0, 110.0), 100.0, 0.4)
    again = paste(picture, align(picture, to_unit, 128), to_unit)
    difference = np.abs(np.asarray(again, int) - np.asarray(picture, int))
    assert difference.max() <= 6
    assert not difference[:20, :20].any()


def test_a_paste_is_whole_in_the_middle_and_fades_at_the_edge() -> None:
    picture = Image.new("RGB", (100, 100), (0, 0, 0))
    result = np.asarray(paste(picture, Image.new("RGB", (32, 32), (255, 255, 255)), around((50.0, 50.0), 60.0)))
    assert (result[50, 50] == 255).all()
    assert (result[5, 5] == 0).all()
    edge = result[50, 20:36, 0].astype(int)
    assert (np.diff(edge) >= 0).all()
    assert edge[0] < 60
    assert edge[-1] > 200


def test_a_crop_beyond_the_border_continues_it() -> None:
    picture = Image.new("RGB", (20, 20), (200, 10, 10))
    crop = np.asarray(align(picture, around((0.0, 0.0), 30.0, 0.3), 24))
    assert (crop == (200, 10, 10)).all()
    paste(picture, Image.new("RGB", (24, 24), "white"), around((0.0, 0.0), 30.0, 0.3))


def test_a_paste_outside_the_picture_leaves_it() -> None:
    picture = Image.new("RGB", (20, 20), (200, 10, 10))
    far = paste(picture, Image.new("RGB", (24, 24), "white"), around((500.0, 500.0), 30.0))
    assert np.array_equal(np.asarray(far), np.asarray(picture))


def test_scaling_scales() -> None:
    np.testing.assert_allclose(scaling(3)(TEMPLATE), 3 * TEMPLATE)


@given(width=st.integers(1, 5_000), height=st.integers(1, 5_000))
def test_the_centre_box_is_inside_and_in_the_middle(width: int, height: int) -> None:
    left, top, side = centre_box(width, height)
    assert side == min(width, height)
    assert abs((width - side) - 2 * left) <= 1
    assert abs((height - side) - 2 * top) <= 1


@settings(max_examples=40)
@given(width=st.integers(1, 200), height=st.integers(1, 200), px=st.integers(1, 96))
def test_one_colour_stays_one_colour(width: int, height: int, px: int) -> None:
    result = square(Image.new("RGB", (width, height), (10, 120, 250)), px)
    assert result.size == (px, px)
    assert result.getcolors() == [(px * px, (10, 120, 250))]


def test_the_middle_is_taken() -> None:
    image = Image.new("RGB", (30, 10), BLUE)
    image.paste(RED, (10, 0, 20, 10))
    assert square(image, 10).getcolors() == [(100, RED)]


def test_reducing_does_not_alias() -> None:
    checks = np.indices((512, 512)).sum(0) % 2 * 255
    reduced = np.asarray(square(Image.fromarray(checks.astype(np.uint8)), 16)).astype(int)
    assert np.abs(reduced - 127.5).max() < 3
