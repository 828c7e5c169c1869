"""The hair's loss in one kernel each way against the plain one."""

import pytest
import torch
from tensors import channels_last, noise

pytest.importorskip("triton")

from anime2real.train.accelerated import colours, fused_functions
from anime2real.train.hair_recolouring import lab_to_rgb, rgb_to_lab
from anime2real.train.losses.hair_colour import cell_differences, hair_distance


@pytest.mark.parametrize("layout", ["channels last", "contiguous", "bf16"])
def test_the_fused_differences_are_the_differences(layout: str) -> None:
    before, after = (0.6 * noise(2, 3, 32, 32, seed=seed) for seed in (1, 2))  # some of it beyond [-1, 1]
    after = channels_last(after) if layout != "contiguous" else after
    mask = noise(2, 1, 32, 32, seed=3).clamp(0, 1)
    if layout == "bf16":
        before, after = before.bfloat16(), after.bfloat16()
    found = []
    for fused in (False, True):
        x = after.clone().requires_grad_()
        with fused_functions(fused):
            apart = cell_differences(before, x, mask, 8)
        (apart * noise(2, 3, 4, 4, seed=4)).sum().backward()
        assert x.grad is not None
        found.append([apart.detach(), x.grad.float()])
    for wanted, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-3 if layout != "bf16" else 0.02, rtol=1e-3)


@pytest.mark.parametrize("layout", ["channels last", "contiguous", "a part"])
def test_fused_colours_are_the_colours(layout: str) -> None:
    image = 0.7 * noise(2, 3, 12, 20)  # some of it beyond [-1, 1]
    image = channels_last(image) if layout == "channels last" else image
    found = []
    for fused in (False, True):
        x = image.clone().requires_grad_()
        with fused_functions(fused):
            lab = rgb_to_lab(x[:, :, 2:9, 3:] if layout == "a part" else x)
        (lab * noise(*lab.shape, seed=4)).sum().backward()
        assert x.grad is not None
        found.append([lab.detach(), x.grad])
    for wanted, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-3, rtol=1e-3)


def test_fused_colours_lead_back() -> None:
    lab = torch.cat([40 * noise(2, 1, 16, 20).abs(), 40 * noise(2, 2, 16, 20, seed=2)], 1)  # many beyond the gamut
    wanted = lab_to_rgb(lab)
    with fused_functions(True):
        torch.testing.assert_close(lab_to_rgb(lab), wanted, atol=1e-4, rtol=1e-4)
        assert lab_to_rgb(lab.requires_grad_()).requires_grad  # torch's, where a gradient is wanted


def test_small_cells_are_torchs() -> None:
    before, after = noise(2, 3, 32, 32).tanh(), noise(2, 3, 32, 32, seed=2).tanh()
    assert colours.has_cells(before, 8)
    assert not colours.has_cells(before, 2)
    mask = torch.ones(2, 1, 32, 32, device=before.device)
    wanted = hair_distance(before, after, mask)[0]
    with fused_functions(True):
        torch.testing.assert_close(hair_distance(before, after, mask)[0], wanted, atol=1e-4, rtol=1e-4)
