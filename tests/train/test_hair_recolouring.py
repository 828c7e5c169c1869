"""Recoloured hair has the colour that was asked for, and nothing else changes; such a training resumes and exports."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import SIZE, Toy, stop_at
from trainings import PLAIN, OnTheDeviceAlone, assert_same, config, galatea, state

from anime2real.data.pack import Pack
from anime2real.image.cielab import to_lab as measured_lab
from anime2real.train.batch import Batch
from anime2real.train.export.run import export_run
from anime2real.train.hair_recolouring import chosen_colours, lab_to_rgb, recoloured, rgb_to_lab
from anime2real.train.methods.galatea import HAIR_COLOURS
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.random_numbers import COLUMNS, RandomNumbers
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import Sampler
from anime2real.train.start import train
from anime2real.train.step import Speed, TrainingStep

PINK, BLUE, BLOND, BLACK = (60.0, 45.0, -8.0), (45.0, 5.0, -40.0), (80.0, 2.0, 35.0), (12.0, 2.0, 1.0)


def strands(level: float, count: int = 1) -> torch.Tensor:
    """Pictures of one brownish colour with light and dark strands."""
    wave = 1 + 0.3 * torch.sin(torch.arange(SIZE) * 0.7)
    tint = torch.tensor([1.1, 0.9, 0.75]) * level
    return ((tint[:, None, None] * wave).clamp(0, 1) * 2 - 1).expand(count, 3, SIZE, SIZE).contiguous()


def upper(count: int = 1) -> torch.Tensor:
    mask = torch.zeros(count, 1, SIZE, SIZE)
    mask[:, :, : SIZE // 2] = 1
    return mask


def mean_of(image: torch.Tensor) -> torch.Tensor:
    """Mean CIELAB (N, 3) of the upper half."""
    return rgb_to_lab(image)[:, :, : SIZE // 2].mean((2, 3))


def test_lab_is_that_of_the_measure() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    np.testing.assert_allclose(rgb_to_lab(image).permute(0, 2, 3, 1).numpy(), measured_lab(pixels), atol=2e-2)


def test_colours_at_and_beyond_the_bounds_have_no_gradient() -> None:
    """As in the kernel; a clamp of torch lets it through at the bounds."""
    image = torch.tensor([-1.2, -1.0, -0.99, 0.5, 0.99, 1.0, 1.2]).expand(1, 3, 1, 7).clone().requires_grad_()
    rgb_to_lab(image)[:, 0].sum().backward()
    assert image.grad is not None
    assert (image.grad[0, :, 0] > 0).tolist() == 3 * [[False, False, True, True, True, False, False]]


def test_lab_and_back_is_the_picture_where_colours_are_not_pressed() -> None:
    grey = torch.linspace(-1, 1, 9)[:, None].expand(9, 3)
    muted = torch.tensor([[0.2, 0.1, 0.0], [-0.5, -0.4, -0.3], [0.1, 0.3, 0.2]])
    image = torch.cat([grey, muted]).T[None, :, :, None]
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(image)), image, atol=2e-3, rtol=0)


def test_colours_beyond_the_gamut_keep_their_lightness_and_hue() -> None:
    lab = torch.tensor([[50.0, 120.0, 20.0], [80.0, -10.0, 120.0], [30.0, 30.0, -110.0]]).T[None, :, :, None]
    image = lab_to_rgb(lab)
    assert image.abs().max() <= 1
    found = rgb_to_lab(image)
    torch.testing.assert_close(found[:, 0], lab[:, 0], atol=0.5, rtol=0)
    assert (found[:, 1:].norm(dim=1) < lab[:, 1:].norm(dim=1) - 5).all()
    turned = torch.atan2(found[:, 2], found[:, 1]) - torch.atan2(lab[:, 2], lab[:, 1])
    assert turned.abs().max() < 0.35


@pytest.mark.parametrize("level", [0.08, 0.35, 0.7])
@pytest.mark.parametrize("colour", [PINK, BLUE, BLOND, BLACK])
def test_the_hairs_mean_becomes_the_colour(level: float, colour: tuple[float, float, float]) -> None:
    image = strands(level)
    wanted = torch.tensor([colour])
    result = recoloured(image, upper(), wanted, torch.ones(1))
    before, after = mean_of(image)[0], mean_of(result)[0]
    assert (after[1:] - wanted[0, 1:]).norm() < 0.25 * wanted[0, 1:].norm() + 2
    # The lightness goes towards the colour's, not past it.
    way, gone = float(wanted[0, 0] - before[0]), float(after[0] - before[0])
    assert 0.5 * min(abs(way), 40) - 2 < abs(gone) < abs(way) + 2
    assert abs(way) < 2 or gone * way > 0


def test_strands_stay() -> None:
    """Dark stays darker than light, in the same places, and black hair that turns pink keeps its contrast."""
    for level in (0.08, 0.35):
        image = strands(level)
        before = rgb_to_lab(image)[0, 0, 0]
        after = rgb_to_lab(recoloured(image, upper(), torch.tensor([PINK]), torch.ones(1)))[0, 0, 0]
        assert float(torch.corrcoef(torch.stack([before, after]))[0, 1]) > 0.97
        assert after.std() > 0.9 * before.std()


def test_what_is_no_hair_stays_bit_by_bit() -> None:
    image = torch.rand(3, 3, SIZE, SIZE) * 2 - 1
    mask = upper(3)
    mask[2] = 0
    result = recoloured(image, mask, torch.tensor([PINK] * 3), torch.tensor([1.0, 0.0, 1.0]))
    assert torch.equal(result[0, :, SIZE // 2 :], image[0, :, SIZE // 2 :])
    assert not torch.equal(result[0, :, : SIZE // 2], image[0, :, : SIZE // 2])
    assert torch.equal(result[1:], image[1:])


def fringe(hair: float, mask_reaches: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Dark hair above light skin, mixed half and half in two rows, and a mask that reaches so far beyond the hair."""
    side = 256
    rows = torch.full((side,), 1.0)
    rows[: side // 2], rows[side // 2 : side // 2 + 2] = 0.0, 0.5
    dark, skin = (torch.tensor(c)[:, None, None] for c in ([hair, 0.9 * hair, 0.8 * hair], [0.85, 0.65, 0.55]))
    image = (dark + rows[None, :, None] * (skin - dark)).expand(3, side, side) * 2 - 1
    mask = torch.zeros(1, 1, side, side)
    mask[:, :, : side // 2 + 2 + mask_reaches] = 1
    return image[None].contiguous(), mask


def test_where_hair_meets_skin_no_rim_lights_up() -> None:
    """Pixels that both share are lighter than hair: taken for highlights of it they would be the lightest of all."""
    for level in (0.06, 0.2):
        image, mask = fringe(level)
        light = rgb_to_lab(recoloured(image, mask, torch.tensor([PINK]), torch.ones(1)))[0, 0, :, 128]
        inside, skin = light[40:100].mean(), light[200:].mean()
        between = light[120:136]
        assert between.max() <= torch.maximum(inside, skin) + 2
        assert between.min() >= torch.minimum(inside, skin) - 2


def test_a_mask_that_reaches_over_the_forehead_leaves_the_skin_as_it_is() -> None:
    image, mask = fringe(0.1, mask_reaches=3)
    result = recoloured(image, mask, torch.tensor([PINK]), torch.ones(1))
    before, after = (rgb_to_lab(picture)[0, :, 131:133, 128] for picture in (image, result))
    assert (after - before).norm(dim=0).max() < 4
    assert rgb_to_lab(result)[0, 1, 60, 128] > 25  # the hair is pink


def test_black_hair_that_becomes_light_is_not_torn() -> None:
    image = strands(0.08)
    spread = [
        rgb_to_lab(picture)[0, 0, : SIZE // 2].quantile(torch.tensor([0.02, 0.98])).diff()
        for picture in (image, recoloured(image, upper(), torch.tensor([BLOND]), torch.ones(1)))
    ]
    assert spread[1] < 3 * spread[0]


def test_a_bald_heads_rim_stays() -> None:
    mask = torch.zeros(2, 1, SIZE, SIZE)
    mask[0, :, 0] = mask[1, :, :2] = 1
    image = strands(0.3, 2)
    result = recoloured(image, mask, torch.tensor([PINK] * 2), torch.ones(2))
    assert torch.equal(result[0], image[0])
    assert not torch.equal(result[1], image[1])


def test_half_a_mask_is_half_recoloured_and_each_picture_by_itself() -> None:
    image, colours = strands(0.3, 2), torch.tensor([PINK, BLUE])
    whole = recoloured(image, upper(2), colours, torch.ones(2))
    half = recoloured(image, upper(2), colours, torch.full((2,), 0.5))
    torch.testing.assert_close(half, (image + whole) / 2)
    alone = recoloured(image[1:], upper(), colours[1:], torch.ones(1))
    torch.testing.assert_close(whole[1:], alone)


def test_layout_and_precision_stay_and_no_gradient_is_kept() -> None:
    image = strands(0.3, 2).contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        result = recoloured(image, upper(2), torch.tensor([PINK] * 2), torch.ones(2))
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert result.dtype == torch.float32
    assert not result.requires_grad
    torch.testing.assert_close(
        result, recoloured(image, upper(2), torch.tensor([PINK] * 2), torch.ones(2)), atol=0, rtol=0
    )


def test_one_number_says_whether_and_how() -> None:
    table = torch.arange(8.0)[:, None].expand(8, 3)
    numbers = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    colours, strength = chosen_colours(table, numbers, 0.25)
    assert float(strength.mean()) == pytest.approx(0.25, abs=0.01)
    counts = torch.bincount(colours[strength > 0][:, 0].long(), minlength=8)
    assert counts.min() > 0.8 * counts.max()
    everyone, strength = chosen_colours(table, torch.tensor([0.0, 1 - 2**-24]), 1.0)
    assert strength.tolist() == [1, 1]
    assert everyone[:, 0].tolist() == [0, 7]


def test_galatea_takes_recoloured_photographs_for_the_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    method = galatea(hair_recolouring=0.5)
    method.set_hair_colours(np.array([BLUE], np.float32))
    numbers = RandomNumbers(torch.zeros(2, COLUMNS))
    numbers.recolouring.copy_(torch.tensor([0.4, 0.6]))
    image = strands(0.3, 2)
    seen: list[torch.Tensor] = []
    for name in ("_generator_step", "_discriminator_step"):
        plain = getattr(method, name)

        def noted(batch: Batch, *fakes: torch.Tensor, plain: Any = plain) -> Any:
            seen.append(batch.real)
            return plain(batch, *fakes)

        monkeypatch.setattr(method, name, noted)
    method.step(Batch(image, image, numbers, real_hair=upper(2)))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0][1], image[1])
    assert mean_of(seen[0])[0, 2] < -25 < mean_of(image)[0, 2]


def test_the_mask_moves_with_the_picture(toy: Toy, haired: Path) -> None:
    """A picture that is its own mask stays so, mirrored and zoomed."""
    pack = Pack(haired)
    method = galatea(hair_recolouring=0.5)
    masks = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (48, SIZE, SIZE), np.uint8))
    pictures = masks[..., None].expand(-1, -1, -1, 3).contiguous()
    training_step = TrainingStep(method, pictures, 2, Speed(), None, masks)
    seen: list[Batch] = []
    method.step = lambda batch: seen.append(batch) or {}  # type: ignore[method-assign, func-returns-value, assignment]
    training_step.step(Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 2, 0).draw(0), 0.0, [0.0])
    hair = seen[0].real_hair
    assert hair is not None
    torch.testing.assert_close(hair.expand(-1, 3, -1, -1) * 2 - 1, seen[0].real, atol=1e-5, rtol=0)


