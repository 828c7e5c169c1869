"""The hair's loss: zero where the colour stays, the distance by hand where it moves, nothing for what is no hair."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_dye import galatea
from test_loop import PLAIN, config
from test_methods import OnTheDeviceAlone
from toys import SIZE, TINY, Toy

from anime2real.train.config import TrainError
from anime2real.train.hair import hair_places
from anime2real.train.loop import _rows, train
from anime2real.train.method import UNIFORMS, Batch
from anime2real.train.methods.galatea import Galatea, GalateaConfig, usual_unshuffle
from anime2real.train.networks.dye import to_image
from anime2real.train.networks.hair_colour import LIGHTNESS, hair_apart
from anime2real.train.pack import Pack
from anime2real.train.sampler import Sampler, from_sources, matched
from anime2real.train.stepper import Speed, Stepper

TEAL = (50.0, -20.0, -10.0)


def plain(*lab: float, count: int = 1) -> torch.Tensor:
    """Pictures of one CIELAB colour, well inside sRGB, so that it comes back as it went in."""
    return to_image(torch.tensor(lab).view(1, 3, 1, 1).expand(count, -1, SIZE, SIZE).contiguous())


def upper(share: float = 0.5, count: int = 1) -> torch.Tensor:
    mask = torch.zeros(count, 1, SIZE, SIZE)
    mask[:, :, : round(share * SIZE)] = 1
    return mask


def test_hair_that_stays_costs_nothing() -> None:
    image = plain(*TEAL)
    assert float(hair_apart(image, image, upper())) == pytest.approx(0.001, abs=1e-5)  # the root's floor


def test_the_distance_is_that_of_the_colours() -> None:
    found = hair_apart(plain(*TEAL), plain(60.0, -17.0, -14.0), upper())
    by_hand = ((LIGHTNESS * 10) ** 2 + 3**2 + 4**2) ** 0.5 / 100
    assert float(found) == pytest.approx(by_hand, rel=0.01)


def test_what_is_no_hair_may_be_of_any_colour() -> None:
    before, after = plain(*TEAL), plain(*TEAL)
    after[:, :, SIZE // 2 :] = -1
    assert float(hair_apart(before, after, upper())) == pytest.approx(0.001, abs=1e-5)
    assert float(hair_apart(before, after, upper(1.0))) > 0.1


def test_strands_are_free_inside_a_cell() -> None:
    """Light and dark stripes of two pixels, a cell, have the mean of what they replace."""
    before = to_image(torch.tensor([50.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE).contiguous())
    light = torch.full((1, 1, 1, SIZE), 40.0)
    light[..., 1::2] = 60.0
    stripes = to_image(torch.cat([light, torch.zeros(1, 2, 1, SIZE)], 1).expand(1, 3, SIZE, SIZE).contiguous())
    assert float(hair_apart(before, stripes, upper())) < 0.003


def test_each_picture_counts_alike_and_a_bald_one_not() -> None:
    mask = torch.cat([upper(0.25), upper(1.0), torch.zeros(1, 1, SIZE, SIZE)])
    before = plain(*TEAL, count=3)
    after = torch.cat([plain(*TEAL), plain(50.0, -20.0, 0.0), plain(0.0, 0.0, 0.0)])
    assert float(hair_apart(before, after, mask)) == pytest.approx((0.001 + 0.1) / 2, rel=0.02)
    assert float(hair_apart(before, after, torch.zeros_like(mask))) == 0


def test_the_slope_is_finite_and_points_home() -> None:
    """Also where nothing has moved, where a root alone has none."""
    before = plain(*TEAL)
    same = before.clone().requires_grad_(True)
    hair_apart(before, same, upper()).backward()
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()
    after = plain(50.0, 20.0, 10.0).requires_grad_(True)
    (slope,) = torch.autograd.grad(hair_apart(before, after, upper()), after)
    step = (after - 0.2 * slope / slope.abs().max()).detach()
    assert hair_apart(before, step, upper()) < hair_apart(before, after, upper())
    assert not slope[:, :, SIZE // 2 :].any()


def test_galatea_pulls_the_hair_and_nothing_else_towards_its_colour() -> None:
    losses = {}
    for weight in (0.0, 5.0):
        method = galatea(hair_weight=weight)
        image, uniforms = plain(*TEAL, count=2), torch.full((2, UNIFORMS), 0.5)
        batch = Batch(image, image.flip(1), uniforms, anime_hair=upper(count=2), real_hair=upper(0.25, count=2))
        losses[weight] = method.step(batch)
    assert "hair" not in losses[0.0]
    fresh = galatea(hair_weight=5.0)
    with torch.no_grad():
        expected = hair_apart(image, fresh.to_real(image), upper(count=2))
        expected = expected + hair_apart(image.flip(1), fresh.to_anime(image.flip(1)), upper(0.25, count=2))
    assert float(losses[5.0]["hair"]) == pytest.approx(float(expected), rel=1e-4)
    assert losses[5.0]["cycle"] == losses[0.0]["cycle"]


def test_discriminators_learn_from_exemplars_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    method = galatea(exemplars=("sharp.zip",))
    pictures = {name: plain(50.0, 0.0, 2.0 * i, count=2) for i, name in enumerate(("anime", "real", "sharp", "drawn"))}
    seen: dict[str, list[torch.Tensor]] = {"judge_real": [], "judge_anime": []}
    for name, calls in seen.items():
        getattr(method, name).register_forward_pre_hook(lambda _, inputs, calls=calls: calls.append(inputs[0]))
    monkeypatch.setattr("anime2real.train.methods.galatea.varied", lambda image, _: image)
    uniforms = torch.full((2, UNIFORMS), 0.5)
    exemplars = Batch(pictures["drawn"], pictures["sharp"], uniforms)
    method.step(Batch(pictures["anime"], pictures["real"], uniforms, exemplars=exemplars))
    for name, domain in (("judge_real", "sharp"), ("judge_anime", "drawn")):
        of_generator, of_judge = seen[name]
        assert torch.equal(of_judge[:2], pictures[domain])
        assert torch.equal(of_judge[2:], of_generator)


def test_exemplars_are_dyed_too() -> None:
    method = galatea(dye=1.0, exemplars=("sharp.zip",))
    method.see_hair(np.array([[40.0, 10.0, -50.0]], np.float32))
    seen: list[torch.Tensor] = []
    method.patch_judges["real"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image, uniforms = plain(40.0, 10.0, 10.0, count=2), torch.zeros(2, UNIFORMS)
    method.step(
        Batch(
            image,
            image,
            uniforms,
            real_hair=upper(count=2),
            exemplars=Batch(image, image, uniforms, real_hair=upper(count=2)),
        )
    )
    shown = seen[-1][:2]
    assert (shown[:, 2] - image[:, 2])[:, : SIZE // 2].mean() > 0.2  # bluer
    assert torch.equal(shown[:, :, SIZE // 2 :], image[:, :, SIZE // 2 :])


def test_exemplars_come_from_their_sources_and_leave_the_other_draws_alone() -> None:
    rows = np.arange(20, 30)
    sources = ["soft.zip"] * 7 + ["sharp.zip"] * 3
    sharp = from_sources(rows, sources, ["sharp.zip", "elsewhere.zip"])
    assert sharp.tolist() == [27, 28, 29]
    assert np.array_equal(from_sources(rows, sources, ["elsewhere.zip"]), rows)
    plain_sampler = Sampler(np.arange(20), rows, 4, seed=1)
    sampler = Sampler(np.arange(20), rows, 4, seed=1, exemplars=(np.arange(5), sharp))
    seen = []
    for step in range(30):
        draw, alone = sampler.draw(step), plain_sampler.draw(step)
        assert alone.exemplars is None
        assert np.array_equal(draw.anime, alone.anime)
        assert np.array_equal(draw.real, alone.real)
        assert np.array_equal(draw.uniforms, alone.uniforms)
        assert draw.exemplars is not None
        assert not np.array_equal(draw.exemplars.uniforms, draw.uniforms)
        seen.append(draw.exemplars)
    assert np.bincount(np.concatenate([e.real for e in seen]))[27:].tolist() == [40, 40, 40]
    assert np.bincount(np.concatenate([e.anime for e in seen])).tolist() == [24] * 5
    again = Sampler(np.arange(20), rows, 4, seed=1, exemplars=(np.arange(5), sharp)).draw(17).exemplars
    assert again is not None
    assert np.array_equal(again.real, seen[17].real)
    assert np.array_equal(again.uniforms, seen[17].uniforms)


def test_the_step_with_hair_and_exemplars_stays_on_the_device(haired: Path) -> None:
    pack = Pack(haired)
    assert pack.hair is not None
    method = galatea(dye=0.5, hair_weight=5.0, exemplars=("real",))
    method.see_hair(pack.hair_colours("anime", "train"))
    for optimizer in method.optimizers.values():
        optimizer.step = lambda *_: None  # type: ignore[method-assign, assignment]
    stepper = Stepper(method, torch.from_numpy(pack.images), 2, Speed(), None, torch.from_numpy(pack.hair))
    rows = [pack.rows("anime", "train"), pack.rows("real", "train")]
    stepper.step(Sampler(*rows, 2, 0, exemplars=rows).draw(0), 1e-4, 0.1)
    with OnTheDeviceAlone() as noted:
        stepper._body()
    assert noted.seen == []


def test_the_stepper_loads_exemplars_as_it_loads_the_others(toy: Toy) -> None:
    pack = Pack(toy.pack)
    seen: list[Batch] = []
    method = galatea(exemplars=("real",))
    method.augment = replace(method.augment, flip=False, zoom=0.0)
    method.step = lambda batch: seen.append(batch) or {}  # type: ignore[method-assign, func-returns-value, assignment]
    stepper = Stepper(method, torch.from_numpy(pack.images), 2, Speed())
    rows = [pack.rows("anime", "train"), pack.rows("real", "train")]
    draw = Sampler(*rows, 2, 0, exemplars=rows).draw(0)
    stepper.step(draw, 0.0, 0.0)
    shown = seen[0].exemplars
    assert shown is not None
    assert draw.exemplars is not None
    for image, places in ((shown.real, draw.exemplars.real), (shown.anime, draw.exemplars.anime)):
        expected = torch.from_numpy(pack.images[places]).permute(0, 3, 1, 2).float() / 127.5 - 1
        torch.testing.assert_close(image, expected)


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

    monkeypatch.setattr("anime2real.train.loop.matched", noted)
    drawn: list[Sampler] = []

    class Noted(Sampler):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            drawn.append(self)

    monkeypatch.setattr("anime2real.train.loop.Sampler", Noted)
    pack = Pack(haired)
    assert train(config("galatea", 1, exemplars=("real",)), haired, tmp_path / "run", PLAIN).finished
    for rows, features, wanted, strength in asked:
        assert set(rows) == set(pack.rows("real", "train"))
        assert features[:, 0] == pytest.approx(1.0)  # the upper half of every photograph is hair
        assert len(wanted) == len(pack.rows("anime", "train"))
        assert wanted[:, 0] == pytest.approx(1.0)
        assert strength == 0.5
    assert len(asked) == 2
    _, photographs, drawings_shown, photographs_shown = drawn[0]._rows
    for rows in (photographs, photographs_shown):
        assert len(rows) == 8 * len(pack.rows("real", "train"))  # all alike: each as often as the others
    assert np.array_equal(drawings_shown, pack.rows("anime", "train"))
    asked.clear()
    assert train(config("galatea", 1, match_hair=0.0), haired, tmp_path / "plain", PLAIN).finished
    assert not asked


def options_of(toy: Toy, **changes: Any) -> Any:
    return type(galatea()).settled(replace(TINY["galatea"], **changes), Pack(toy.pack))


def test_what_the_pack_does_not_have_is_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"no source 'ffhq\.zip', only anime, real"):
        options_of(toy, exemplars=("ffhq.zip",))
    with pytest.raises(TrainError, match="knows no hair, which --hair-weight needs"):
        train(config("galatea", 1, hair_weight=3.0), toy.pack, tmp_path / "run", PLAIN)
    with pytest.raises(TrainError, match="0 or more"):
        GalateaConfig(hair_weight=-1.0)
    with pytest.raises(TrainError, match="from 0 to 1"):
        GalateaConfig(match_hair=2.0)
    assert options_of(toy).hair_weight == 0
    assert options_of(toy, exemplars=("real",)).exemplars == ("real",)


@pytest.mark.parametrize("weight", [None, 2.0, 0.0])
def test_a_pack_with_hair_asks_for_its_colour_unless_told(haired: Path, weight: float | None) -> None:
    settled = type(galatea()).settled(replace(TINY["galatea"], hair_weight=weight), Pack(haired))
    assert settled.hair_weight == (5.0 if weight is None else weight)


def test_a_pack_without_drawn_hair_is_refused_unless_that_does_not_matter(haired: Path, tmp_path: Path) -> None:
    """Early packs had masks of photographs alone."""
    folder = shutil.copytree(haired, tmp_path / "early")
    masks = np.load(folder / "hair.npy")
    pack = Pack(folder)
    masks[pack.rows("anime", "train")] = 0
    np.save(folder / "hair.npy", masks)
    settled = type(galatea()).settled
    with pytest.raises(TrainError, match="find its hair again"):
        settled(TINY["galatea"], Pack(folder))
    assert settled(replace(TINY["galatea"], hair_weight=0.0, match_hair=0.0), Pack(folder)).dye == 0.5
    assert pack.marks_drawn_hair is False
    assert Pack(haired).marks_drawn_hair


def test_exemplars_are_as_sharp_as_asked(toy: Toy, tmp_path: Path) -> None:
    """Rows of the right scale, of every source; where a domain has none, or the pack knows no scales, it says so."""
    pack_folder = tmp_path / "scaled"
    shutil.copytree(toy.pack, pack_folder)
    path = pack_folder / "index.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    sharp = {"anime": [], "real": []}  # type: dict[str, list[int]]
    for row, entry in enumerate(entries):
        entry["scale"] = 0.8 if row % 2 else 0.4
        if row % 2 and entry["split"] == "train":
            sharp[entry["domain"]].append(row)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    pack = Pack(pack_folder)
    method = galatea(least_scale=0.65)
    assert method.wants_exemplars
    drawn, shown = _rows(pack, method, 0)
    assert [rows.tolist() for rows in shown] == [sharp["anime"], sharp["real"]]
    assert {row for rows in drawn for row in rows.tolist()} > set(sharp["anime"])  # translated are the others too
    with pytest.raises(TrainError, match=r"no anime exemplar .* has 0\.9 pixels"):
        _rows(pack, galatea(least_scale=0.9), 0)
    for entry in entries:
        del entry["scale"]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with pytest.raises(TrainError, match="does not know its pictures' scale"):
        Galatea.settled(GalateaConfig(least_scale=0.65), Pack(pack_folder))
    with pytest.raises(TrainError, match="--least-scale is 0 or more"):
        GalateaConfig(least_scale=-1.0)


@pytest.mark.parametrize(("size", "r"), [(128, 1), (192, 1), (256, 2), (384, 3), (416, 2), (448, 2), (512, 4)])
def test_generators_work_at_128_pixels_or_a_little_more(size: int, r: int, toy: Toy, tmp_path: Path) -> None:
    assert usual_unshuffle(size) == r
    assert size // r >= 128
    assert size % (4 * r) == 0
    assert Galatea.settled(GalateaConfig(), Pack(toy.pack)).unshuffle == 1
    with pytest.raises(TrainError, match="wants pictures of a multiple of 12 px, not 128"):
        Galatea(replace(TINY["galatea"], unshuffle=3), 128)
