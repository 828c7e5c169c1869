"""The enlarging network: ncnn's files are read right, and it computes what its paper says."""

from collections.abc import Callable

import enlargers
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from anime2real.train.networks.esrgan import RRDBNet, with_weights
from anime2real.train.networks.ncnn import ModelError, read_convolutions

Change = Callable[[str, bytes], tuple[str, bytes]]


@pytest.mark.parametrize("half", [True, False])
def test_convolutions_are_read_as_they_were_written(half: bool) -> None:
    # Of one with an odd number of weights, zeros fill the last four bytes in fp16.
    given = enlargers.random_convolutions()
    odd = enlargers.Convolution(given[0].weight[:3, :1], given[0].bias[:3])
    assert odd.weight.size % 2
    param, weights = enlargers.written([odd, *given], half=half)
    found = read_convolutions(param, weights, "model")
    for one, two in zip(found, [odd, *given], strict=True):
        np.testing.assert_array_equal(one.weight, two.weight)
        np.testing.assert_array_equal(one.bias, two.bias)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda param, weights: (param.replace("7767517", "7767518"), weights), "model.param is no ncnn model"),
        (lambda param, weights: ("", weights), "model.param is no ncnn model"),
        (lambda param, weights: (param, weights[:-4]), "model is damaged"),
        (lambda param, weights: (param, weights[:2]), "model is damaged"),
        (lambda param, weights: (param, weights + bytes(4)), "bytes of weights"),
        (lambda param, weights: (param, b"\1" + weights[1:]), "unknown way"),
        (lambda param, weights: (param.replace("5=1", "5=0", 1), weights), "without a bias"),
        (lambda param, weights: (param.replace(" 6=", " 7=", 1), weights), "model is damaged"),
        (lambda param, weights: (param + "PReLU p 1 1 x y 0=4\n", weights), "a layer PReLU"),
    ],
)
def test_what_is_no_such_model_is_said_in_one_line(change: Change, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_convolutions(*change(*enlargers.written(enlargers.random_convolutions())), "model")


def test_other_networks_are_refused() -> None:
    given = enlargers.random_convolutions()
    with pytest.raises(ModelError, match="it has 20 convolutions"):
        with_weights(given[:-1], "model")
    with pytest.raises(ModelError, match="its convolution 2 is"):
        with_weights([*given[:2], given[3], given[2], *given[4:]], "model")


def test_the_published_sizes() -> None:
    """Of `RealESRGAN_x4plus` and `…_anime_6B`."""
    for blocks, millions in ((23, 16.70), (6, 4.47)):
        with torch.device("meta"):
            network = RRDBNet(blocks)
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_it_computes_layer_by_layer_what_the_file_lists() -> None:
    given = enlargers.random_convolutions(blocks=2)
    rest = iter(given)

    def layer(x: torch.Tensor) -> torch.Tensor:
        one = next(rest)
        return F.conv2d(x, torch.from_numpy(one.weight), torch.from_numpy(one.bias), padding=1)

    image = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    x = first = layer(image)
    for _ in range(2):
        outer = x
        for _ in range(3):
            a = F.leaky_relu(layer(x), 0.2)
            b = F.leaky_relu(layer(torch.cat([x, a], 1)), 0.2)
            c = F.leaky_relu(layer(torch.cat([x, a, b], 1)), 0.2)
            d = F.leaky_relu(layer(torch.cat([x, a, b, c], 1)), 0.2)
            x = 0.2 * layer(torch.cat([x, a, b, c, d], 1)) + x
        x = 0.2 * x + outer
    x = first + layer(x)
    for _ in range(2):
        x = F.leaky_relu(layer(x.repeat_interleave(2, 2).repeat_interleave(2, 3)), 0.2)
    expected = layer(F.leaky_relu(layer(x), 0.2))
    assert expected.shape == (2, 3, 24, 20)
    torch.testing.assert_close(with_weights(given, "model")(image), expected, rtol=1e-4, atol=1e-5)
