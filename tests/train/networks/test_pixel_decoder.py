"""The decoder that draws pixels."""

import torch
import torch.nn.functional as F
from tensors import channels_last, noise

from anime2real.train.networks.pixel_decoder import PixelDecoder, PixelGenerator, by_slices, doubled


def test_doubling_by_slices_is_torchs() -> None:
    x = channels_last(noise(2, 8, 5, 7)).requires_grad_()
    wanted = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(by_slices(x), wanted)
    torch.testing.assert_close(doubled(x), wanted)
    weight = channels_last(noise(*wanted.shape, seed=1))
    one, two = (torch.autograd.grad(y, x, weight)[0] for y in (by_slices(x), wanted))
    torch.testing.assert_close(one, two)
    assert one.stride() == x.stride()


def test_its_blocks_begin_as_nothing() -> None:
    torch.manual_seed(0)
    decoder, x = PixelDecoder(8, 8), torch.randn(1, 32, 4, 4)
    before = decoder(x)
    with torch.no_grad():
        decoder.block1.first.weight.add_(1.0)
    assert before.shape == (1, 3, 32, 32)
    assert torch.equal(decoder(x), before)


def test_all_four_phases_of_a_plain_code_are_drawn_alike() -> None:
    """No lattice: what a shuffling decoder draws of a plain code differs from pixel to pixel."""
    torch.manual_seed(0)
    generator = PixelGenerator(64, 8, 2).eval()
    with torch.inference_mode():
        drawn = generator(torch.full((1, 3, 64, 64), 0.3))
    middle = drawn[:, :, 16:-16, 16:-16]
    assert (middle - middle.mean((2, 3), keepdim=True)).abs().max() < 1e-4
