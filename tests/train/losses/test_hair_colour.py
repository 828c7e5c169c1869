"""The hair's loss: zero where the colour stays, the distance by hand where it moves, nothing for what is no hair."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import SIZE, TINY, Toy
from trainings import PLAIN, config, galatea, plain, upper

from anime2real.data.hair_masks import hair_places
from anime2real.data.pack import Pack
from anime2real.train.batch import Batch
from anime2real.train.hair_recolouring import lab_to_rgb
from anime2real.train.joined_batch import joined_mean
from anime2real.train.losses.hair_colour import LIGHTNESS
from anime2real.train.losses.hair_colour import hair_distance as hair_distances
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_options import GalateaConfig, default_unshuffle
from anime2real.train.random_numbers import COLUMNS, RandomNumbers
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import Sampler, matched
from anime2real.train.start import train

TEAL = (50.0, -20.0, -10.0)


def hair_distance(*pictures: torch.Tensor) -> torch.Tensor:
    """The mean, in hundreds of CIELAB."""
    return joined_mean(*hair_distances(*pictures)) / 100


def test_hair_that_stays_costs_nothing() -> None:
    image = plain(*TEAL)
    assert float(hair_distance(image, image, upper())) == pytest.approx(0.001, abs=1e-5)  # the root's floor


def test_the_distance_is_that_of_the_colours() -> None:
    found = hair_distance(plain(*TEAL), plain(60.0, -17.0, -14.0), upper())
    by_hand = ((LIGHTNESS * 10) ** 2 + 3**2 + 4**2) ** 0.5 / 100
    assert float(found) == pytest.approx(by_hand, rel=0.01)


def test_what_is_no_hair_may_be_of_any_colour() -> None:
    before, after = plain(*TEAL), plain(*TEAL)
    after[:, :, SIZE // 2 :] = -1
    assert float(hair_distance(before, after, upper())) == pytest.approx(0.001, abs=1e-5)
    assert float(hair_distance(before, after, upper(1.0))) > 0.1


def test_strands_are_free_inside_a_cell() -> None:
    """Light and dark stripes of two pixels, a cell, have the mean of what they replace."""
    before = lab_to_rgb(torch.tensor([50.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE).contiguous())
    light = torch.full((1, 1, 1, SIZE), 40.0)
    light[..., 1::2] = 60.0
    stripes = lab_to_rgb(torch.cat([light, torch.zeros(1, 2, 1, SIZE)], 1).expand(1, 3, SIZE, SIZE).contiguous())
    assert float(hair_distance(before, stripes, upper())) < 0.003


def test_each_picture_counts_alike_and_a_bald_one_not() -> None:
    mask = torch.cat([upper(0.25), upper(1.0), torch.zeros(1, 1, SIZE, SIZE)])
    before = plain(*TEAL, count=3)
    after = torch.cat([plain(*TEAL), plain(50.0, -20.0, 0.0), plain(0.0, 0.0, 0.0)])
    assert float(hair_distance(before, after, mask)) == pytest.approx((0.001 + 0.1) / 2, rel=0.02)
    assert float(hair_distance(before, after, torch.zeros_like(mask))) == 0


def test_the_slope_is_finite_and_points_home() -> None:
    """Also where nothing has moved, where a root alone has none."""
    before = plain(*TEAL)
    same = before.clone().requires_grad_(True)
    hair_distance(before, same, upper()).backward()
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()
    after = plain(50.0, 20.0, 10.0).requires_grad_(True)
    (slope,) = torch.autograd.grad(hair_distance(before, after, upper()), after)
    step = (after - 0.2 * slope / slope.abs().max()).detach()
    assert hair_distance(before, step, upper()) < hair_distance(before, after, upper())
    assert not slope[:, :, SIZE // 2 :].any()


def test_galatea_pulls_the_hair_and_nothing_else_towards_its_colour() -> None:
    losses = {}
    for weight in (0.0, 5.0):
        method = galatea(hair_weight=weight)
        image, uniforms = plain(*TEAL, count=2), RandomNumbers(torch.full((2, COLUMNS), 0.5))
        batch = Batch(image, image.flip(1), uniforms, anime_hair=upper(count=2), real_hair=upper(0.25, count=2))
        losses[weight] = method.step(batch)
    assert "hair" not in losses[0.0]
    fresh = galatea(hair_weight=5.0)
    with torch.no_grad():
        expected = hair_distance(image, fresh.to_real(image), upper(count=2))
        expected = expected + hair_distance(image.flip(1), fresh.to_anime(image.flip(1)), upper(0.25, count=2))
    assert float(losses[5.0]["hair"]) == pytest.approx(float(expected), rel=1e-4)
    assert losses[5.0]["cycle"] == losses[0.0]["cycle"]


def test_pictures_are_drawn_as_often_as_their_hair_is_wanted() -> None:
    rows = np.arange(100, 200)
    features = np.zeros((100, 2))
    features[80:, 0] = 0.3  # a fifth have a fringe
    wanted = np.zeros((50, 2))
    wanted[10:, 0] = 0.3  # four fifths are to
    for strength, expected in ((1.0, 0.8), (0.5, 0.5), (0.0, 0.2)):
        drawn = matched(rows, features, wanted, strength)
        assert set(drawn) == set(rows)
        assert (drawn >= 180).mean() == pytest.approx(expected, abs=0.03)
    nobody = np.full((5, 2), 0.9)
    assert set(matched(rows, features, nobody, 1.0)) == set(rows)
    assert np.array_equal(matched(rows, features, wanted[:0], 1.0), rows)


def test_a_fringe_and_long_hair_are_told() -> None:
    masks = np.zeros((3, 64, 64), np.uint8)
    masks[1, 8:28] = 255
    masks[2, 36:, :24] = masks[2, 36:, 40:] = 255
    assert hair_places(masks, np.array([2, 0, 1, 2])).tolist() == [[0, 1], [0, 0], [1, 0], [0, 1]]
    assert hair_places(masks, np.array([], np.int64)).shape == (0, 2)


@pytest.mark.usefixtures("_no_bundles")
def test_the_loop_draws_photographs_as_the_method_matches(
    haired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def noted(*arguments: Any) -> Any:
        asked.append(arguments)
        return matched(*arguments)

    monkeypatch.setattr("anime2real.train.selection.matched", noted)
    drawn: list[Sampler] = []

    class Noted(Sampler):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            drawn.append(self)

    monkeypatch.setattr("anime2real.train.loop.Sampler", Noted)
    pack = Pack(haired)
    assert train(config("galatea", 1, real_set=("real",)), haired, tmp_path / "run", PLAIN).finished
    for rows, features, wanted, strength in asked:
        assert set(rows) == set(pack.rows("real", "train"))
        assert features[:, 0] == pytest.approx(1.0)  # the upper half of every photograph is hair
        assert len(wanted) == len(pack.rows("anime", "train"))
        assert wanted[:, 0] == pytest.approx(1.0)
        assert strength == 0.35
    assert len(asked) == 2
    _, photographs, drawings_shown, photographs_shown = drawn[0]._rows
    for rows in (photographs, photographs_shown):
        assert len(rows) == 8 * len(pack.rows("real", "train"))  # all alike: each as often as the others
    assert np.array_equal(drawings_shown, pack.rows("anime", "train"))
    asked.clear()
    assert train(config("galatea", 1, hair_resampling=0.0), haired, tmp_path / "plain", PLAIN).finished
    assert not asked


def options_of(toy: Toy, **changes: Any) -> Any:
    return type(galatea()).resolve(replace(TINY["galatea"], **changes), Pack(toy.pack))


def test_what_the_pack_does_not_have_is_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"no source 'ffhq\.zip', only anime, real"):
        options_of(toy, real_set=("ffhq.zip",))
    with pytest.raises(TrainError, match="knows no hair, which --hair-weight needs"):
        train(config("galatea", 1, hair_weight=3.0), toy.pack, tmp_path / "run", PLAIN)
    with pytest.raises(TrainError, match="from 0 to 1"):
        GalateaConfig(hair_resampling=2.0)
    assert options_of(toy).hair_weight == 0
    assert options_of(toy, real_set=("real",)).real_set == ("real",)


@pytest.mark.parametrize("weight", [None, 2.0, 0.0])
def test_a_pack_with_hair_asks_for_its_colour_unless_told(haired: Path, weight: float | None) -> None:
    resolved = type(galatea()).resolve(replace(TINY["galatea"], hair_weight=weight), Pack(haired))
    assert resolved.hair_weight == (10.0 if weight is None else weight)


def test_a_pack_without_drawn_hair_is_refused_unless_that_does_not_matter(haired: Path, tmp_path: Path) -> None:
    """Early packs had masks of photographs alone."""
    folder = shutil.copytree(haired, tmp_path / "early")
    masks = np.load(folder / "hair.npy")
    pack = Pack(folder)
    masks[pack.rows("anime", "train")] = 0
    np.save(folder / "hair.npy", masks)
    resolved = type(galatea()).resolve
    with pytest.raises(TrainError, match="find its hair again"):
        resolved(TINY["galatea"], Pack(folder))
    assert (
        resolved(replace(TINY["galatea"], hair_weight=0.0, hair_resampling=0.0), Pack(folder)).hair_recolouring == 0.8
    )
    assert pack.marks_drawn_hair is False
    assert Pack(haired).marks_drawn_hair


@pytest.mark.parametrize(("size", "r"), [(128, 1), (192, 1), (256, 2), (384, 3), (416, 2), (448, 2), (512, 4)])
def test_generators_work_at_128_pixels_or_a_little_more(size: int, r: int, toy: Toy, tmp_path: Path) -> None:
    assert default_unshuffle(size) == r
    assert size // r >= 128
    assert size % (4 * r) == 0
    assert Galatea.resolve(GalateaConfig(), Pack(toy.pack)).unshuffle == 1
    with pytest.raises(TrainError, match="wants pictures of a multiple of 12 px, not 128"):
        Galatea(replace(TINY["galatea"], unshuffle=3), 128)
