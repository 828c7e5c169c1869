"""Generators that are told who should be shown, and discriminators that see whether they listened."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import SIZE, TINY, Toy, batch
from trainings import PLAIN, OnTheDeviceAlone, with_landmarks

from anime2real.bundle.format import read
from anime2real.data.pack import Pack
from anime2real.data.sources import frame_of
from anime2real.face.geometry import around
from anime2real.train.batch import Augment, Batch
from anime2real.train.face_parts import beside_expression
from anime2real.train.hard_inputs import flat, recoloured, soft
from anime2real.train.losses.mirrored import mirrored
from anime2real.train.losses.who import asked_for, matching_loss, wrong_labels
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_discriminators import masked
from anime2real.train.methods.galatea_options import GalateaConfig, resolved
from anime2real.train.methods.galatea_results import Results
from anime2real.train.networks.who import ToldDiscriminator, ToldGenerator, who_code
from anime2real.train.random_numbers import CROP, FLATNESS, HARDNESS
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.sampler import Sampler, weighted
from anime2real.train.selection import annotations, training_rows
from anime2real.train.start import train
from anime2real.train.step import Speed, TrainingStep, inside

TOLD = replace(TINY["galatea"], generator="ugatit", blocks=2, unshuffle=1, who=True, mask_margins=True)


@pytest.fixture(scope="module")
def labelled(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy pack with labels, weights and frames; each crop reaches beyond its file."""
    folder = tmp_path_factory.mktemp("labelled") / "pack"
    shutil.copytree(toy.pack, folder)
    entries = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    for place, entry in enumerate(entries):
        entry["who"] = [1.0 if place % 3 else -1.0, 0.2 + 0.01 * place]
        entry["frame"] = [[1.5, 0.0, 0.0], [0.0, 1.5, 0.0]]
        entry["expression"] = [1.0 if place % 2 else -1.0, 0.5, 1.0, -1.0]
        entry["landmarks"] = [[10.0, 12.0], [22.0, 12.0], [16.0, 18.0], [12.0, 22.0], [20.0, 22.0]]
        entry["weight"] = 1.0 + place % 2
    (folder / "index.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    meta = json.loads((folder / "meta.json").read_text())
    meta["labels"] = {"ages": {"anime": [18, 52], "real": [20, 70]}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


COLOURS: dict[str, Any] = {"eye_weight": 1.0, "eye_recolouring": 0.5, "skin_weight": 1.0, "skin_recolouring": 0.5}
ALL_TOLD = replace(
    TOLD, expressions=True, label_weight=1.0, mirror_weight=1.0, hard_inputs=0.5, detail_weight=0.5, **COLOURS
)


def told_batch(count: int) -> Batch:
    who = torch.tensor([[1.0, 0.3], [-1.0, 0.7], [-0.5, 0.2], [0.2, 0.79]])[:count]
    return replace(batch(count), anime_who=who, real_who=who.flip(0))


def test_wrong_labels_are_of_somebody_else() -> None:
    who = torch.tensor([[1.0, 0.3], [-1.0, 0.7], [-0.5, 0.2], [0.2, 0.79]])
    others = wrong_labels(who)
    apart = (others - who).abs()
    assert (apart[0::2, 0] > 0.5).all()
    assert (apart[1::2, 1] > 0.29).all()
    assert ((others[:, 1] >= 0.18) & (others[:, 1] <= 0.8)).all()


def test_wrong_labels_turn_an_expression_around_or_are_of_somebody_else() -> None:
    labels = torch.tensor([[1.0, 0.3, 1.0, -1.0, 0.6, -0.8]]).repeat(8, 1)
    wrong = wrong_labels(labels) != labels
    assert wrong.tolist() == [
        [True, False, False, False, False, False],
        [False, False, True, False, False, False],
        [False, True, False, False, False, False],
        [False, False, False, True, False, False],
        [True, False, False, False, False, False],
        [False, False, False, False, True, False],
        [False, True, False, False, False, False],
        [False, False, False, False, False, True],
    ]


def test_an_expression_is_always_the_pictures_own() -> None:
    own, others = torch.zeros(4, 6), torch.ones(4, 6)
    assert asked_for(own, others).sum(1).tolist() == [0, 2, 0, 2]


def test_a_detail_is_seen_beside_what_concerns_it() -> None:
    near, who = (
        torch.zeros(2, 3, 4, 8),
        torch.tensor([[1.0, 0.3, 0.9, -0.8, 0.7, -0.6], [-1.0, 0.4, 0.1, 0.2, 0.3, 0.4]]),
    )
    eyes = beside_expression("eyes", near, who, who)
    assert eyes.shape == (4, 5, 4, 8)
    assert eyes[:, 3:, 0, 0].tolist() == [
        pytest.approx(pair) for pair in ([0.7, -0.6], [0.3, 0.4], [-1.0, -0.6], [0.3, -1.0])
    ]
    assert beside_expression("mouth", near, who, None)[0, 3:, 2, 2].tolist() == pytest.approx([0.9, -0.8])


def test_a_mirrored_picture_is_held_to_the_mirrored_result() -> None:
    image, faithful = torch.rand(4, 3, 8, 8), torch.nn.Identity()
    assert mirrored(lambda x, _: faithful(x), image, image, None) == 0
    ramp = torch.linspace(-1, 1, 8).expand(4, 3, 8, 8)
    assert mirrored(lambda x, _: x + ramp[: len(x)], image, image + ramp, None) > 0.5


def test_hard_inputs_are_soft_grey_or_tinted_and_the_rest_as_they_were() -> None:
    torch.manual_seed(0)
    image = torch.rand(64, 3, 8, 8) * 2 - 1
    numbers = torch.rand(64, HARDNESS)
    for changed, column in ((soft(image, 0.5, numbers), 0), (recoloured(image, 0.5, numbers), 2)):
        same = (changed == image).flatten(1).all(1)
        assert torch.equal(same, numbers[:, column] >= 0.5)
        assert changed.abs().max() <= 1
    grey = recoloured(image, 1.0, numbers)[numbers[:, 3] < 0.5]
    assert torch.allclose(grey[:, 0], grey[:, 2])
    assert soft(image, 1.0, numbers).diff(dim=3).abs().mean() < image.diff(dim=3).abs().mean() / 2


def test_flat_drawings_lose_their_shades_and_keep_edges_and_lines() -> None:
    torch.manual_seed(0)
    image = torch.full((8, 3, 128, 128), -0.2)
    image[:, :, :, 64:] = 0.7
    image = image + 0.1 * torch.rand(8, 1, 128, 128)
    image[:, :, 30:32] = -1.0
    numbers = torch.rand(8, FLATNESS)
    numbers[:, 0] = torch.arange(8) / 8
    changed = flat(image, 0.5, numbers)
    assert torch.equal(changed[4:], image[4:])
    assert torch.equal(changed[:, :, 30:32, 70:], image[:, :, 30:32, 70:])
    assert changed[:4, :, 60:, :60].std() < image[:4, :, 60:, :60].std() / 1.5
    assert (changed[:4, 0, 60:, 64] - changed[:4, 0, 60:, 63]).mean() > 0.8  # nothing blurs across the edge


def test_half_are_asked_for_as_they_are() -> None:
    one, two = torch.zeros(4, 2), torch.ones(4, 2)
    assert asked_for(one, two)[:, 0].tolist() == [0, 1, 0, 1]


def test_a_discriminator_that_knows_wrong_labels_pays_nothing() -> None:
    right = [torch.tensor([2.0, -2.0, -2.0])]
    assert matching_loss(right, 1) == 0
    assert matching_loss([torch.tensor([2.0, -2.0, 2.0])], 1) == 1.5  # takes a wrong label for a right one
    assert matching_loss([torch.tensor([-1.0, -2.0, -2.0])], 1) == 2


def test_a_generator_whose_weights_of_it_are_zero_does_not_listen() -> None:
    torch.manual_seed(0)
    generator, image = ToldGenerator(SIZE, 8, 1), torch.rand(1, 3, SIZE, SIZE)
    young, old = torch.tensor([[1.0, 0.2]]), torch.tensor([[-1.0, 0.7]])
    assert not torch.equal(generator(image, young), generator(image, old))
    with torch.no_grad():
        generator.modulation.first.weight[:, -4:] = 0
    assert torch.equal(generator(image, young), generator(image, old))


def test_a_discriminator_scores_a_picture_beside_each_label_as_if_alone() -> None:
    torch.manual_seed(0)
    discriminator, image = ToldDiscriminator(8).eval(), torch.rand(2, 3, SIZE, SIZE) * 2 - 1
    who, wrong = torch.tensor([[1.0, 0.3], [-1.0, 0.6]]), torch.tensor([[-1.0, 0.3]])
    together = discriminator(image, who, wrong)
    right, other = discriminator(image, who), discriminator(image[:1], wrong)
    for all_three, first, last in zip(together, right, other, strict=True):
        torch.testing.assert_close(all_three, torch.cat([first, last]))
        assert not torch.equal(all_three[:1], all_three[2:])


def test_a_step_asks_and_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    method = Galatea(replace(TOLD, mask_margins=False), SIZE)
    method.make_optimizers(1e-3)
    heard: list[torch.Tensor] = []

    def noted(who: torch.Tensor) -> torch.Tensor:
        heard.append(who)
        return who_code(who)

    monkeypatch.setattr("anime2real.train.networks.who.who_code", noted)
    data = told_batch(4)
    assert data.anime_who is not None
    assert data.real_who is not None
    losses = method.step(data)
    assert all(value.isfinite() for value in losses.values())
    to_real = torch.cat([asked_for(data.anime_who, data.real_who), data.real_who])
    assert torch.equal(heard[0], to_real)  # the identity picture, and what comes back, is told whom it shows
    assert any(torch.equal(who, data.anime_who) for who in heard)
    assert any(torch.equal(who, wrong_labels(data.real_who)) for who in heard)


def test_only_what_the_file_shows_is_known() -> None:
    place = around((50.0, 50.0), 120.0)  # a crop that reaches 10 px beyond a picture of 100 px on all sides
    frames = torch.from_numpy(frame_of(place, (100, 100))).float()[None]
    still = torch.zeros(1, CROP)
    known = inside(frames, still, Augment(flip=False, zoom=0.0), [1, 3, 120, 120])[0, 0]
    assert known[12:108, 12:108].all()
    assert not known[:9].any()
    assert not known[:, 111:].any()


def test_margins_of_either_picture_are_grey_in_both() -> None:
    left, top = torch.ones(1, 1, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    left[..., :4], top[:, :, :4] = 0, 0
    data = replace(batch(1), anime_known=left, real_known=top)
    for domain, known in (("real", left), ("anime", top)):
        of = Results(torch.ones(1, 3, SIZE, SIZE), None, None, known)
        assert torch.equal(masked(data, of, domain, of.image), (left * top).expand(1, 3, -1, -1))


def test_rows_are_drawn_by_weight(labelled: Path) -> None:
    rows = weighted(np.arange(400), np.repeat([1.0, 3.0], 200), 0)
    assert (rows >= 200).mean() == pytest.approx(0.75, abs=0.01)
    assert set(weighted(np.arange(9), np.array([1e-6, *[1.0] * 8]), 0)) == set(range(9))
    assert set(weighted(np.arange(9), np.array([0.0, *[1.0] * 8]), 0)) == set(range(1, 9))
    pack = Pack(labelled)
    (drawings, _), _ = training_rows(pack, Galatea(TOLD, SIZE), 0)
    assert pack.weights is not None
    heavy = pack.weights[drawings] > 1
    assert 0.55 < heavy.mean() < 0.75


def test_an_iteration_stays_on_the_device(labelled: Path) -> None:
    torch.manual_seed(0)
    pack, method = Pack(labelled), Galatea(ALL_TOLD, SIZE)
    method.make_optimizers(1e-4)
    method.start_average()
    for optimizer in method.optimizers.values():
        optimizer.step = lambda *_: None  # type: ignore[method-assign, assignment]  # Adam is capturable on CUDA alone
    known = annotations(pack, method, torch.device("cpu"))
    training_step = TrainingStep(method, torch.from_numpy(np.array(pack.images)), 2, Speed(), *known)
    sampler = Sampler(*(pack.rows(d, "train") for d in ("anime", "real")), 2, seed=1)
    training_step.step(sampler.draw(0), 1e-4, [0.1])
    with OnTheDeviceAlone() as noted:
        training_step._body()
    assert noted.seen == []


@pytest.mark.usefixtures("_one_bundle")
def test_a_run_leaves_a_bundle_that_is_told(labelled: Path, tmp_path: Path) -> None:
    config = TrainConfig("galatea", ALL_TOLD, Budget(pairs=4), samples=1)
    status = train(config, labelled, tmp_path / "run", PLAIN)
    bundle = read(status.bundles[0])
    assert bundle.conditions == ("who",)
    assert bundle.ages == (20, 70)  # those of the pack
    assert len(list((tmp_path / "run" / "samples").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"who": True}, "has no labels, which who needs"),
        ({"mask_margins": True}, "does not know where its files end"),
    ],
)
def test_a_pack_that_does_not_know_is_refused(toy: Toy, tmp_path: Path, options: dict[str, bool], message: str) -> None:
    pack = Pack(with_landmarks(toy.pack, tmp_path / "pack"))
    with pytest.raises(TrainError, match=message):
        resolved(replace(GalateaConfig(), **options), pack)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator": "resnet", "who": True}, "of the generator ugatit"),
        ({"generator": "resnet", "decoder": "pixels"}, "of the generator ugatit"),
        ({"style_weight": 1.0, "who": True}, "--style-weight goes neither with who"),
        ({"decoder": "pixels", "unshuffle": 1}, "wants unshuffle 2, not 1"),
        ({"expressions": True}, "give --set who=true, too"),
        ({"hard_inputs": 1.5}, "hard_inputs goes from 0 to 1"),
        ({"decoder": "lines"}, "decoder is shuffle or pixels, not lines"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(TrainError, match=message):
        GalateaConfig(**options)  # type: ignore[arg-type]
