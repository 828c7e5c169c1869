"""U-GAT-IT's norms and attention against its equations, and its step against its losses written out plainly."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toys import SIZE, TINY

from anime2real.train.batch import Batch
from anime2real.train.export.comparison import LIMIT
from anime2real.train.export.to_onnx import export_checked
from anime2real.train.losses.adversarial import cam_loss
from anime2real.train.methods.options import UGATITConfig
from anime2real.train.methods.ugatit import UGATIT
from anime2real.train.networks.resnet import InstanceNorm
from anime2real.train.networks.ugatit import (
    ADAPTIVE_RHO,
    AdaptiveLayerInstanceNorm,
    Attention,
    LayerInstanceNorm,
    UGATITGenerator,
    clip_rho,
)
from anime2real.train.networks.ugatit_discriminator import CAMDiscriminator, SpectralConvolution, min_side
from anime2real.train.random_numbers import COLUMNS, RandomNumbers
from anime2real.train.run.config import TrainError

FULL = replace(TINY["ugatit"], light=False)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def batch(count: int = 2) -> Batch:
    return Batch(
        numbers(count, 3, SIZE, SIZE).tanh(),
        numbers(count, 3, SIZE, SIZE, seed=1).tanh(),
        RandomNumbers(torch.zeros(count, COLUMNS)),
    )


def method(config: UGATITConfig = TINY["ugatit"], learning_rate: float = 1e-3) -> UGATIT:
    torch.manual_seed(0)
    made = UGATIT(config, SIZE)
    made.make_optimizers(learning_rate)
    made.start_average()
    return made


def equation1(x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """As the paper writes it, in float64, one picture and one channel after another."""
    x, rho, gamma, beta = (value.detach().double() for value in (x, rho, gamma, beta))
    result = torch.empty_like(x)
    for n, picture in enumerate(x):
        of_layer = (picture - picture.mean()) / (picture.var(correction=0) + 1e-5).sqrt()
        for c, channel in enumerate(picture):
            of_instance = (channel - channel.mean()) / (channel.var(correction=0) + 1e-5).sqrt()
            result[n, c] = gamma[n, c] * (rho[c] * of_instance + (1 - rho[c]) * of_layer[c]) + beta[n, c]
    return result


def test_adalin_is_equation_1() -> None:
    norm = AdaptiveLayerInstanceNorm(5)
    assert (norm.rho == ADAPTIVE_RHO).all()
    x = numbers(3, 5, 6, 7) * torch.tensor([0.5, 1, 2, 3, 4])[:, None, None] + torch.arange(5.0)[:, None, None]
    gamma, beta = numbers(3, 5, seed=1), numbers(3, 5, seed=2)
    for rho in (norm.rho.detach().clone(), torch.linspace(0, 1, 5)):
        norm.rho.data.copy_(rho)
        expected = equation1(x, norm.rho, gamma, beta)
        torch.testing.assert_close(norm(x, gamma, beta).double(), expected, atol=1e-5, rtol=1e-5)


def test_lin_is_equation_1_with_a_scale_and_a_shift_of_its_own() -> None:
    norm = LayerInstanceNorm(5)
    x = numbers(2, 5, 6, 7) * 2 + 1
    torch.testing.assert_close(norm(x), F.layer_norm(x, x.shape[1:]), atol=1e-5, rtol=1e-5)  # rho starts at 0
    for parameter, value in zip(
        (norm.rho, norm.gamma, norm.beta), numbers(3, 5, seed=3).abs().clamp_max(1), strict=True
    ):
        parameter.data.copy_(value)
    expected = equation1(x, norm.rho, norm.gamma.expand(2, -1), norm.beta.expand(2, -1))
    torch.testing.assert_close(norm(x).double(), expected, atol=1e-5, rtol=1e-5)
    norm.rho.data.fill_(1.0)
    norm.gamma.data.fill_(1.0)
    norm.beta.data.zero_()
    torch.testing.assert_close(norm(x), F.instance_norm(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("spectral", [False, True])
def test_attention_weighs_each_map_by_its_classifiers_weight(spectral: bool) -> None:
    torch.manual_seed(0)
    attention = Attention(4, slope=0.2 if spectral else 0.0, spectral=spectral)
    x = numbers(2, 4, 3, 5)
    attended, logits = attention(x)
    maps, expected = [], []
    for classifier, pooled in ((attention.average, x.mean((2, 3))), (attention.maximum, x.flatten(2).max(2).values)):
        weight = classifier.weight / (torch.linalg.svdvals(classifier.weight)[0] if spectral else 1)
        expected.append(pooled @ weight[0])
        maps.append(torch.stack([weight[0, k] * x[:, k] for k in range(4)], dim=1))
    mixed = attention.mix(torch.cat(maps, dim=1))
    torch.testing.assert_close(logits, torch.stack(expected, dim=1))
    torch.testing.assert_close(attended, F.leaky_relu(mixed, 0.2) if spectral else mixed.relu(), atol=1e-6, rtol=1e-5)
    # The weights learn both from the logits and from what they weigh.
    attention.zero_grad()
    attention(x)[0].sum().backward()
    assert attention.average.weight.grad is not None
    assert attention.average.weight.grad.any()


def test_spectral_convolution_divides_by_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    layer = SpectralConvolution(3, 8, stride=2)
    for _ in range(100):
        layer(numbers(1, 3, 8, 8))
    largest = torch.linalg.svdvals(layer.weight.flatten(1).detach())[0]
    torch.testing.assert_close(layer.normed_weight(), layer.weight / largest, atol=1e-5, rtol=1e-4)
    settled = layer.left.clone()
    layer.weight.data.add_(numbers(8, 3, 4, 4, seed=4))
    layer.eval()(numbers(1, 3, 8, 8))
    assert torch.equal(layer.left, settled)  # only training moves it
    layer.train()(numbers(1, 3, 8, 8))
    assert not torch.equal(layer.left, settled)
    # The gradient is torch's own for the same vectors: the singular vectors are constants.
    weight = layer.weight.detach().double().requires_grad_()
    with torch.no_grad():
        right = F.normalize(weight.flatten(1).T @ layer.left.double(), dim=0)
        left = F.normalize(weight.flatten(1) @ right, dim=0)
    (weight / (left @ weight.flatten(1) @ right)).square().sum().backward()
    layer.zero_grad()
    layer.normed_weight().square().sum().backward()
    torch.testing.assert_close(layer.weight.grad.double(), weight.grad, atol=1e-4, rtol=1e-4)


def test_rho_is_clipped_in_place_and_after_every_step() -> None:
    network = UGATITGenerator(SIZE, 8, 1)
    norms = [m for m in network.modules() if hasattr(m, "rho")]
    assert len(norms) == 4
    for norm in norms:
        norm.rho.data.copy_(torch.linspace(-0.5, 1.5, len(norm.rho)))
    places = [norm.rho.data_ptr() for norm in norms]
    clip_rho(network)
    assert [norm.rho.data_ptr() for norm in norms] == places
    assert all(norm.rho.min() == 0 and norm.rho.max() == 1 and norm.rho.requires_grad for norm in norms)
    trained = method(learning_rate=0.5)  # far enough to leave [0, 1] at once
    trained.step(batch())
    for generator in (trained.to_real, trained.to_anime):
        rhos = torch.cat([m.rho.detach() for m in generator.modules() if hasattr(m, "rho")])
        assert ((rhos >= 0) & (rhos <= 1)).all()
        assert ((rhos == 0) | (rhos == 1)).any()


def gradients(network: nn.Module) -> list[Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in network.parameters()]


def same(one: list[Tensor | None], two: list[Tensor | None]) -> bool:
    return all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(one, two, strict=True)
    )


def test_the_two_steps_leave_each_others_gradients_and_weights_alone() -> None:
    trained = method()
    data = batch()
    generators = nn.ModuleList([trained.to_real, trained.to_anime])
    discriminators = nn.ModuleList([trained.discriminator_real, trained.discriminator_anime])
    trained.step(data)  # so that all have gradients

    made = trained._translate(data)
    before, weights, own = gradients(generators), copy.deepcopy(generators.state_dict()), gradients(discriminators)
    trained._discriminator_step(data, made.fake_real.detach(), made.fake_anime.detach())
    assert same(before, gradients(generators))
    assert all(torch.equal(value, weights[key]) for key, value in generators.state_dict().items())
    assert not same(own, gradients(discriminators))

    before, weights = gradients(discriminators), {k: p.detach().clone() for k, p in discriminators.named_parameters()}
    own = gradients(generators)
    trained._generator_step(data, made)
    assert same(before, gradients(discriminators))
    assert all(torch.equal(p, weights[k]) for k, p in discriminators.named_parameters())
    assert all(p.requires_grad for p in discriminators.parameters())
    assert not same(own, gradients(generators))


@pytest.mark.parametrize("config", [TINY["ugatit"], FULL], ids=["light", "full"])
def test_a_step_follows_the_losses_written_out_plainly(config: UGATITConfig) -> None:
    trained = method(config, learning_rate=0.0)
    plain = copy.deepcopy(trained)
    data = batch()
    losses = trained.step(data)
    assert set(losses) == {"adversarial", "cycle", "identity", "cam", "discriminator_real", "discriminator_anime"}
    assert all(value.isfinite() for value in losses.values())

    def scores_of(discriminator: nn.Module, image: Tensor) -> list[Tensor]:
        scores: list[Tensor] = discriminator(image)
        return scores

    mse, l1, bce = F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits
    fake_real, source_anime = plain.to_real.classified(data.anime)
    same_real, target_real = plain.to_real.classified(data.real)
    fake_anime, source_real = plain.to_anime.classified(data.real)
    same_anime, target_anime = plain.to_anime.classified(data.anime)
    judged = torch.zeros(())
    for discriminator, real, fake in (
        (plain.discriminator_real, data.real, fake_real),
        (plain.discriminator_anime, data.anime, fake_anime),
    ):
        for scores in scores_of(discriminator, torch.cat([real, fake.detach()])):
            judged = (
                judged + mse(scores[:2], torch.ones_like(scores[:2])) + mse(scores[2:], torch.zeros_like(scores[2:]))
            )
    judged.backward()
    torch.testing.assert_close(losses["discriminator_real"] + losses["discriminator_anime"], judged.detach())
    for mine, theirs in (
        (trained.discriminator_real, plain.discriminator_real),
        (trained.discriminator_anime, plain.discriminator_anime),
    ):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=1e-4)

    adversarial = torch.zeros(())
    for discriminator, fake in ((plain.discriminator_real, fake_real), (plain.discriminator_anime, fake_anime)):
        adversarial = adversarial + sum(mse(s, torch.ones_like(s)) for s in scores_of(discriminator, fake))
    cycle = l1(plain.to_real(fake_anime), data.real) + l1(plain.to_anime(fake_real), data.anime)
    identity = l1(same_real, data.real) + l1(same_anime, data.anime)
    ones, zeros = torch.ones(2, 2), torch.zeros(2, 2)
    cam = bce(source_anime, ones) + bce(target_real, zeros) + bce(source_real, ones) + bce(target_anime, zeros)
    for name, value in {"adversarial": adversarial, "cycle": cycle, "identity": identity, "cam": cam}.items():
        torch.testing.assert_close(losses[name], value.detach())
    (adversarial + 10 * cycle + 10 * identity + 1000 * cam).backward()
    for mine, theirs in ((trained.to_real, plain.to_real), (trained.to_anime, plain.to_anime)):
        for (name, a), b in zip(mine.named_parameters(), theirs.parameters(), strict=True):
            difference = (a.grad - b.grad).norm() / b.grad.norm().clamp_min(1e-12)
            assert difference < 1e-3 or b.grad.norm() < 1e-6, name


def test_the_published_weights_are_the_defaults() -> None:
    config = UGATITConfig()
    weights = (config.adversarial_weight, config.cycle_weight, config.identity_weight, config.cam_weight)
    assert weights == (1, 10, 10, 1000)
    assert (config.learning_rate, config.weight_decay) == (1e-4, 1e-4)
    for optimizer in method().optimizers.values():
        assert {(g["betas"], g["weight_decay"]) for g in optimizer.param_groups} == {((0.5, 0.999), 1e-4)}


def test_the_classifiers_loss_is_small_where_they_are_right() -> None:
    right = torch.tensor([[9.0, 9.0], [-9.0, -9.0]])
    assert cam_loss(right) < 1e-3
    assert cam_loss(-right) > 10


def test_its_classifiers_learn_to_tell_the_domains_apart() -> None:
    trained = method(learning_rate=2e-3)
    anime, real = numbers(2, 3, SIZE, SIZE) * 0.2 - 0.6, numbers(2, 3, SIZE, SIZE, seed=1) * 0.2 + 0.6
    data = Batch(anime, real, RandomNumbers(torch.zeros(2, COLUMNS)))
    losses = [float(trained.step(data)["cam"]) for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_published_networks_are_as_large_as_the_authors() -> None:
    """Counted without memory; the numbers are those of the authors' layers, rho and all."""
    with torch.device("meta"):
        light, full = UGATITGenerator(256), UGATITGenerator(256, light=False)
    w, c = 64, 256
    convolutions = (
        3 * w * 49 + w * 2 * w * 9 + 2 * w * c * 9 + 16 * c * c * 9 + c * 2 * w * 9 + 2 * w * w * 9 + w * 3 * 49
    )
    rest = 2 * c + 2 * c * c + c + 4 * 2 * c + 3 * (2 * w + w)  # classifiers, mix, AdaLIN's rho, LIN
    assert sum(p.numel() for p in light.parameters()) == convolutions + rest + 4 * c * c
    assert sum(p.numel() for p in full.parameters()) == convolutions + rest + 3 * c * c + 64 * 64 * c * c
    assert [layer.out_channels for layer in CAMDiscriminator(8, 7).convolutions] == [8, 16, 32, 64, 128, 256]
    assert min_side(7) == 96
    scores, logits = CAMDiscriminator(2, 7)(numbers(1, 3, 96, 96))
    assert scores.shape == (1, 1, 1, 1)
    assert logits.shape == (1, 2)