def test_the_recolouring_step_stays_on_the_device(haired: Path) -> None:
    pack = Pack(haired)
    assert pack.hair is not None
    method = galatea(hair_recolouring=0.5)
    method.set_hair_colours(pack.hair_colours("anime", "train"))
    for optimizer in method.optimizers.values():
        optimizer.step = lambda *_: None  # type: ignore[method-assign, assignment]
    hair = torch.from_numpy(pack.hair)
    training_step = TrainingStep(method, torch.from_numpy(pack.images), 2, Speed(), None, hair)
    training_step.step(Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 2, 0).draw(0), 1e-4, [0.1])
    with OnTheDeviceAlone() as noted:
        training_step._body()
    assert noted.seen == []


def test_a_table_of_any_size_fills_the_colours() -> None:
    method = galatea(hair_recolouring=0.5)
    for count in (3, HAIR_COLOURS, 3 * HAIR_COLOURS):
        method.set_hair_colours(np.arange(count, dtype=np.float32)[:, None].repeat(3, 1))
        kept = method.get_buffer("hair_colours")[:, 0]
        assert kept[0] == 0
        assert kept[-1] >= count - 3
        assert len(kept.unique()) == min(count, HAIR_COLOURS)


@pytest.mark.usefixtures("_one_bundle", "_no_bundles")
def test_an_interrupted_run_with_recolouring_ends_as_a_straight_one(
    haired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = config("galatea")
    assert plain.options.hair_recolouring is None
    assert train(plain, haired, tmp_path / "straight", PLAIN).finished
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        assert not train(plain, haired, tmp_path / "resumed", PLAIN).finished
    assert train(plain, haired, tmp_path / "resumed", PLAIN).finished
    assert_same(tmp_path / "straight", tmp_path / "resumed")
    assert tomllib.loads((tmp_path / "straight" / "config.toml").read_text())["options"]["hair_recolouring"] == 0.8
    hair_colours = state(tmp_path / "straight")["hair_colours"]
    assert hair_colours.shape == (HAIR_COLOURS, 3)
    assert {tuple(row) for row in hair_colours.tolist()} == {(40.0, 60.0, 40.0), (40.0, 10.0, -50.0)}
    bundle = json.loads((export_run(tmp_path / "straight", tmp_path / "out")[0] / "bundle.json").read_text())
    assert bundle["training"]["options"]["hair_recolouring"] == 0.8


def test_without_recolouring_there_is_no_table() -> None:
    """So that checkpoints of runs without it stay what they were."""
    assert "hair_colours" in galatea(hair_recolouring=0.5).state_dict()
    for share in (0.0, None):
        method = galatea(hair_recolouring=share)
        assert not method.wants_hair
        assert "hair_colours" not in method.state_dict()


@pytest.mark.usefixtures("_no_bundles")
def test_a_pack_without_hair_trains_without_recolouring_and_says_so(toy: Toy, tmp_path: Path) -> None:
    assert train(config("galatea", 1), toy.pack, tmp_path / "run", PLAIN).finished
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text())["options"]["hair_recolouring"] == 0.0
    with pytest.raises(TrainError, match=r"knows no hair, which --hair-recolouring needs: prepare it with --hair"):
        train(config("galatea", 1, hair_recolouring=0.3), toy.pack, tmp_path / "other", PLAIN)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(TrainError, match="from 0 to 1"):
        GalateaConfig(hair_recolouring=share)
