"""The rewritten modules compute what the plain ones compute."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from anime2real.train.export.rewrites import (
    BlockedConvolution,
    OneNodeInstanceNorm,
    PatchResize,
    ReflectedPatchResize,
    rewritten,
)
from anime2real.train.export.winograd import SEEN, TILE, WinogradBlocks, reflected_places, tiled, window_places
from anime2real.train.networks.resnet import (
    Blocks,
    InstanceNorm,
    ModulatedBlock,
    ResidualBlock,
    ResizeConvolution,
    ResNetGenerator,
    WideConvolution,
)
from anime2real.train.networks.ugatit import UGATITGenerator

GENERATOR = torch.Generator().manual_seed(0)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)


def test_tiles_see_the_reflected_picture() -> None:
    """Gathering by `window_places` cuts the same tiles as padding the picture and unfolding it."""
    side = 8
    picture = noise(side, side)
    places = tiled(side)
    rows = picture.flatten()[torch.argsort(places.flatten())]
    expected = F.unfold(F.pad(picture[None, None], (1, 1, 1, 1), mode="reflect"), SEEN, stride=TILE)
    assert torch.equal(rows[window_places(reflected_places(places), SEEN, TILE)], expected[0])


@pytest.mark.parametrize("side", [4, 8, 12, 32])
def test_blocks(side: int) -> None:
    blocks = Blocks(*(ResidualBlock(6) for _ in range(2)))
    x = noise(2, 6, side, side)
    with torch.inference_mode():
        close(WinogradBlocks(blocks, side)(x), blocks(x))


def test_modulated_blocks() -> None:
    blocks = Blocks(*(ModulatedBlock(6, 3) for _ in range(2)))
    for block in blocks:
        nn.init.normal_(block.modulate.weight, 0.0, 0.5, GENERATOR)
        nn.init.normal_(block.modulate.bias, 0.0, 0.5, GENERATOR)
    x, code = noise(2, 6, 8, 8), noise(2, 3)
    with torch.inference_mode():
        expected = blocks(x, code)
        close(WinogradBlocks(blocks, 8)(x, code), expected)
        assert (blocks(x, 0 * code) - expected).abs().max() > 0.1


def test_blocks_want_whole_tiles() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        WinogradBlocks(Blocks(ResidualBlock(4)), 10)


@pytest.mark.parametrize("side", [1, 2, 5, 16])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("reflects", "replacement"), [(False, PatchResize), (True, ReflectedPatchResize)])
def test_resize_convolution(side: int, bias: bool, reflects: bool, replacement: type[PatchResize]) -> None:
    original = ResizeConvolution(5, 3, bias=bias, reflects=reflects)
    x = noise(2, 5, side, side)
    with torch.inference_mode():
        close(replacement(original, side)(x), original(x), 1e-5)


@pytest.mark.parametrize("bias", [False, True])
def test_blocked_convolution(bias: bool) -> None:
    original = WideConvolution(5, 3, bias=bias)
    x = noise(2, 5, 12, 12)
    with torch.inference_mode():
        close(BlockedConvolution(original)(x), original(x), 1e-5)


def test_instance_norm() -> None:
    x = 3 * noise(2, 4, 8, 8) + 1
    close(OneNodeInstanceNorm()(x), InstanceNorm()(x), 1e-5)


def test_rewriting_replaces_what_it_should_and_leaves_the_network_alone() -> None:
    network = ResNetGenerator(width=4, blocks=1)
    before = {type(part) for part in network.modules()}
    x = noise(1, 3, 32, 32)
    result = rewritten(network, x)
    assert {type(part) for part in network.modules()} == before
    kinds = {type(part) for part in result.modules()}
    assert {WinogradBlocks, PatchResize, BlockedConvolution, OneNodeInstanceNorm} <= kinds
    assert not {ResidualBlock, ResizeConvolution, InstanceNorm} & kinds
    with torch.inference_mode():
        close(result(x), network(x))


def test_the_doublings_of_a_generator_that_reflects_are_replaced() -> None:
    network = UGATITGenerator(16, width=4, blocks=1)
    x = noise(1, 3, 16, 16)
    result = rewritten(network, x)
    kinds = [type(part) for part in result.modules()]
    assert kinds.count(ReflectedPatchResize) == 2
    assert ResizeConvolution not in kinds
    with torch.inference_mode():
        close(result(x), network(x))


def test_rewriting_keeps_blocks_that_do_not_tile() -> None:
    """24 px leave a trunk of 6 px a side, which is no multiple of 4."""
    network = ResNetGenerator(width=4, blocks=1)
    x = noise(1, 3, 24, 24)
    result = rewritten(network, x)
    assert any(isinstance(part, ResidualBlock) for part in result.modules())
    with torch.inference_mode():
        close(result(x), network(x))
