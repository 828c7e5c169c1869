"""What `galatea` promises of its discriminators, its generators and their steps."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import SIZE, TINY, batch

from anime2real.bundle.format import STYLE
from anime2real.domain import DOMAINS
from anime2real.face.geometry import TEMPLATE
from anime2real.train.losses.adversarial import cam_loss, worst_patch
from anime2real.train.losses.cycle import cycle_distance
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_discriminators import Seen
from anime2real.train.methods.galatea_networks import cam_discriminators
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.galatea_results import chosen_results
from anime2real.train.networks.ugatit import UGATITGenerator
from anime2real.train.run.config import TrainError


def test_galateas_steps_leave_each_other_alone() -> None:
    torch.manual_seed(0)
    method = Galatea(TINY["galatea"], SIZE)
    method.make_optimizers(1e-3)
    data = batch(2)
    generators, discriminators = (
        [method.to_real, method.to_anime],
        [method.feature_discriminators, method.patch_discriminators],
    )

    def weights(networks: list[torch.nn.Module]) -> list[torch.Tensor]:
        return [p.detach().clone() for network in networks for p in network.parameters()]

    def moved(before: list[torch.Tensor], networks: list[torch.nn.Module]) -> bool:
        return any(not torch.equal(a, b) for a, b in zip(before, weights(networks), strict=True))

    before = weights(generators), weights(discriminators)
    losses, results = method._generator_step(data)
    assert moved(before[0], generators)
    assert not moved(before[1], discriminators)
    assert set(losses) == {"adversarial", "cycle", "identity", "patch"}
    before = weights(generators), weights(discriminators)
    method._discriminator_step(data, results)
    assert not moved(before[0], generators)
    assert moved(before[1], discriminators)
    # The projections were drawn once, the features were learned elsewhere.
    learns = {name for name, p in method.feature_discriminators["real"].named_parameters() if p.requires_grad}
    assert all(name.startswith("heads.") for name in learns)


def test_galateas_further_discriminators_look_at_the_details_and_leave_the_generators_alone() -> None:
    torch.manual_seed(0)
    method = Galatea(replace(TINY["galatea"], detail_weight=0.5, worst_patch_weight=0.1), SIZE)
    method.make_optimizers(1e-3)
    data = batch(2)
    points = torch.from_numpy(TEMPLATE).float() * 2 - 1
    data = replace(data, anime_landmarks=points.expand(2, 5, 2), real_landmarks=points.expand(2, 5, 2))
    assert set(method.detail_discriminators) == {"real_eyes", "real_mouth", "anime_eyes", "anime_mouth"}
    discriminators = [p.detach().clone() for p in method.detail_discriminators.parameters()]
    _, results = method._generator_step(data)
    fake_real = results["real"].image
    assert all(
        torch.equal(a, b) for a, b in zip(discriminators, method.detail_discriminators.parameters(), strict=True)
    )
    generators = [p.detach().clone() for p in method.to_real.parameters()]
    assert method._discriminator_step(data, results)["discriminator_detail"] > 0
    assert all(torch.equal(a, b) for a, b in zip(generators, method.to_real.parameters(), strict=True))
    for name, discriminator in method.detail_discriminators.items():
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in discriminator.parameters()), name
    # What lies at no detail does not move the loss; what lies at the eyes does.
    corner, eyes = fake_real.clone(), fake_real.clone()
    corner[:, :, :4, :4] += 0.5
    eyes[:, :, 13:17] += 0.5
    numbers = data.numbers.augmentation(0)
    scores = method.discriminators.scores
    plain, same, other = (
        scores(dict.fromkeys(DOMAINS, Seen(image, numbers, points.expand(2, 5, 2))))["real_eyes"]()
        for image in (fake_real, corner, eyes)
    )
    assert torch.equal(plain, same)
    assert not torch.equal(plain, other)


def test_galatea_trains_u_gat_its_generators_and_their_classifiers() -> None:
    torch.manual_seed(0)
    options = replace(TINY["galatea"], generator="ugatit", blocks=3, style_weight=1.0, unshuffle=2)
    method = Galatea(options, SIZE)
    assert isinstance(method.to_real, UGATITGenerator)
    assert len(method.to_real.blocks) == len(method.to_real.adaptive_blocks) == 1
    method.make_optimizers(1e-2)
    with torch.no_grad():
        for norm in (m for m in method.to_real.modules() if hasattr(m, "rho")):
            norm.rho.fill_(1.0)
    data = batch(4)
    data = replace(data, real=data.real * 0.2 + 0.7)
    logits = [method.to_real.classified(torch.cat([data.anime, data.real]), torch.zeros(8, STYLE))[1]]
    logits += [method.to_anime.classified(torch.cat([data.real, data.anime]), torch.zeros(8, STYLE))[1]]
    losses = method.step(data)
    torch.testing.assert_close(losses["cam"], cam_loss(logits[0]) + cam_loss(logits[1]), atol=1e-5, rtol=1e-5)
    for _ in range(12):
        last = method.step(data)["cam"]
    assert last < 0.5 * losses["cam"]  # they tell the two apart
    rhos = [m.rho for m in method.to_real.modules() if hasattr(m, "rho")]
    assert all(((rho >= 0) & (rho <= 1)).all() for rho in rhos)
    with torch.inference_mode():
        usual, other = (method.to_real(data.anime, torch.full((4, STYLE), value)) for value in (0.0, 2.0))
    assert not torch.equal(usual, other)


def test_galateas_cam_discriminators_see_the_whole_picture_and_leave_the_generators_alone() -> None:
    torch.manual_seed(0)
    method = Galatea(replace(TINY["galatea"], cam_discriminator_weight=0.5), SIZE)
    method.make_optimizers(1e-3)
    data = batch(2)
    before = [p.detach().clone() for p in method.cam_discriminators.parameters()]
    with torch.no_grad():
        expected = sum(
            (score - 1).square().mean()
            for discriminator, image in (("real", method.to_real(data.anime)), ("anime", method.to_anime(data.real)))
            for score in copy.deepcopy(method.cam_discriminators[discriminator])(image)
        )
    losses, results = method._generator_step(data)
    torch.testing.assert_close(losses["cam_discriminator"], torch.as_tensor(expected), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(before, method.cam_discriminators.parameters(), strict=True))
    generators = [p.detach().clone() for p in method.to_real.parameters()]
    assert method._discriminator_step(data, results)["discriminator_cam"] > 0
    assert all(torch.equal(a, b) for a, b in zip(generators, method.to_real.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before, method.cam_discriminators.parameters(), strict=True))
    # As deep as published where there is room; larger pictures are reduced first.
    for side, layers in ((128, (5, 7)), (32, (5, 5)), (16, (4, 4))):
        pair = cam_discriminators(side, 8)
        assert (
            tuple(
                len(discriminator.convolutions) + 1
                for discriminator in (pair.local_discriminator, pair.global_discriminator)
            )
            == layers
        )
    large = Galatea(replace(TINY["galatea"], cam_discriminator_weight=0.5), 256)
    assert large.reduction == 2
    seen = torch.cat([fake.repeat(1, 1, 8, 8) for fake in (results["real"].image[:1], results["anime"].image[:1])])
    halved = copy.deepcopy(large.cam_discriminators["real"])(F.avg_pool2d(seen, 2))
    works = large.discriminators.scores(dict.fromkeys(DOMAINS, Seen(seen, data.numbers.augmentation(0), None)))
    for score, wanted in zip(works["cam_real"](), halved, strict=True):
        torch.testing.assert_close(score, wanted)
    with pytest.raises(TrainError, match="cam_discriminator_weight needs pictures of at least"):
        cam_discriminators(4, 8)


def test_discriminators_see_pictures_that_came_back_in_place_of_a_share_of_the_translations() -> None:
    torch.manual_seed(0)
    method = Galatea(replace(TINY["galatea"], returned_share=0.5), SIZE)
    method.make_optimizers(1e-3)
    data = batch(8)
    ones = torch.ones(8, 5, 2)
    data = replace(data, anime_landmarks=ones, real_landmarks=-ones)
    with torch.no_grad():
        fake_real, fake_anime = method.to_real(data.anime), method.to_anime(data.real)
        came_back = {"real": method.to_real(fake_anime), "anime": method.to_anime(fake_real)}
    _, results = method._generator_step(data)
    for domain, fake, own in (("real", fake_real, -ones), ("anime", fake_anime, ones)):
        of = results[domain]
        for place, returned in enumerate([False, False, True, True] * 2):
            torch.testing.assert_close(of.image[place], (came_back[domain] if returned else fake)[place])
            assert torch.equal(of.landmarks[place], (own if returned else -own)[place])  # where its eyes are
        assert not of.image.requires_grad
    assert torch.equal(results["real"].landmarks.sum((1, 2)).sign(), torch.tensor([1.0, 1, -1, -1] * 2))


def test_who_is_asked_for_is_seen_whether_it_came_back_or_not() -> None:
    data = batch(8)
    who = torch.tensor([[1.0, 0.3]]).expand(8, 2)
    data = replace(data, anime_who=-who, real_who=who)
    config = replace(TINY["galatea"], generator="ugatit", blocks=2, who=True, returned_share=0.5)
    zeros = torch.zeros(8, 3, SIZE, SIZE)
    results = chosen_results(config, data, {"real": zeros, "anime": zeros}, {"real": zeros, "anime": zeros})
    # Every other translation shows whom its drawing does, or whom a photograph does; what came back, always its own.
    assert results["real"].who[:, 0].tolist() == [-1, 1, 1, 1, -1, 1, 1, 1]
    assert results["anime"].who[:, 0].tolist() == [1, -1, -1, -1, 1, -1, -1, -1]


def test_the_cycle_may_compare_cells_instead_of_pixels() -> None:
    torch.manual_seed(0)
    before = torch.rand(2, 3, 16, 16) * 2 - 1
    rows = torch.arange(16)[:, None] % 2 * 2.0 - 1
    stripes = before + 0.25 * rows  # other details, the same colours
    assert cycle_distance(before, stripes) == pytest.approx(0.25)
    assert cycle_distance(before, stripes, 8) == pytest.approx(0, abs=1e-6)
    assert cycle_distance(before, before + 0.5, 8) == pytest.approx(0.5)
    with pytest.raises(TrainError, match="cycle_cell 3 does not divide"):
        Galatea(replace(TINY["galatea"], cycle_cell=3), SIZE)
    with pytest.raises(TrainError, match="cycle_cell is 1 or more"):
        GalateaConfig(cycle_cell=0)
    with pytest.raises(TrainError, match="returned_share goes from 0 to 1"):
        GalateaConfig(returned_share=1.5)


def test_galateas_other_generator_refuses_what_it_cannot_do() -> None:
    with pytest.raises(TrainError, match="generator is resnet or ugatit"):
        GalateaConfig(generator="unet")  # type: ignore[arg-type]
    with pytest.raises(TrainError, match="at least 2 --blocks"):
        GalateaConfig(generator="ugatit", blocks=1)


def test_galatea_without_patches_has_none() -> None:
    method = Galatea(replace(TINY["galatea"], patch_weight=0.0), SIZE)
    method.make_optimizers(1e-3)
    assert not any("patch" in name for name in method.step(batch(2)))


def test_the_worst_patch_has_a_loss_of_its_own() -> None:
    scores = torch.full((2, 1, 4, 4), 1.0)
    scores[0, 0, 1, 2] = -2.0
    scores[1, 0, 3, 3] = 0.0
    scores.requires_grad_()
    loss = worst_patch(scores)
    assert loss.item() == pytest.approx((9 + 1) / 2)
    loss.backward()
    assert scores.grad is not None
    assert scores.grad.nonzero().tolist() == [[0, 0, 1, 2], [1, 0, 3, 3]]
    with pytest.raises(TrainError, match="patch_weight"):
        GalateaConfig(worst_patch_weight=0.1, patch_weight=0.0)


def test_frozen_features_are_rounded_once_and_come_as_near_to_exact_ones_as_by_autocast() -> None:
    pytest.importorskip("triton")
    method = Galatea(TINY["galatea"], SIZE)
    kept = set(method.state_dict())
    image = torch.rand(1, 3, SIZE, SIZE) * 2 - 1
    exact = method.features(image)
    method.precision = torch.bfloat16
    with method.autocast():
        before = method.features(image)
        method.accelerate()
        after = method.feature_discriminators["anime"].features(image)
    assert {value.dtype for value in method.feature_discriminators["anime"].features.buffers()} == {torch.bfloat16}
    for wanted, one, two in zip(exact, before, after, strict=True):
        assert two.dtype == torch.bfloat16
        # An interpreted kernel cuts numbers off where a GPU rounds them.
        assert (two - wanted).norm() < 2.0 * (one - wanted).norm()
    assert method.feature_discriminators["real"].heads[0][0].bias.dtype == torch.float32  # what learns stays as it is
    assert set(method.state_dict()) == kept  # and none of it is in checkpoints
