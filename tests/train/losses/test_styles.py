"""Styles: numbers from N(0, 1), the usual one in half of a batch, results pushed apart, and all of it exported."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toys import SIZE, Toy, smooth_picture, stop_at
from trainings import PLAIN, OnTheDeviceAlone, assert_same, config, galatea

from anime2real import Translator
from anime2real.bundle.format import STYLE, read
from anime2real.data.pack import Pack
from anime2real.train.batch import Batch
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.losses.styles import half_usual, style_likeness, styles
from anime2real.train.networks.efficientnet import LiteFeatures
from anime2real.train.random_numbers import RandomNumbers, draw_numbers
from anime2real.train.sampler import Sampler
from anime2real.train.start import train
from anime2real.train.step import Speed, TrainingStep


def test_styles_are_normal_and_another_set_for_each_variant() -> None:
    numbers = RandomNumbers(torch.from_numpy(draw_numbers(np.random.default_rng(0), 4000)))
    sets = [styles(numbers.style(variant)) for variant in range(4)]
    for drawn in sets:
        assert drawn.shape == (4000, STYLE)
        assert abs(float(drawn.mean())) < 0.02
        assert abs(float(drawn.std()) - 1) < 0.02
        assert drawn.abs().max() < 3.5
    together = torch.stack([drawn.flatten() for drawn in sets])
    assert (torch.corrcoef(together) - torch.eye(4)).abs().max() < 0.05
    across = torch.corrcoef(sets[0].T) - torch.eye(STYLE)
    assert across.abs().max() < 0.08


@pytest.mark.parametrize("count", [1, 2, 5])
def test_half_of_a_batch_has_the_usual_style(count: int) -> None:
    halved = half_usual(torch.ones(count, STYLE))
    assert halved.sum(1).tolist() == [0.0] * ((count + 1) // 2) + [float(STYLE)] * (count // 2)


def picture(seed: int) -> torch.Tensor:
    pixels = np.asarray(smooth_picture(np.random.default_rng(seed), (120, 120, 120), 64))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_the_same_picture_is_alike_and_another_one_is_not() -> None:
    features = LiteFeatures()
    one, two = picture(0), picture(1)
    assert float(style_likeness(features, one, one, one)) == pytest.approx(1.0, abs=1e-5)
    near = one + 0.02 * torch.randn(one.shape, generator=torch.Generator().manual_seed(0))
    assert 0.3 < float(style_likeness(features, one, near, near)) < 1
    assert float(style_likeness(features, one, two, one)) < float(style_likeness(features, one, near, one))
    several = [torch.cat(pair) for pair in ((one, one), (one, -one), (one, two))]
    apart = (float(style_likeness(features, *(images[i : i + 1] for images in several))) for i in (0, 1))
    assert float(style_likeness(features, *several)) == pytest.approx(sum(apart) / 2, abs=1e-5)


def test_two_styles_that_are_one_cost_even_if_far_from_the_usual() -> None:
    features = LiteFeatures()
    usual, far = picture(0), -picture(0)
    assert float(style_likeness(features, usual, far, far)) == pytest.approx(1 / 3, abs=1e-5)
    assert float(style_likeness(features, usual, far, picture(1))) < float(style_likeness(features, usual, far, far))


def test_the_gradient_pushes_the_others_away_and_not_the_usual_one() -> None:
    features = LiteFeatures()
    usual = picture(0).requires_grad_(True)
    one, two = ((picture(0) + 0.01 * picture(seed)).requires_grad_(True) for seed in (1, 2))
    before = style_likeness(features, usual, one, two)
    before.backward()
    assert usual.grad is None
    moved = []
    for other in (one, two):
        assert other.grad is not None
        moved.append((other - 0.05 * other.grad / other.grad.abs().max()).detach())
    assert style_likeness(features, usual, moved[0], two) < before
    assert style_likeness(features, usual, one, moved[1]) < before


def test_a_result_is_brought_back_by_the_usual_style() -> None:
    method = galatea(style_weight=1.0)
    calls: dict[str, list[torch.Tensor]] = {"to_real": [], "to_anime": []}
    for name, codes in calls.items():
        getattr(method, name).register_forward_pre_hook(lambda _, inputs, codes=codes: codes.append(inputs[1]))
    image = picture(0).expand(4, -1, -1, -1)[..., :SIZE, :SIZE].contiguous()
    uniforms = RandomNumbers(torch.from_numpy(draw_numbers(np.random.default_rng(0), 4)))
    losses = method.step(Batch(image, image.flip(1), uniforms))
    assert float(losses["diversity"]) == pytest.approx(
        2.0, abs=1e-4
    )  # modulation begins at nothing: one result for all
    for codes in calls.values():
        translation, cycle, other = codes
        assert not translation[:2].any()
        assert translation[2:4].abs().sum(1).gt(0).all()
        assert not translation[4:].any()  # the identity
        assert not cycle.any()
        assert other.shape == (2, STYLE)
        assert other.abs().sum(1).gt(0).all()
        assert not torch.equal(other[0], other[1])
    moved = [block.modulate.weight.abs().max() for block in method.to_real.blocks]
    assert min(value.item() for value in moved) > 0


def test_the_step_with_styles_stays_on_the_device(toy: Toy) -> None:
    pack = Pack(toy.pack)
    method = galatea(style_weight=1.0)
    for optimizer in method.optimizers.values():
        optimizer.step = lambda *_: None  # type: ignore[method-assign, assignment]
    training_step = TrainingStep(method, torch.from_numpy(pack.images), 2, Speed())
    training_step.step(Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 2, 0).draw(0), 1e-4, [0.1])
    with OnTheDeviceAlone() as noted:
        training_step._body()
    assert noted.seen == []


def test_a_styled_generator_is_exported_with_its_styles(tmp_path: Path) -> None:
    method = galatea(style_weight=1.0)
    for block in method.average["to_real"].blocks:
        torch.nn.init.normal_(block.modulate.weight, 0.0, 0.3, torch.Generator().manual_seed(1))
    product = next(p for p in method.translators() if p.target == "real")
    assert product.conditions == ("style",)
    report = export_bundle(
        product.module, tmp_path / "bundle", method="galatea", source="anime", target="real", px=SIZE,
        conditions=product.conditions, say=lambda _: None,
    )  # fmt: skip
    assert report.holds
    assert read(tmp_path / "bundle").variants > 1
    translator = Translator.open(tmp_path / "bundle")
    pixels = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    usual, again, other = (translator.translate(pixels, variant=v) for v in (0, 0, 1))
    assert np.array_equal(usual, again)
    assert np.abs(usual.astype(int) - other).mean() > 1


def test_without_styles_nothing_has_changed() -> None:
    plain = galatea()
    assert plain.translators()[0].conditions == ()
    assert not any("modulate" in name for name in plain.state_dict())


@pytest.mark.usefixtures("_no_bundles")
def test_an_interrupted_run_with_styles_ends_as_a_straight_one(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    styled = config("galatea", style_weight=1.0)
    assert train(styled, toy.pack, tmp_path / "straight", PLAIN).finished
    assert list((tmp_path / "straight" / "samples").glob("*.png"))
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        assert not train(styled, toy.pack, tmp_path / "resumed", PLAIN).finished
    assert train(styled, toy.pack, tmp_path / "resumed", PLAIN).finished
    assert_same(tmp_path / "straight", tmp_path / "resumed")
