"""The kernel under spectral norm, in half of the passes, against the plain one."""

import copy

import pytest
import torch
from tensors import noise
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

pytest.importorskip("triton")

from anime2real.train.accelerated import accelerate
from anime2real.train.accelerated.spectral_norm import normed_weight
from anime2real.train.networks.ugatit_discriminator import SpectralConvolution


@pytest.fixture(params=[torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels last"])
def layer(request: pytest.FixtureRequest) -> SpectralConvolution:
    torch.manual_seed(0)
    convolution = SpectralConvolution(3, 8, stride=2)
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=request.param)
    return convolution


def test_the_form_is_the_plain_kernel_its_gradient_and_its_vector(layer: SpectralConvolution) -> None:
    plain = copy.deepcopy(layer)
    for _ in range(3):
        ours, wanted = normed_weight(layer), plain.normed_weight()
        torch.testing.assert_close(ours, wanted, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(layer.left, plain.left, atol=1e-6, rtol=1e-5)
    for convolution, kernel in ((layer, ours), (plain, wanted)):
        (kernel * noise(8, 3, 4, 4, seed=4).to(kernel.device)).square().sum().backward()
        assert convolution.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, atol=1e-4, rtol=1e-4)
    settled = layer.left.clone()
    normed_weight(layer.eval())
    assert torch.equal(layer.left, settled)  # only training moves it


def test_in_mixed_precision_the_result_is_rounded_and_nothing_before_it(layer: SpectralConvolution) -> None:
    layer.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = normed_weight(layer)
    assert torch.equal(rounded, normed_weight(layer).bfloat16())
    assert rounded.stride() == layer.weight.stride()
    grads = []
    for wide in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not wide):
            (normed_weight(layer).float() * 2.0).square().sum().backward()
        grads.append(layer.weight.grad)
    torch.testing.assert_close(*grads, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("module", "layout"),
    [
        (nn.Conv2d(3, 8, 4), torch.contiguous_format),
        (nn.Conv2d(3, 8, 4), torch.channels_last),
        (nn.Linear(5, 7, bias=False), torch.contiguous_format),
    ],
    ids=["contiguous", "channels last", "linear"],
)
def test_the_form_of_torchs_own_is_torchs_own(module: nn.Module, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    plain = spectral_norm(copy.deepcopy(module))
    original = plain.parametrizations.weight.original
    original.data = original.data.contiguous(memory_format=layout)
    fused = copy.deepcopy(plain)
    accelerate(fused)
    factor = noise(*original.shape, seed=4).to(original.device)
    weights = []
    for layer in (plain, fused):
        for _ in range(3):
            weight = layer.weight
        (weight * factor).square().sum().backward()
        settled = layer.eval().weight.detach()
        assert torch.equal(layer.weight, settled)  # only training moves the vectors
        norm = layer.parametrizations.weight[0]
        weights.append([weight.detach(), settled, layer.parametrizations.weight.original.grad, norm._u, norm._v])
    for wanted, ours in zip(*weights, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert fused.weight.dtype == torch.bfloat16
        torch.testing.assert_close(fused.weight.float(), settled, atol=1e-3, rtol=5e-3)
