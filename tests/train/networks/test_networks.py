"""The networks are what their papers say: sizes, ranges, what they see."""

import pytest
import torch
import torch.nn.functional as F

from anime2real.train.augment import augmented, cutout, shifted
from anime2real.train.networks.autoencoder import ConvolutionalAutoencoder
from anime2real.train.networks.efficientnet import CHANNELS, LiteFeatures, pretrained
from anime2real.train.networks.patch import PatchDiscriminator
from anime2real.train.networks.projected import ProjectedDiscriminator, discriminator_loss, generator_loss
from anime2real.train.networks.resnet import (
    InstanceNorm,
    ResizeConvolution,
    ResNetGenerator,
    WideConvolution,
)
from anime2real.train.random_numbers import AUGMENTATION


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reflects", [False, True])
def test_resize_convolution_is_doubling_then_convolving(bias: bool, reflects: bool) -> None:
    layer = ResizeConvolution(5, 7, bias=bias, reflects=reflects)
    x = pictures(2, 5, 6, 9).requires_grad_()
    doubled = F.interpolate(x, scale_factor=2.0, mode="nearest")
    doubled = F.pad(doubled, (1, 1, 1, 1), mode="reflect" if reflects else "constant")
    weight, offset = layer.convolution.weight, layer.convolution.bias
    plain = F.conv2d(doubled, weight, offset)
    torch.testing.assert_close(layer(x), plain, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(y.square().sum(), (x, weight)) for y in (layer(x), plain)]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-4)


def test_instance_norm_is_torchs() -> None:
    x = pictures(2, 5, 8, 8) * 3 + 2
    torch.testing.assert_close(InstanceNorm()(x), F.instance_norm(x), atol=1e-5, rtol=1e-4)
    flat = torch.full((1, 1, 4, 4), 7.0)
    assert not InstanceNorm()(flat).any()


def test_a_constant_plane_vanishes_behind_the_first_norm() -> None:
    """Why a constant fourth channel cannot tell CycleGAN's generator anything."""
    layer = WideConvolution(4, 8, bias=False)
    x = pictures(1, 3, 16, 16)
    planes = [torch.cat([x, torch.full((1, 1, 16, 16), value)], dim=1) for value in (-0.7, 0.9)]
    one, two = (InstanceNorm()(layer(p)) for p in planes)
    torch.testing.assert_close(one, two, atol=1e-4, rtol=0)


def test_the_generator_keeps_the_size_and_the_range() -> None:
    network = ResNetGenerator(8, 2)
    x = pictures(2, 3, 32, 48).clamp(-1, 1)
    y = network(x)
    assert y.shape == x.shape
    assert y.abs().max() <= 1


def test_an_unshuffled_generator_is_the_generator_between_two_rearrangements() -> None:
    """With weights that look at the mean of 2×2 pixels and write four alike, it is the plain one at half the size."""
    torch.manual_seed(0)
    plain, network = ResNetGenerator(8, 2), ResNetGenerator(8, 2, unshuffle=2)
    state = plain.state_dict()
    state["encoder.stem.convolution.weight"] = state["encoder.stem.convolution.weight"].repeat_interleave(4, 1) / 4
    for name in ("weight", "bias"):
        state[f"decoder.head.convolution.{name}"] = state[f"decoder.head.convolution.{name}"].repeat_interleave(4, 0)
    network.load_state_dict(state)
    x = pictures(2, 3, 32, 48).clamp(-1, 1)
    wanted = F.interpolate(plain(F.avg_pool2d(x, 2)), scale_factor=2, mode="nearest")
    torch.testing.assert_close(network(x), wanted, atol=1e-5, rtol=1e-4)


def test_the_papers_generator_has_its_number_of_weights() -> None:
    """11.378 million with transposed convolutions and biases in zhu2017; ours drops the biases behind norms."""
    assert sum(p.numel() for p in ResNetGenerator().parameters()) == pytest.approx(11.37e6, rel=0.002)


def test_a_patch_score_sees_seventy_pixels() -> None:
    network = PatchDiscriminator(4)
    network.norm = torch.nn.Identity()  # a norm sees the whole picture
    x = pictures(1, 3, 128, 128).requires_grad_()
    scores = network(x)
    assert scores.shape == (1, 1, 14, 14)
    scores[0, 0, 7, 7].backward()
    assert x.grad is not None
    rows = x.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == 70


def test_the_autoencoder_has_no_way_around_its_code() -> None:
    network = ConvolutionalAutoencoder(8)
    y = network(pictures(1, 3, 32, 32))
    assert y.shape == (1, 3, 32, 32)
    code = pictures(1, 3, 32, 32)
    for layer in network.encoder:
        code = layer(code)
    assert code.shape == (1, 64, 2, 2)


def test_the_projected_discriminator_has_heads_at_four_scales_on_frozen_features() -> None:
    torch.manual_seed(0)
    network = ProjectedDiscriminator(16)
    x = pictures(2, 3, 128, 128).requires_grad_()
    scores = network(x)
    assert [tuple(s.shape) for s in scores] == [(2, 1, 4, 4)] * 4
    generator_loss(scores).backward()
    assert x.grad is not None
    assert x.grad.any()
    learns = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learns == {"heads"}
    assert not any(True for _ in network.features.parameters())


def test_the_folded_features_are_the_pretrained_networks() -> None:
    package, x = pretrained(), pictures(1, 3, 64, 96)
    wanted = [package._swish(package._bn0(package._conv_stem(x)))]
    for block in package._blocks:
        wanted.append(block(wanted[-1]))
    ours = LiteFeatures()(x)
    assert [f.shape[1] for f in ours] == list(CHANNELS)
    for feature in ours:
        assert any(feature.shape == w.shape and torch.allclose(feature, w, atol=1e-3) for w in wanted)


def test_hinge_losses_are_means_over_heads() -> None:
    sure, fooled = [torch.full((1, 1), 2.0)] * 4, [torch.full((1, 1), -2.0)] * 4
    assert discriminator_loss(sure, fooled) == 0
    assert discriminator_loss(fooled, sure) == 6
    assert generator_loss(sure) == -2


def test_augmentation_keeps_shapes_and_gradients() -> None:
    torch.manual_seed(0)
    x = torch.rand(3, 3, 32, 32, requires_grad=True)
    y = augmented(x, torch.rand(3, AUGMENTATION))
    assert y.shape == x.shape
    y.sum().backward()
    assert x.grad is not None
    share = (cutout(torch.ones(64, 1, 32, 32), torch.rand(64, 2)) == 0).float().mean()
    assert 0.05 < float(share) <= 0.25  # a quarter, less what falls outside
    moved = shifted(torch.ones(8, 1, 32, 32), torch.rand(8, 2))
    assert 0 < float((moved == 0).float().mean()) < 0.25
    places = torch.rand(2, 2, dtype=torch.float64)
    image = torch.rand(2, 1, 16, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda one: shifted(one, places), image)