def test_pictures_too_small_for_the_discriminators_are_refused() -> None:
    with pytest.raises(TrainError, match=r"7 layers needs pictures of 96 px, not 32: set --global-layers lower"):
        UGATIT(UGATITConfig(), SIZE)


def test_a_training_whose_bundle_would_be_refused_does_not_start() -> None:
    with pytest.raises(TrainError, match=r"full version of width 64 for 256 px does not fit a bundle.* 512 MB"):
        UGATIT(UGATITConfig(light=False), 256)


@pytest.mark.parametrize("light", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["light", "full"])
def test_the_file_draws_the_modules_pictures(light: bool, capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    network = UGATITGenerator(SIZE, 16, 1, light)
    with torch.no_grad():  # as if trained: every part shows in the picture
        for part in network.modules():
            if isinstance(part, nn.Linear):
                part.weight.mul_(5)
            if hasattr(part, "rho"):
                part.rho.uniform_()
    file, report = export_checked(network, SIZE)
    assert capfd.readouterr() == ("", "")
    assert report.weights == "fp16"
    assert report.difference <= LIMIT
    assert len(file) < 2.4 * sum(p.numel() for p in network.parameters()) + 100_000


def test_both_directions_come_from_one_run_and_are_averages() -> None:
    trained = method()
    first = copy.deepcopy(trained.average.state_dict())
    trained.step(batch())
    trained.update_average(torch.tensor([0.5]))
    translators = {(p.source, p.target): p.module for p in trained.translators()}
    assert set(translators) == {("anime", "real"), ("real", "anime")}
    assert translators["anime", "real"] is trained.average["to_real"]
    for name in ("to_real", "to_anime"):
        network, average = getattr(trained, name), trained.average[name]
        for key, value in average.named_parameters():
            expected = (first[f"{name}.{key}"] + network.get_parameter(key)) / 2
            torch.testing.assert_close(value, expected.detach())
            assert value.data_ptr() != network.get_parameter(key).data_ptr()


@torch.no_grad()
def test_the_norms_take_their_moments_in_full_precision() -> None:
    """Far from zero, where moments in half precision would be noise: what is left is the rounding of the result."""
    x = (numbers(2, 8, 16, 16) + 30.0).bfloat16()
    norm = AdaptiveLayerInstanceNorm(8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, plain = norm(x, torch.ones(2, 8), torch.zeros(2, 8)), InstanceNorm()(x)
    assert half.dtype == plain.dtype == torch.bfloat16
    whole = equation1(x, norm.rho, torch.ones(2, 8), torch.zeros(2, 8))
    assert (half - whole).abs().max() < 0.02
    assert (plain - F.instance_norm(x.double())).abs().max() < 0.02


def test_mixed_precision_keeps_the_spectral_norm_and_the_classifiers_whole() -> None:
    trained = method()
    trained.precision = torch.bfloat16
    layer = trained.discriminator_real.local_discriminator.convolutions[0]
    assert isinstance(layer, SpectralConvolution)
    with trained.autocast():
        assert layer.normed_weight().dtype == torch.float32  # until the convolution rounds it
        assert trained.to_real.classified(batch().anime)[1].dtype == torch.float32
    assert all(value.isfinite() for value in trained.step(batch()).values())
