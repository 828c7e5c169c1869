"""Rearranged convolutions against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from tensors import channels_last, noise

from anime2real.train.accelerated.convolutions import (
    head,
    in_blocks,
    kernel_on_blocks,
    padded_by_reflection,
    shifted_kernels,
)


@pytest.mark.parametrize("block", [2, 4])
def test_a_convolution_on_blocks_is_one_on_pixels(block: int) -> None:
    x, weight = noise(2, 3, 22, 30), noise(5, 3, 7, 7)
    wanted = F.conv2d(x, weight)
    rest = -x.shape[2] % block, -x.shape[3] % block
    blocks = in_blocks(F.pad(x, (0, rest[1], 0, rest[0])), block)
    kernel = kernel_on_blocks(shifted_kernels(weight, block), block, blocks.shape[1] // block**2)
    ours = F.conv2d(blocks, kernel)
    n, _, rows, columns = ours.shape
    ours = ours.view(n, block, block, 5, rows, columns).permute(0, 3, 4, 1, 5, 2)
    ours = ours.reshape(n, 5, rows * block, columns * block)
    torch.testing.assert_close(ours, wanted[:, :, : ours.shape[2], : ours.shape[3]], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("block", [2, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_the_head_on_blocks_is_a_convolution(block: int, bias: bool) -> None:
    x, weight = noise(2, 8, 14, 22), noise(3, 8, 7, 7)
    offset = noise(3) if bias else None
    rest = -x.shape[2] % block, -x.shape[3] % block
    ours = head(in_blocks(F.pad(x, (0, rest[1], 0, rest[0])), block), weight, offset, block)
    torch.testing.assert_close(ours[:, :, :8, :16], F.conv2d(x, weight, offset), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("pictures", [1, 2])
def test_reflection_by_addition_is_torchs(pictures: int) -> None:
    x = noise(pictures, 3, 8, 10).requires_grad_()
    ours, wanted = padded_by_reflection(x, 3), F.pad(x, (3, 3, 3, 3), mode="reflect")
    assert torch.equal(ours, wanted)
    weight = noise(*wanted.shape, seed=1)
    weight, kept = channels_last(weight), weight.clone()
    one, two = (torch.autograd.grad(y, x, weight)[0] for y in (ours, wanted))
    torch.testing.assert_close(one, two)
    assert torch.equal(weight, kept)
